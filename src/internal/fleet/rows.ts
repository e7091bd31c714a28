/** Many keys of one cache, without their payloads, judged as everywhere else. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import type { Runtime } from "../cache/runtime.js"
import type { Measure } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import * as Key from "../key/encode.js"
import { explainFound, type Explanation } from "../ops/explain.js"
import type { Untyped } from "./untyped.js"

/** One key of a cache. */
export interface KeySummary {
  /** The part after `<prefix><cache>:` in Redis, which every operation here takes. */
  readonly key: string
  /** The same as you write it: without the escapes for braces. */
  readonly text: string
  readonly state: Explanation["state"]
  /** In bytes, including the header; none if this user lacks the right. */
  readonly size: Option.Option<number>
  /** In bytes, as Redis counts them; none if this user lacks the right. */
  readonly memory: Option.Option<number>
  /** The time until it is stale; infinite: never. */
  readonly timeToLive: Option.Option<Duration.Duration>
  /** The time until Redis expires it; infinite: never. */
  readonly life: Duration.Duration
  readonly version: Option.Option<number>
  readonly tags: Explanation["tags"]
}

/** Enough for the header, a lease and some tags. */
const headSize = 256

/** Enough for the most tags, each of the greatest length. */
const wholeHeadSize = Entry.headerSize + Entry.leaseSize + 1 + Entry.maxTags * (1 + Entry.maxTagSize + Entry.epochSize)

const isCutShort = (measure: Measure | undefined): measure is Measure =>
  measure !== undefined && measure.head.length === headSize && Entry.hasTags(measure.head) &&
  Entry.payloadOffset(measure.head) === undefined

/** The heads of these keys, with all of their tags. */
const measured = (
  { driver }: Runtime,
  redisKeys: ReadonlyArray<string>
): Effect.Effect<ReadonlyMap<string, Measure | undefined>, RedisError> =>
  Effect.gen(function*() {
    const first = yield* driver.measure(redisKeys, headSize)
    const found = new Map(redisKeys.map((key, i) => [key, first[i]]))
    const long = redisKeys.filter((_, i) => isCutShort(first[i]))
    const again = yield* driver.measure(long, wholeHeadSize)
    for (const [i, key] of long.entries()) found.set(key, again[i])
    return found
  })

/** What these keys hold, without those that are gone. */
export const rows = (
  runtime: Runtime,
  cache: Untyped,
  redisKeys: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<KeySummary>, RedisError> =>
  Effect.gen(function*() {
    const measures = yield* measured(runtime, redisKeys)
    // Each reads the epochs of its tags: in one tick, so in one round trip.
    const all = yield* Effect.forEach(measures, ([redisKey, measure]) =>
      measure === undefined ? Effect.succeed(undefined) : row(cache, redisKey, measure), { concurrency: "unbounded" })
    return all.filter((found) =>
      found !== undefined
    )
  })

const row = (cache: Untyped, redisKey: string, measure: Measure): Effect.Effect<KeySummary, RedisError> => {
  const { head, life, memory, size } = measure
  const found = { bytes: head, size, life, memory }
  return Effect.map(explainFound(cache.as(head), redisKey, [], found), (told) => {
    const key = redisKey.slice(cache.prefix.length)
    return {
      key,
      text: Key.decodeString(key),
      state: told.state,
      size: Option.fromNullable(size ?? (head.length < headSize ? head.length : undefined)),
      memory: told.memory,
      timeToLive: told.timeToLive,
      life: life === undefined ? Duration.infinity : Duration.millis(life),
      version: told.version,
      tags: told.tags
    }
  })
}
