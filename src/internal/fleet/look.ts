/** One key of a cache, explained without the cache's definition. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { printing } from "../definition/show.js"
import * as Entry from "../entry/format.js"
import { explainFound, type Explanation } from "../ops/explain.js"
import { tell, type Told } from "./payload.js"
import { stats } from "./stats.js"
import { untyped } from "./untyped.js"

/** What `Cache.explain` reports, and what the payload shows by itself. */
export interface Look extends Explanation {
  readonly codecs: Told["codecs"]
  /** For a cached failure, the failure. */
  readonly value: Told["value"]
  /** The processes that have the lease, or whose updates hold the key, if they publish their figures. */
  readonly holders: ReadonlyArray<{ readonly token: string; readonly process: string }>
}

const nothing: Told = { codecs: [], value: Option.none() }

const toldBy = (bytes: Uint8Array | undefined, redisKey: string): Told => {
  if (bytes === undefined) return nothing
  const counter = Entry.identity(bytes, "counter")
  if (counter.length > 0) {
    return { codecs: ["counter"], value: Option.some(Number(new TextDecoder().decode(counter))) }
  }
  const offset = Entry.isEntry(bytes) && !Entry.isMarker(bytes) ? Entry.payloadOffset(bytes) : undefined
  return offset === undefined ? nothing : tell(bytes.subarray(offset), redisKey)
}

/** A token ends with the mark that its process publishes. */
const holdersOf = (tokens: ReadonlyArray<string>): Effect.Effect<Look["holders"], RedisError, Redis> =>
  tokens.length === 0 ?
    Effect.succeed([]) :
    Effect.map(
      stats,
      ({ processes }) =>
        tokens.flatMap((token) =>
          processes.filter(({ mark }) => mark !== "" && token.endsWith(mark)).map(({ name }) => ({
            token,
            process: name
          }))
        )
    )

export const explain = (name: string, key: string): Effect.Effect<Look, RedisError, Redis> =>
  untyped(name, (cache, { driver }) => {
    const redisKey = cache.prefix + key
    return Effect.mapError(
      Effect.gen(function*() {
        const found = yield* driver.inspect(redisKey)
        const told = yield* explainFound(cache.as(found?.bytes), redisKey, [], found)
        const holders = yield* holdersOf([...Option.toArray(told.lease), ...told.holds].map(({ token }) => token))
        return printing({ ...told, ...toldBy(found?.bytes, redisKey), holders })
      }),
      (error) => cache.redisError("explain", error)
    )
  })

export const get = (name: string, key: string): Effect.Effect<Option.Option<Told>, RedisError, Redis> =>
  Effect.map(
    explain(name, key),
    ({ codecs, state, value }) => state === "Fresh" ? Option.some({ codecs, value }) : Option.none()
  )
