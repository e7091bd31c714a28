/**
 * One text for values that are equal, whatever the order of fields, members and entries, and a different text for
 * others: the fuzzer compares keys and decoded values with it. It shares no code with the sources.
 */
import {
  Cause,
  Chunk,
  Data,
  Duration,
  Either,
  Exit,
  FiberId,
  HashMap,
  HashSet,
  List,
  Option,
  Predicate,
  PrimaryKey
} from "effect"
import { types } from "node:util"

const structOf: unknown = Object.getPrototypeOf(Data.struct({}))
const tupleOf: unknown = Object.getPrototypeOf(Data.tuple())

const number = (value: number): string => Object.is(value, -0) ? "-0" : String(value)

const list = (values: Iterable<unknown>): string => [...values].map(normal).join()

const unordered = (values: Iterable<string>): string => [...values].sort().join()

const pairs = (entries: Iterable<readonly [unknown, unknown]>): string =>
  unordered(Array.from(entries, ([key, value]) => `${normal(key)}>${normal(value)}`))

/** Own fields, enumerable or not. An error's stack, which is not enumerable, does not belong to its identity. */
const fields = (value: object, isError = false): string =>
  unordered(
    Object.getOwnPropertyNames(value).filter((name) => {
      const property = Object.getOwnPropertyDescriptor(value, name)!
      return !(isError && name === "stack" && property.enumerable !== true)
    }).map((name) => {
      const property = Object.getOwnPropertyDescriptor(value, name)!
      return `${JSON.stringify(name)}${property.enumerable === true ? "" : "!"}:${normal(property.value)}`
    })
  )

const arrayItems = (array: ReadonlyArray<unknown>): string =>
  `${array.length};${Object.keys(array).map((name) => `${name}:${normal(array[Number(name)])}`).join()}`

const fiberId = (value: FiberId.FiberId): string => {
  switch (value._tag) {
    case "None":
      return "none"
    case "Runtime":
      return `${number(value.id)}#${number(value.startTimeMillis)}`
    case "Composite":
      return `(${fiberId(value.left)}+${fiberId(value.right)})`
  }
}

const cause = (value: Cause.Cause<unknown>): string => {
  switch (value._tag) {
    case "Empty":
      return "empty"
    case "Fail":
      return `fail ${normal(value.error)}`
    case "Die":
      return `die ${normal(value.defect)}`
    case "Interrupt":
      return `interrupt ${fiberId(value.fiberId)}`
    case "Sequential":
    case "Parallel":
      return `${value._tag}(${cause(value.left)};${cause(value.right)})`
  }
}

const effects = (value: object): string | undefined => {
  if (Option.isOption(value)) return Option.isNone(value) ? "None" : `Some<${normal(value.value)}>`
  if (Either.isEither(value)) return Either.isLeft(value) ? `L<${normal(value.left)}>` : `R<${normal(value.right)}>`
  if (Chunk.isChunk(value)) return `Chunk<${list(value)}>`
  if (List.isList(value)) return `List<${list(value)}>`
  if (HashMap.isHashMap(value)) return `HashMap<${pairs(value)}>`
  if (HashSet.isHashSet(value)) return `HashSet<${unordered(Array.from(value, normal))}>`
  if (Duration.isDuration(value)) {
    const { value: held } = value
    if (held._tag === "Infinity") return "Duration<endless>"
    // The same duration in two units is equal for `Equal`.
    return held._tag === "Millis" && held.millis < 2 ** 53
      ? `Duration<${BigInt(held.millis) * 1_000_000n}>`
      : `Duration<${held._tag === "Millis" ? `${held.millis} ms` : held.nanos}>`
  }
  if (Exit.isExit(value)) return Exit.isSuccess(value) ? `ok<${normal(value.value)}>` : `ko<${cause(value.cause)}>`
  if (Cause.isCause(value)) return `Cause<${cause(value)}>`
  if (FiberId.isFiberId(value)) return `FiberId<${fiberId(value)}>`
  return undefined
}

const object = (value: object): string => {
  if (PrimaryKey.symbol in value) {
    return `PrimaryKey<${JSON.stringify(PrimaryKey.value(value as PrimaryKey.PrimaryKey))}>`
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) return `${prototype === tupleOf ? "Data" : ""}[${arrayItems(value)}]`
  if (prototype === Object.prototype) return `{${fields(value)}}`
  if (prototype === null) return `null{${fields(value)}}`
  if (prototype === structOf) return `Data{${fields(value)}}`
  if (types.isDate(value)) return `Date<${number(value.getTime())}>`
  if (types.isRegExp(value)) return `RegExp<${JSON.stringify(value.source)}${value.flags} ${number(value.lastIndex)}>`
  if (types.isMap(value)) return `Map<${pairs(value)}>`
  if (types.isSet(value)) return `Set<${unordered(Array.from(value, normal))}>`
  if (types.isNativeError(value)) return `${value.constructor.name}{${fields(value, true)}}`
  if (value instanceof URL) return `URL<${value.href}>`
  if (types.isAnyArrayBuffer(value)) return `ArrayBuffer<${Buffer.from(value).toString("hex")}>`
  if (types.isDataView(value)) {
    return `DataView<${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}>`
  }
  if (types.isTypedArray(value)) {
    const items: ReadonlyArray<number | bigint> = Array.from<number | bigint>(value as Iterable<number | bigint>)
    return `${value.constructor.name}<${items.map((item) => typeof item === "number" ? number(item) : item).join()}>`
  }
  const effect = effects(value)
  if (effect !== undefined) return effect
  if (Predicate.hasProperty(value, "constructor")) return `${value.constructor.name}{${fields(value)}}`
  throw new Error("an object of no kind that is known here")
}

export const normal = (value: unknown): string => {
  switch (typeof value) {
    case "object":
      return value === null ? "null" : object(value)
    case "string":
      return JSON.stringify(value)
    case "number":
      return number(value)
    case "bigint":
      return `${value}n`
    case "boolean":
    case "undefined":
      return String(value)
    default:
      throw new Error(`a ${typeof value} is no data`)
  }
}
