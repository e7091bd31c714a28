/** The only code that judges what an entry is to a reader at a moment: fresh, stale, a failure, or absent and why. */
import * as Either from "effect/Either"
import type { CodecIssue } from "../codec/codec.js"
import { isInPlace } from "../codec/make.js"
import type { CacheDefinition } from "../definition/definition.js"
import * as Entry from "./format.js"
import type { TagState } from "./tags.js"

/** Why a key is absent. */
export type AbsentReason = "Missing" | "Leased" | "Held" | "Foreign" | "OtherVersion" | "Invalidated" | "Expired"

export interface Absent {
  readonly _tag: "Absent"
  readonly reason: AbsentReason
}

/** It is complete, but this cache's codec does not read its payload: it is absent to readers, and is reported. */
export interface Undecodable {
  readonly _tag: "Undecodable"
  readonly issue: CodecIssue
}

/** A cached failure that is fresh. */
export interface Failure {
  readonly _tag: "Failure"
  readonly failure: unknown
}

export interface Fresh<out Value> {
  readonly _tag: "Fresh"
  readonly value: Value
}

/** Its fresh life ended `late` ms ago. Whether it is served is a matter of the policy's windows. */
export interface Stale<out Value> {
  readonly _tag: "Stale"
  readonly value: Value
  readonly late: number
}

export type Verdict<Value> = Absent | Undecodable | Failure | Fresh<Value> | Stale<Value>

const absent = (reason: AbsentReason): Absent => ({ _tag: "Absent", reason })

const missing = absent("Missing")
const leased = absent("Leased")
const held = absent("Held")
const foreign = absent("Foreign")
const otherVersion = absent("OtherVersion")
const invalidated = absent("Invalidated")
const expired = absent("Expired")

const cutShort: CodecIssue = { path: "$", detail: "the entry is truncated" }

const tooLarge: CodecIssue = { path: "$", detail: "it is larger than maxValueSize" }

/** What makes an entry absent whatever its tags and its payload; nothing if nothing does. */
export const absence = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  bytes: Uint8Array | undefined
): Absent | undefined => {
  if (bytes === undefined) return missing
  if (cache.kind === "counter") {
    if (Entry.identity(bytes, "counter").length > 0) return undefined
    return Entry.isMarker(bytes) ? leased : foreign
  }
  if (!Entry.isEntry(bytes)) return foreign
  if (Entry.isMarker(bytes)) return Entry.isHold(bytes) ? held : leased
  return Entry.version(bytes) === cache.policy.version ? undefined : otherVersion
}

/**
 * How long ago its fresh life ended, in ms; less than zero: not yet. What was expired is late whatever the time is: the
 * clock that ended it may be ahead of this one.
 */
const lateness = (bytes: Uint8Array, now: number, tagState: TagState): number => {
  const until = Entry.freshUntil(bytes)
  const late = until === 0 ? -Infinity : now - until
  if (typeof tagState === "number") return Math.max(0, late, now - tagState)
  return Entry.isExpired(bytes) ? Math.max(0, late) : late
}

/** Whether there is a fresh value, as far as its header shows. */
export const isFresh = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  bytes: Uint8Array | undefined,
  now: number
): bytes is Uint8Array =>
  bytes !== undefined && absence(cache, bytes) === undefined &&
  (cache.kind === "counter" || (!Entry.isFailure(bytes) && lateness(bytes, now, "Hold") < 0))

/** @param tagState the state that its tags give it (`judgeTags`) */
export const judge = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  bytes: Uint8Array | undefined,
  now: number,
  tagState: TagState,
  redisKey: string
): Verdict<Value> => {
  const why = absence(cache, bytes)
  if (why !== undefined || bytes === undefined) return why ?? missing
  if (tagState === "Broken") return invalidated
  if (cache.kind === "counter") return fresh(cache.codec.decode(bytes, cache.context(redisKey)))
  const late = lateness(bytes, now, tagState)
  if (Entry.isFailure(bytes)) return late < 0 ? failure(cache, bytes, redisKey) : expired
  const value = payload(cache, bytes, redisKey)
  if (Either.isLeft(value)) return { _tag: "Undecodable", issue: value.left }
  return late < 0 ? { _tag: "Fresh", value: value.right } : { _tag: "Stale", value: value.right, late }
}

const fresh = <Value>(value: Either.Either<Value, CodecIssue>): Verdict<Value> =>
  Either.isRight(value) ? { _tag: "Fresh", value: value.right } : { _tag: "Undecodable", issue: value.left }

const payload = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  bytes: Uint8Array,
  redisKey: string
): Either.Either<Value, CodecIssue> => {
  const offset = Entry.payloadOffset(bytes)
  if (offset === undefined) return Either.left(cutShort)
  // Written by a program that has no such bound.
  if (bytes.length - offset > cache.policy.maxValueSize) return Either.left(tooLarge)
  const { codec } = cache
  return isInPlace(codec)
    ? codec.decodeFrom(bytes, offset)
    : codec.decode(bytes.subarray(offset), cache.context(redisKey))
}

const failure = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  bytes: Uint8Array,
  redisKey: string
): Failure | Undecodable => {
  const offset = Entry.payloadOffset(bytes)
  const decoded = offset === undefined || cache.failureCodec === undefined
    ? Either.left(cutShort)
    : cache.failureCodec.decode(bytes.subarray(offset), cache.context(redisKey))
  return Either.isLeft(decoded)
    ? { _tag: "Undecodable", issue: decoded.left }
    : { _tag: "Failure", failure: decoded.right }
}
