/**
 * The canonical text of a structured key: one text for equal values, whatever the order of fields, members and
 * entries, and never one text for different values.
 *
 * Plain data looks like JSON with sorted fields, except that objects are in parentheses and braces inside strings are
 * written `\u007b` and `\u007d`: the text holds no brace at all, so Redis Cluster sees no hash tag in it, and
 * redis-cli shows `("id":42)` instead of a row of percent signs. All else is named: `1n`, `Date(…)`, `Map("a"=>1)`,
 * `Some(1)`, `new Point("x":1)`.
 *
 * Where two values differ for `util.isDeepStrictEqual` or for `Equal.equals` their texts differ too, also where a
 * reader may think them alike (`Data.struct({ a: 1 })` and `{ a: 1 }`): a key too many is a miss, one too few returns
 * the value of another key.
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as List from "effect/List"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Redacted from "effect/Redacted"
import * as SortedMap from "effect/SortedMap"
import * as SortedSet from "effect/SortedSet"
import { toHex } from "../bytes/hex.js"
import * as Collections from "../codec/collections.js"
import { isDataArray, isDataObject, isStructural, ownObject } from "../codec/dataPrototype.js"
import { fieldsOfError } from "../codec/fieldsOfError.js"
import { field, index, maxDepth, Refusal, tooDeep, within } from "../codec/refusal.js"
import { errorClasses } from "../codec/structural/forms.js"
import { isDerived } from "./derived.js"

/** Shared references count again each time that they are met: without a bound, 40 nested pairs would never end. */
const maxNodes = 1_000_000

interface Walk {
  nodes: number
  depth: number
}

/** Characters that a string literal cannot hold as they are. */
const special = /[\u0000-\u001f"\\{}\ud800-\udfff]/

const brace = /[{}]/g

/** Lone surrogates come out as escapes, so that they do not meet in UTF-8. */
export const quote = (text: string): string =>
  special.test(text)
    ? JSON.stringify(text).replace(brace, (found) => found === "{" ? "\\u007b" : "\\u007d")
    : `"${text}"`

const number = (value: number): string => value === 0 && 1 / value < 0 ? "-0" : String(value)

const primitive = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return quote(value)
    case "number":
      return number(value)
    case "bigint":
      return `${value}n`
    case "boolean":
    case "undefined":
      return String(value)
    case "function":
      throw new Refusal("a function cannot be part of a key")
    case "symbol":
      throw new Refusal("a symbol cannot be part of a key")
    default:
      return "null"
  }
}

export const text = (value: unknown): string =>
  typeof value === "object" && value !== null ? object(value, { nodes: 0, depth: 0 }) : primitive(value)

const write = (value: unknown, walk: Walk): string =>
  typeof value === "object" && value !== null ? object(value, walk) : primitive(value)

/** The text of a part, knowing where in the whole it is if it is refused. */
const part = (value: unknown, walk: Walk, container: object, segment: () => string): string => {
  try {
    return write(value, walk)
  } catch (error) {
    throw within(error, container, segment())
  }
}

const object = (value: object, walk: Walk): string => {
  if (walk.depth === maxDepth) throw tooDeep()
  if (++walk.nodes > maxNodes) throw new Refusal(`more than ${maxNodes} objects: too large for a key`)
  walk.depth++
  const written = shape(value, walk)
  walk.depth--
  return written
}

const shape = (value: object, walk: Walk): string => {
  if (PrimaryKey.symbol in value) return primaryKey(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    if (prototype === Array.prototype) return `[${items(value, walk)}]`
    if (isDataArray(prototype)) return `Data[${items(value, walk)}]`
    throw new Refusal("an instance of a subclass of Array cannot be part of a key")
  }
  if (prototype === Object.prototype) return `(${onlyFields(value, walk)})`
  if (prototype === null) return `null(${onlyFields(value, walk)})`
  if (prototype === ownObject) return dataFields(value, walk)
  const builtIn = builtIns.get(prototype)
  if (builtIn !== undefined) {
    const written = builtIn(value as never, walk) // its prototype says what it is; what pretends to be it throws
    // Fields put on typed arrays are not looked for: there are libraries that leave caches on buffers.
    if (!ArrayBuffer.isView(value)) noFields(value)
    return written
  }
  return effectValue(value, walk) ??
    (isDataObject(prototype) ? dataFields(value, walk) : instance(value, prototype, walk))
}

const primaryKey = (value: object): string => {
  const key: unknown = PrimaryKey.value(value as PrimaryKey.PrimaryKey) // the symbol was found; the result is checked
  if (typeof key !== "string") throw new Refusal("its PrimaryKey is not a string")
  return `PrimaryKey(${quote(key)})`
}

const items = (array: ReadonlyArray<unknown>, walk: Walk): string => {
  const length = array.length
  const own = Object.keys(array)
  // Indices come first and in order: if the last of as many keys as there are elements is an index, all of them are.
  if (own.length !== length || (length > 0 && own[length - 1] !== String(length - 1))) return sparse(array, own, walk)
  let written = ""
  let i = 0
  try {
    for (; i < length; i++) written += i === 0 ? write(array[i], walk) : `,${write(array[i], walk)}`
  } catch (error) {
    throw within(error, array, index(i))
  }
  return noSymbols(array, written)
}

/** Holes are counted, not visited: there may be four thousand million of them. */
const sparse = (array: ReadonlyArray<unknown>, own: ReadonlyArray<string>, walk: Walk): string => {
  const written: Array<string> = []
  let next = 0
  for (const key of own) {
    const position = Number(key)
    if (String(position >>> 0) !== key || position >= array.length) {
      throw new Refusal("an array with a field of its own cannot be part of a key").within(array, field(key))
    }
    if (position > next) written.push(`holes*${position - next}`)
    written.push(part(array[position], walk, array, () => index(position)))
    next = position + 1
  }
  if (array.length > next) written.push(`holes*${array.length - next}`)
  return noSymbols(array, written.join(","))
}

const fields = (value: object, names: Array<string>, walk: Walk): string => {
  const record = value as Readonly<Record<string, unknown>> // its own enumerable names are what is read
  if (names.length > 1) names.sort()
  let written = ""
  let name = ""
  try {
    for (name of names) {
      const item = record[name]
      if (typeof item === "object" && isDerived(item)) continue
      written += `${written === "" ? "" : ","}${quote(name)}:${write(item, walk)}`
    }
  } catch (error) {
    throw within(error, value, field(name))
  }
  return noSymbols(value, written)
}

const dataFields = (value: object, walk: Walk): string => `Data(${fields(value, Object.keys(value), walk)})`

/** Of a plain object: a property that no loop shows would be a difference that the key does not have. */
const onlyFields = (value: object, walk: Walk): string => {
  const names = Object.keys(value)
  if (Object.getOwnPropertyNames(value).length !== names.length) {
    throw new Refusal("an object with properties that are not enumerable cannot be part of a key")
  }
  return fields(value, names, walk)
}

/** Effect keeps a hash that it has computed under a symbol, not enumerable. */
const noSymbols = (value: object, written: string): string => {
  const symbols = Object.getOwnPropertySymbols(value)
  if (symbols.length > 0) {
    for (const symbol of symbols) {
      if (Object.prototype.propertyIsEnumerable.call(value, symbol)) {
        throw new Refusal("a symbol cannot be part of a key").within(value, `[${String(symbol)}]`)
      }
    }
  }
  return written
}

const noFields = (value: object): void => {
  const [name] = Object.keys(value)
  if (name !== undefined) {
    throw new Refusal(`${nameOf(value)} with a field of its own cannot be part of a key`).within(value, field(name))
  }
}

const nameOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

const sorted = (texts: Array<string>): string => texts.sort().join(",")

const entries = (pairs: Iterable<readonly [unknown, unknown]>, walk: Walk, container: object): Array<string> => {
  const sides = Collections.entries(pairs, write, walk, container)
  const written: Array<string> = []
  for (let i = 0; i < sides.length; i += 2) written.push(`${sides[i]}=>${sides[i + 1]}`)
  return written
}

/** Where an error was made is not part of its identity, nor whether its message comes from its class. */
const errorText = (error: Error, walk: Walk): string => {
  const names = fieldsOfError(error).filter((name) => name !== "name" && name !== "message")
  return `(${quote(String(error.name))},${quote(String(error.message))})(${fields(error, names, walk)})`
}

/** By prototype: what only inherits from one of these has no content of its own, and its methods throw. */
const builtIns: ReadonlyMap<unknown, (value: never, walk: Walk) => string> = new Map<
  unknown,
  (value: never, walk: Walk) => string
>([
  [Date.prototype, (date: Date) => `Date(${Number.isNaN(date.getTime()) ? "NaN" : date.toISOString()})`],
  [
    RegExp.prototype,
    (regExp: RegExp) => `RegExp(${quote(regExp.source)},${quote(regExp.flags)},${String(regExp.lastIndex)})`
  ],
  [URL.prototype, (url: URL) => `URL(${quote(url.href)})`],
  [Map.prototype, (map: ReadonlyMap<unknown, unknown>, walk) => `Map(${sorted(entries(map, walk, map))})`],
  [Set.prototype, (set: ReadonlySet<unknown>, walk) => `Set(${sorted(Collections.members(set, write, walk, set))})`],
  [ArrayBuffer.prototype, (buffer: ArrayBuffer) =>
    // `byteLength` throws where it is no ArrayBuffer, the constructor would not.
    `ArrayBuffer(${toHex(new Uint8Array(buffer, 0, buffer.byteLength))})`],
  [
    DataView.prototype,
    (view: DataView) => `DataView(${toHex(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))})`
  ],
  [Uint8Array.prototype, (bytes: Uint8Array) => `Uint8Array(${toHex(bytes)})`],
  // Not in every runtime. It is a class of its own for isDeepStrictEqual, so it is here.
  ...(typeof Buffer === "undefined"
    ? []
    : [[Buffer.prototype, (bytes: Uint8Array) => `Buffer(${toHex(bytes)})`] as const]),
  ...[
    Uint8ClampedArray,
    Int8Array,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array
  ].map((numbers) =>
    // By value, not by bytes: the same on machines of either byte order.
    [numbers.prototype, (array: Float64Array) => `${numbers.name}(${Array.from(array, number).join(",")})`] as const
  ),
  ...[BigInt64Array, BigUint64Array].map((numbers) =>
    [numbers.prototype, (array: BigInt64Array) => `${numbers.name}(${Array.from(array).join(",")})`] as const
  )
])

const duration = (value: Duration.Duration): string =>
  Option.match(Duration.toNanos(value), {
    onNone: () => "Duration(Infinity)",
    onSome: (nanos) => nanos % 1_000_000n === 0n ? `Duration(${nanos / 1_000_000n}ms)` : `Duration(${nanos}ns)`
  })

const dateTime = (value: DateTime.DateTime): string => {
  const instant = number(DateTime.toEpochMillis(value))
  return DateTime.isZoned(value)
    ? `DateTime.Zoned(${instant},${quote(DateTime.zoneToString(value.zone))})`
    : `DateTime.Utc(${instant})`
}

const effectValue = (value: object, walk: Walk): string | undefined => {
  if (Option.isOption(value)) {
    return Option.isNone(value) ? "None" : `Some(${part(value.value, walk, value, () => ".value")})`
  }
  if (Either.isEither(value)) {
    return Either.isLeft(value)
      ? `Left(${part(value.left, walk, value, () => ".left")})`
      : `Right(${part(value.right, walk, value, () => ".right")})`
  }
  if (Chunk.isChunk(value)) return `Chunk[${Collections.members(value, write, walk, value).join(",")}]`
  if (Duration.isDuration(value)) return duration(value)
  if (HashMap.isHashMap(value)) return `HashMap(${sorted(entries(value, walk, value))})`
  if (HashSet.isHashSet(value)) return `HashSet(${sorted(Collections.members(value, write, walk, value))})`
  if (List.isList(value)) return `List[${Collections.members(value, write, walk, value).join(",")}]`
  if (SortedMap.isSortedMap(value)) return `SortedMap(${entries(value, walk, value).join(",")})`
  if (SortedSet.isSortedSet(value)) return `SortedSet(${Collections.members(value, write, walk, value).join(",")})`
  if (DateTime.isDateTime(value)) return dateTime(value)
  if (BigDecimal.isBigDecimal(value)) return `BigDecimal(${BigDecimal.format(BigDecimal.normalize(value))})`
  if (Redacted.isRedacted(value)) throw new Refusal("a Redacted cannot be part of a key: keys are no place for secrets")
  if (Exit.isExit(value)) throw new Refusal("an Exit cannot be part of a key")
  // Errors made by Data.TaggedError are effects too, but they are data first.
  if (Effect.isEffect(value) && !(value instanceof Error)) throw new Refusal("an Effect cannot be part of a key")
  return undefined
}

/** Classes whose contents no field shows: an instance of a subclass would lose them. */
const opaque: ReadonlyArray<abstract new(...args: never) => object> = [
  ArrayBuffer,
  SharedArrayBuffer,
  DataView,
  Date,
  Map,
  Set,
  RegExp,
  URL,
  URLSearchParams,
  Promise,
  WeakMap,
  WeakSet,
  WeakRef,
  FinalizationRegistry,
  Boolean,
  Number,
  String
]

const instance = (value: object, prototype: unknown, walk: Walk): string => {
  if (ArrayBuffer.isView(value) || opaque.some((type) => value instanceof type) || Predicate.isPromiseLike(value)) {
    throw new Refusal(`${article(nameOf(value))} cannot be part of a key`)
  }
  const constructor = Predicate.hasProperty(prototype, "constructor") && Object.hasOwn(prototype, "constructor")
    ? prototype.constructor
    : undefined
  if (!isStructural(value) && !languageErrors.has(prototype)) {
    const of = typeof constructor === "function" && constructor.name !== "" ? constructor.name : "an unnamed class"
    throw new Refusal(`an instance of ${of} cannot be part of a key unless its class implements PrimaryKey or Equal`)
  }
  if (typeof constructor !== "function" || constructor.name === "") {
    throw new Refusal("an object whose class has no name cannot be part of a key")
  }
  const name = /^[\w$]+$/.test(constructor.name) ? constructor.name : quote(constructor.name)
  if (value instanceof Error) return `new ${name}${errorText(value, walk)}`
  return `new ${name}(${fields(value, Object.keys(value), walk)})`
}

const languageErrors: ReadonlySet<unknown> = new Set(Object.values(errorClasses).map(({ prototype }) => prototype))

const article = (name: string): string => `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`
