/**
 * Turns a value into a form that msgpackr can write without changing it. Plain data is passed on as it is, not copied;
 * values for which MessagePack has no form become a tagged form (`forms.ts`); everything else is refused, with its
 * path.
 *
 * Some things are lost: identity (an object that occurs twice is read as two), whether an object is frozen, and fields
 * that were put on a typed array.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { entries, members } from "../collections.js"
import { isDataArray, isDataObject, ownObject } from "../dataPrototype.js"
import { fieldsOfError } from "../fieldsOfError.js"
import { field, index, maxDepth, Refusal, tooDeep, within } from "../refusal.js"
import { isWellFormed } from "../wellFormed.js"
import { fromBigInt, fromBytes, fromDate, fromMillis, fromText } from "./bytes.js"
import { type ByteKind, byteKinds, compound, type ErrorClass, errorClasses, leaf } from "./forms.js"
import { bare, noSymbols, onlyNames, read, refusedClass } from "./own.js"

interface Walk {
  depth: number
  /** How many objects may still be met. Each takes a byte at least, so more of them could not be read back. */
  left: number
}

type Wire = unknown

const undefinedLeaf = Uint8Array.of(leaf.undefined)

const negativeZeroLeaf = Uint8Array.of(leaf.negativeZero)

const noneLeaf = Uint8Array.of(leaf.none)

const tags = Object.fromEntries(Object.values(compound).map((tag) => [tag, Uint8Array.of(tag)]))

const tag = (of: keyof typeof compound): Uint8Array | undefined => tags[compound[of]]

/** The largest that MessagePack's own integers hold. */
const minInteger = -(2n ** 63n)

const maxInteger = 2n ** 64n - 1n

const byteOrderMark = 0xfeff

/** Whether UTF-8, and a TextDecoder that drops byte order marks, give the text back. */
const isText = (text: string): boolean => isWellFormed(text) && text.charCodeAt(0) !== byteOrderMark

const isFieldName = (name: string): boolean => isText(name) && name !== "__proto__"

export const toWire = (value: unknown, maxNodes: number): Wire => wire(value, { depth: 0, left: maxNodes })

const wire = (value: unknown, walk: Walk): Wire => {
  switch (typeof value) {
    case "string":
      return isText(value) ? value : fromText(value)
    case "number":
      return value === 0 && 1 / value < 0 ? negativeZeroLeaf : value
    case "boolean":
      return value
    case "undefined":
      return undefinedLeaf
    case "bigint":
      return value >= minInteger && value <= maxInteger ? value : fromBigInt(value)
    case "object":
      return value === null ? null : object(value, walk)
    default:
      throw new Refusal(`a ${typeof value} cannot be stored`)
  }
}

const object = (value: object, walk: Walk): Wire => {
  if (walk.depth === maxDepth) throw tooDeep()
  if (--walk.left < 0) throw new Refusal("too many parts: it could not be read back")
  walk.depth++
  const written = shape(value, walk)
  walk.depth--
  return written
}

const shape = (value: object, walk: Walk): Wire => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    if (prototype === Array.prototype) return array(value, walk)
    if (isDataArray(prototype)) return dataItems(value, walk)
    throw new Refusal(
      "an instance of a subclass of Array: Codec.structural does not store class instances; pass a schema"
    )
  }
  if (prototype === Object.prototype) return plain(value, walk)
  if (prototype === null) return [tag("nullObject"), ...fields(value, onlyNames(value), walk)]
  if (prototype === ownObject) return dataFields(value, walk)
  const builtIn = builtIns.get(prototype)
  if (builtIn !== undefined) return builtIn(value as never, walk) // its prototype says what it is
  const written = effectValue(value, walk)
  if (written !== undefined) return written
  if (isDataObject(prototype)) return dataFields(value, walk)
  throw new Refusal(refusedClass(value))
}

const plain = (value: object, walk: Walk): Wire => {
  const names = onlyNames(value)
  noSymbols(value)
  let copy: Record<string, unknown> | undefined
  let i = 0
  try {
    for (; i < names.length; i++) {
      const name = names[i] as string // i is below its length
      if (!isFieldName(name)) return [tag("object"), ...fields(value, names, walk)]
      const from = read(value, name)
      const to = wire(from, walk)
      if (copy === undefined && from !== to) {
        if (typeof to === "number") continue // NaN
        copy = {}
        for (const before of names.slice(0, i)) copy[before] = read(value, before)
      }
      if (copy !== undefined) copy[name] = to
    }
  } catch (error) {
    throw within(error, value, field(names[i] ?? ""))
  }
  return copy ?? value
}

// Loops, here and below: callbacks take frames, and there may be a thousand levels.

/** Names and values by turns. */
const fields = (value: object, names: ReadonlyArray<string>, walk: Walk): Array<Wire> => {
  noSymbols(value)
  const written: Array<Wire> = []
  for (const name of names) {
    try {
      written.push(wire(name, walk), wire(read(value, name), walk))
    } catch (error) {
      throw within(error, value, field(name))
    }
  }
  return written
}

const part = (value: unknown, walk: Walk, container: object, segment: string): Wire => {
  try {
    return wire(value, walk)
  } catch (error) {
    throw within(error, container, segment)
  }
}

const dataFields = (value: object, walk: Walk): Wire => [
  tag("dataObject"),
  ...fields(value, Object.keys(value), walk)
]

const dataItems = (value: ReadonlyArray<unknown>, walk: Walk): Wire => {
  const written = items(value, walk)
  if (written === undefined) throw new Refusal("an array of Data with holes, or fields of its own, cannot be stored")
  return [tag("dataArray"), ...written]
}

const array = (value: ReadonlyArray<unknown>, walk: Walk): Wire => items(value, walk) ?? sparse(value, walk)

/** `undefined` where there are holes, or fields beside the elements. */
const items = (value: ReadonlyArray<unknown>, walk: Walk): ReadonlyArray<Wire> | undefined => {
  // As many values as elements, and (below) no hole: so nothing but elements. Names would cost more than all the rest.
  if (Object.values(value).length !== value.length) return undefined
  noSymbols(value)
  let copy: Array<unknown> | undefined
  let i = 0
  try {
    for (; i < value.length; i++) {
      const from = value[i]
      if (from === undefined && !(i in value)) return undefined
      const to = wire(from, walk)
      if (copy !== undefined) copy.push(to)
      else if (from !== to && typeof to !== "number") {
        copy = value.slice(0, i)
        copy.push(to)
      }
    }
  } catch (error) {
    throw within(error, value, index(i))
  }
  return copy ?? value
}

/** The length, then indices and elements by turns: holes take no room, however many there are. */
const sparse = (value: ReadonlyArray<unknown>, walk: Walk): Wire => {
  noSymbols(value)
  const written: Array<Wire> = [tag("sparseArray"), value.length]
  for (const name of Object.keys(value)) {
    const position = Number(name)
    if (String(position >>> 0) !== name || position >= value.length) {
      throw new Refusal("an array with a field of its own cannot be stored").within(value, field(name))
    }
    written.push(position, part(value[position], walk, value, index(position)))
  }
  return written
}

/** What a runtime itself puts on each URL: Deno brands them. */
const symbolsOfUrls = Object.getOwnPropertySymbols(new URL("http://localhost"))

const url = (value: URL): Wire => {
  bare(value, 0, symbolsOfUrls)
  const href = value.href
  // It is made again by parsing.
  if (new URL(href).href !== href) throw new Refusal("a URL whose text parses to a different URL cannot be stored")
  return [tag("url"), href]
}

const regExp = (value: RegExp, walk: Walk): Wire => {
  bare(value, 1) // lastIndex
  return [tag("regExp"), wire(value.source, walk), value.flags, wire(value.lastIndex, walk)]
}

/** The class, how many fields are not enumerable, those, and the others. Where it was made is not kept. */
const error = (of: ErrorClass) => (value: Error, walk: Walk): Wire => {
  const isShown = (name: string) => Object.prototype.propertyIsEnumerable.call(value, name)
  const names = fieldsOfError(value)
  const hidden = names.filter((name) => !isShown(name))
  return [tag("error"), of, hidden.length, ...fields(value, [...hidden, ...names.filter(isShown)], walk)]
}

const bytes = (kind: ByteKind) => (value: ArrayBuffer | ArrayBufferView): Wire => {
  if (!ArrayBuffer.isView(value)) {
    bare(value)
    if (Predicate.hasProperty(value, "resizable") && value.resizable === true) {
      throw new Refusal("a resizable ArrayBuffer cannot be stored")
    }
  }
  return fromBytes(kind, value)
}

const withoutFields = <A extends object>(write: (value: A, walk: Walk) => Wire) => (value: A, walk: Walk): Wire => {
  bare(value)
  return write(value, walk)
}

/** By prototype: what only inherits from one of these has no content of its own, and its methods throw. */
const builtIns: ReadonlyMap<unknown, (value: never, walk: Walk) => Wire> = new Map<
  unknown,
  (value: never, walk: Walk) => Wire
>([
  [Date.prototype, withoutFields<Date>(fromDate)],
  [RegExp.prototype, regExp],
  [URL.prototype, url],
  [
    Map.prototype,
    withoutFields<Map<unknown, unknown>>((map, walk) => [tag("map"), ...entries(map, wire, walk, map)])
  ],
  [Set.prototype, withoutFields<Set<unknown>>((set, walk) => [tag("set"), ...members(set, wire, walk, set)])],
  // The names are the keys of that very table.
  ...Object.entries(errorClasses).map(([name, { prototype }]) => [prototype, error(name as ErrorClass)] as const),
  ...byteKinds.filter((kind) => kind in globalThis).map((kind) => [globalThis[kind].prototype, bytes(kind)] as const)
])

/** In the unit that it is in: `Equal.equals` tells a thousand nanoseconds from a microsecond. */
const duration = ({ value }: Duration.Duration): Wire => {
  switch (value._tag) {
    case "Infinity":
      return Uint8Array.of(leaf.duration)
    case "Millis":
      return fromMillis(value.millis)
    case "Nanos":
      return fromBigInt(value.nanos, leaf.nanos)
  }
}

const effectValue = (value: object, walk: Walk): Wire => {
  if (Option.isOption(value)) {
    return Option.isNone(value) ? noneLeaf : [tag("some"), part(value.value, walk, value, ".value")]
  }
  if (Either.isEither(value)) {
    return Either.isLeft(value)
      ? [tag("left"), part(value.left, walk, value, ".left")]
      : [tag("right"), part(value.right, walk, value, ".right")]
  }
  if (Chunk.isChunk(value)) return [tag("chunk"), ...members(value, wire, walk, value)]
  if (Duration.isDuration(value)) return duration(value)
  if (HashMap.isHashMap(value)) return [tag("hashMap"), ...entries(value, wire, walk, value)]
  if (HashSet.isHashSet(value)) return [tag("hashSet"), ...members(value, wire, walk, value)]
  if (Exit.isExit(value)) {
    return Exit.isSuccess(value)
      ? [tag("exit"), true, part(value.value, walk, value, ".value")]
      : [tag("exit"), false, part(value.cause, walk, value, ".cause")]
  }
  if (Cause.isCause(value)) return cause(value, walk)
  if (FiberId.isFiberId(value)) return fiberId(value, walk)
  return undefined
}

const cause = (value: Cause.Cause<unknown>, walk: Walk): Wire => {
  switch (value._tag) {
    case "Empty":
      return [tag("cause"), "Empty"]
    case "Fail":
      return [tag("cause"), "Fail", part(value.error, walk, value, ".error")]
    case "Die":
      return [tag("cause"), "Die", part(value.defect, walk, value, ".defect")]
    case "Interrupt":
      return [tag("cause"), "Interrupt", part(value.fiberId, walk, value, ".fiberId")]
    case "Sequential":
    case "Parallel":
      return [
        tag("cause"),
        value._tag,
        part(value.left, walk, value, ".left"),
        part(value.right, walk, value, ".right")
      ]
  }
}

const fiberId = (value: FiberId.FiberId, walk: Walk): Wire => {
  switch (value._tag) {
    case "None":
      return [tag("fiberId")]
    case "Runtime":
      return [tag("fiberId"), value.id, value.startTimeMillis]
    case "Composite":
      return [
        tag("fiberId"),
        "Composite",
        part(value.left, walk, value, ".left"),
        part(value.right, walk, value, ".right")
      ]
  }
}
