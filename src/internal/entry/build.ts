/** From a value to the bytes of its entry. */
import * as Either from "effect/Either"
import type { CodecError } from "../../CacheError.js"
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { CodecIssue } from "../codec/codec.js"
import type { CacheDefinition } from "../definition/definition.js"
import * as Entry from "./format.js"

/** A value's payload, or why it cannot be stored. */
export const payload = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  value: Value,
  redisKey: string
): Either.Either<Uint8Array, CodecError> => checkSize(cache, cache.codec.encode(value, cache.context(redisKey)))

/** The payload of a typed failure that is to be cached. */
export const failurePayload = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  failure: unknown,
  redisKey: string
): Either.Either<Uint8Array, CodecError> =>
  cache.failureCodec === undefined
    ? Either.left(cache.codecError("value", { path: "$", detail: "this cache has no codec for failures" }))
    : checkSize(cache, cache.failureCodec.encode(failure, cache.context(redisKey)))

const checkSize = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  encoded: Either.Either<Uint8Array, CodecIssue>
): Either.Either<Uint8Array, CodecError> => {
  if (Either.isLeft(encoded)) return Either.left(cache.codecError("value", encoded.left))
  const { maxValueSize } = cache.policy
  // It is not a Left, and a copy of it would be the same.
  if (encoded.right.length <= maxValueSize) return encoded as Either.Right<never, Uint8Array>
  return Either.left(cache.codecError("value", {
    path: "$",
    detail: `it takes ${encoded.right.length} bytes, more than maxValueSize (${maxValueSize}) allows`
  }))
}

/** The parts of an entry that do not come from its cache. */
export type Parts = Pick<Entry.EntryParts, "payload" | "freshUntil" | "loadMillis" | "tags" | "failure">

/** The bytes of an entry; a counter's payload is all there is. */
export const build = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  parts: Parts,
  random: RandomBytes
): Uint8Array =>
  cache.kind === "counter" ? parts.payload : Entry.encode({ version: cache.policy.version, ...parts }, random)
