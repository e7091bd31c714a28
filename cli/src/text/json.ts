/**
 * Anything as JSON, for scripts: a value that JSON cannot express is an object with one field that begins with a `$`.
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

const deepest = 100

/** A value from a cache, as plain data. */
export const toJson = (value: unknown, depth = 0): unknown => {
  if (depth > deepest) return { $tooDeep: true }
  const inner = (part: unknown): unknown => toJson(part, depth + 1)
  switch (typeof value) {
    case "undefined":
      return { $undefined: true }
    case "bigint":
      return { $bigint: String(value) }
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? "-0" : String(value) }
    case "object":
      return value === null ? null : ofObject(value, inner)
    default:
      return value
  }
}

const ofObject = (value: object, inner: (part: unknown) => unknown): unknown => {
  if (Array.isArray(value)) return Array.from(value, inner)
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() }
  if (value instanceof Map) return { $map: Array.from(value, ([key, item]) => [inner(key), inner(item)]) }
  if (value instanceof Set) return { $set: Array.from(value, inner) }
  if (value instanceof RegExp || value instanceof URL) {
    return { [`$${value.constructor.name.toLowerCase()}`]: String(value) }
  }
  if (value instanceof Error) return { $error: value.name, message: value.message }
  if (value instanceof ArrayBuffer) return { $bytes: Buffer.from(value).toString("base64") }
  if (ArrayBuffer.isView(value)) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") }
  }
  if (Option.isOption(value)) return Option.isSome(value) ? { $some: inner(value.value) } : { $none: true }
  if (Either.isEither(value)) {
    return Either.isRight(value) ? { $right: inner(value.right) } : { $left: inner(value.left) }
  }
  if (Duration.isDuration(value)) return { $millis: Duration.isFinite(value) ? Duration.toMillis(value) : null }
  if (Object.getPrototypeOf(value) !== Object.prototype && "toJSON" in value && typeof value.toJSON === "function") {
    return value.toJSON()
  }
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, inner(item)]))
}

/** Milliseconds, `null` for infinity. */
export const millis = (duration: Duration.Duration): number | null =>
  Duration.isFinite(duration) ? Duration.toMillis(duration) : null

export const orNull = <A, B>(value: Option.Option<A>, show: (value: A) => B): B | null =>
  Option.match(value, { onNone: () => null, onSome: show })
