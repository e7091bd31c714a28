/**
 * From what msgpackr read to the value: the tagged forms of `forms.ts` become what they stand for.
 *
 * It works in place, on what was made for it. Nothing is called that the payload names: tags choose from tables.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import { Refusal } from "../refusal.js"
import { toBigInt, toBytes, toDate, toDuration, toText } from "./bytes.js"
import { compound, type ErrorClass, errorClasses, leaf } from "./forms.js"

type Parts = ReadonlyArray<unknown>

const malformed = (what: string): Refusal => new Refusal(`a malformed ${what}`)

export const fromWire = (wire: unknown): unknown => {
  if (typeof wire !== "object" || wire === null) return wire
  if (wire instanceof Uint8Array) return fromLeaf(wire)
  if (!Array.isArray(wire)) {
    const fields = wire as Record<string, unknown> // no name of it is `__proto__`: the scan refuses that
    for (const name of Object.keys(fields)) fields[name] = fromWire(fields[name])
    return fields
  }
  const items: Array<unknown> = wire
  const [first] = items
  if (first instanceof Uint8Array && first.length === 1) {
    const read = compounds.get(first[0])
    if (read !== undefined) {
      const parts: Array<unknown> = []
      for (let i = 1; i < items.length; i++) parts.push(fromWire(items[i]))
      return read(parts)
    }
  }
  for (let i = 0; i < items.length; i++) items[i] = fromWire(items[i])
  return items
}

const fromLeaf = (bytes: Uint8Array): unknown => {
  const rest = bytes.subarray(1)
  switch (bytes[0]) {
    case leaf.undefined:
      return undefined
    case leaf.negativeZero:
      return -0
    case leaf.none:
      return Option.none()
    case leaf.bigint:
      return toBigInt(rest)
    case leaf.text:
      return toText(rest)
    case leaf.date:
      return toDate(rest)
    case leaf.bytes:
      return toBytes(rest)
    case leaf.duration:
      return toDuration(rest)
    case leaf.nanos:
      return Duration.nanos(toBigInt(rest))
    default:
      throw new Refusal("an unknown tag")
  }
}

const text = (part: unknown): string => {
  if (typeof part !== "string") throw malformed("text")
  return part
}

const count = (part: unknown): number => {
  if (typeof part !== "number" || part !== part >>> 0) throw malformed("number")
  return part
}

const only = (parts: Parts): unknown => {
  if (parts.length !== 1) throw malformed("tagged value")
  return parts[0]
}

const pairs = (parts: Parts): Array<readonly [unknown, unknown]> => {
  if (parts.length % 2 !== 0) throw malformed("list of pairs")
  return Array.from({ length: parts.length / 2 }, (_, i) => [parts[i * 2], parts[i * 2 + 1]])
}

/** Defined, not assigned: a name that has a setter on the prototype is data like any other. */
const define = (target: object, parts: Parts, enumerable: boolean): void => {
  for (const [name, value] of pairs(parts)) {
    Object.defineProperty(target, text(name), { value, enumerable, configurable: true, writable: true })
  }
}

const withFields = (target: object) => (parts: Parts): object => {
  define(target, parts, true)
  return target
}

const longestArray = 2 ** 32 - 1

const sparseArray = ([length, ...rest]: Parts): Array<unknown> => {
  const array: Array<unknown> = []
  // First as long as can be: what is so long has its elements in a table, and holes that are claimed take no memory.
  array.length = longestArray
  array.length = count(length)
  for (const [position, value] of pairs(rest)) {
    if (count(position) >= array.length) throw malformed("array")
    array[count(position)] = value
  }
  return array
}

const regExp = ([source, flags, lastIndex]: Parts): RegExp => {
  const made = new RegExp(text(source), text(flags))
  if (typeof lastIndex !== "number") throw malformed("RegExp")
  made.lastIndex = lastIndex
  return made
}

const isErrorClass = (name: string): name is ErrorClass => Object.hasOwn(errorClasses, name)

const error = ([of, hidden, ...rest]: Parts): Error => {
  const name = text(of)
  if (!isErrorClass(name)) throw malformed("error")
  const made = name === "AggregateError" ? new AggregateError([]) : new errorClasses[name]()
  for (const own of Object.getOwnPropertyNames(made)) Reflect.deleteProperty(made, own)
  const end = count(hidden) * 2
  // The stack of the code that reads it here would mislead.
  define(made, ["stack", name], false)
  define(made, rest.slice(0, end), false)
  define(made, rest.slice(end), true)
  return made
}

const isCause = Cause.isCause

const cause = ([kind, ...parts]: Parts): Cause.Cause<unknown> => {
  const [first, second] = parts
  switch (kind) {
    case "Empty":
      return Cause.empty
    case "Fail":
      return Cause.fail(only(parts))
    case "Die":
      return Cause.die(only(parts))
    case "Interrupt":
      if (!FiberId.isFiberId(first)) break
      return Cause.interrupt(first)
    case "Sequential":
      if (!isCause(first) || !isCause(second)) break
      return Cause.sequential(first, second)
    case "Parallel":
      if (!isCause(first) || !isCause(second)) break
      return Cause.parallel(first, second)
  }
  throw malformed("Cause")
}

const exit = ([succeeded, value]: Parts): Exit.Exit<unknown, unknown> => {
  if (succeeded === true) return Exit.succeed(value)
  if (succeeded === false && isCause(value)) return Exit.failCause(value)
  throw malformed("Exit")
}

const fiberId = (parts: Parts): FiberId.FiberId => {
  const [first, second, third] = parts
  if (parts.length === 0) return FiberId.none
  if (typeof first === "number" && typeof second === "number") return FiberId.runtime(first, second)
  if (first === "Composite" && FiberId.isFiberId(second) && FiberId.isFiberId(third)) {
    return FiberId.composite(second, third)
  }
  throw malformed("FiberId")
}

const compounds: ReadonlyMap<unknown, (parts: Parts) => unknown> = new Map<unknown, (parts: Parts) => unknown>([
  [compound.object, (parts) => withFields({})(parts)],
  [compound.nullObject, (parts) => withFields(Object.create(null))(parts)],
  [compound.dataObject, (parts) => withFields(Data.struct({}))(parts)],
  [compound.dataArray, (parts) => Data.array(parts)],
  [compound.sparseArray, sparseArray],
  [compound.map, (parts) => new Map(pairs(parts))],
  [compound.set, (parts) => new Set(parts)],
  [compound.regExp, regExp],
  [compound.url, (parts) => new URL(text(only(parts)))],
  [compound.error, error],
  [compound.some, (parts) => Option.some(only(parts))],
  [compound.left, (parts) => Either.left(only(parts))],
  [compound.right, (parts) => Either.right(only(parts))],
  [compound.chunk, (parts) => Chunk.fromIterable(parts)],
  [compound.hashMap, (parts) => HashMap.fromIterable(pairs(parts))],
  [compound.hashSet, (parts) => HashSet.fromIterable(parts)],
  [compound.cause, cause],
  [compound.exit, exit],
  [compound.fiberId, fiberId]
])
