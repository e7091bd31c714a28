/** Changes under a `Redis`, of all caches or of one, as Redis reports them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import { Backlog, type Change as Told } from "../changes/backlog.js"
import * as Key from "../key/encode.js"
import { partsOf, tagOf } from "../key/reserved.js"

/**
 * An event of `Cache.changes`, and its cache.
 *
 * - `Changed`: this key may have changed: it was written, deleted, evicted, has expired, or is being loaded
 * - `TagChanged`: the epoch of this tag was made, prolonged or replaced, by a write or an invalidation
 * - `Flushed`, `Lost`, `Resumed`: as of `Cache.changes`
 */
export type Change =
  | { readonly _tag: "Changed"; readonly cache: string; readonly key: string; readonly text: string }
  | { readonly _tag: "TagChanged"; readonly cache: string; readonly tag: string }
  | Exclude<Told, { readonly _tag: "Changed" }>

/** How many changes wait for a reader. */
const bufferSize = 4_096

const toChange = (prefix: string, caches: ReadonlySet<string>) => (told: Told): Option.Option<Change> => {
  if (told._tag !== "Changed") return Option.some(told)
  const tag = tagOf(prefix, told.key)
  const found = tag ?? partsOf(prefix, told.key)
  if (found === undefined || (caches.size > 0 && !caches.has(found.cache))) return Option.none()
  return Option.some(
    "tag" in found
      ? { _tag: "TagChanged", ...found }
      : { _tag: "Changed", ...found, text: Key.decodeString(found.key) }
  )
}

export const changes = (caches: ReadonlyArray<string> = []): Stream.Stream<Change, RedisError, Redis> =>
  Stream.unwrapScoped(Effect.flatMap(baseRedis, ({ runtime: { driver, feed } }) => {
    // Heartbeats and reports come as well: the backlog holds whole keys, and keys of no cache are left out here.
    const backlog = new Backlog(driver.prefix, (rest) => driver.prefix + rest, bufferSize)
    return feed.follow(backlog).pipe(
      Effect.zipRight(feed.start),
      Effect.as(Stream.filterMap(Stream.repeatEffectChunk(backlog.take), toChange(driver.prefix, new Set(caches))))
    )
  }))
