/**
 * Everything under one `Redis`, seen from outside: caches, keys, values, without the definitions of the caches. For
 * command lines, admin pages and people who look. The one judge that decides for the caches' own processes decides
 * here, too; what only a definition knows (a schema, a policy) is left open.
 *
 * A key is named by its *stored text*, what follows `<prefix><cache>:` in Redis. `stringKey` and `structuredKey` give it.
 *
 * Nothing here blocks the server: keys are listed with SCAN, in pages, and what costs something is asked of a bounded
 * number of them.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { CodecError, RedisError } from "./CacheError.js"
import { loadTimeBounds as bounds } from "./internal/cache/recorder.js"
import * as Acts from "./internal/fleet/acts.js"
import type { Change } from "./internal/fleet/changes.js"
import * as Changes from "./internal/fleet/changes.js"
import type { Counts } from "./internal/fleet/counts.js"
import { doctor as lookOver } from "./internal/fleet/doctor/doctor.js"
import type { Finding } from "./internal/fleet/doctor/finding.js"
import * as Keys from "./internal/fleet/keys.js"
import type { Look } from "./internal/fleet/look.js"
import * as Looks from "./internal/fleet/look.js"
import type { CodecName, Told } from "./internal/fleet/payload.js"
import type { KeySummary } from "./internal/fleet/rows.js"
import type { ServerReport } from "./internal/fleet/servers.js"
import * as Servers from "./internal/fleet/servers.js"
import type { FleetStats, ProcessStats, Rates } from "./internal/fleet/stats.js"
import * as Statistics from "./internal/fleet/stats.js"
import type { CacheSummary, KeysOptions, Sample, Survey, SurveyOptions } from "./internal/fleet/survey.js"
import * as Surveys from "./internal/fleet/survey.js"
import type { Redis } from "./Redis.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  CacheSummary,
  /**
   * @since 0.1.0
   * @category models
   */
  Change,
  /**
   * @since 0.1.0
   * @category models
   */
  CodecName,
  /**
   * @since 0.1.0
   * @category models
   */
  Counts,
  /**
   * @since 0.1.0
   * @category models
   */
  Finding,
  /**
   * @since 0.1.0
   * @category models
   */
  FleetStats,
  /**
   * @since 0.1.0
   * @category models
   */
  KeysOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  KeySummary,
  /**
   * @since 0.1.0
   * @category models
   */
  Look,
  /**
   * @since 0.1.0
   * @category models
   */
  ProcessStats,
  /**
   * @since 0.1.0
   * @category models
   */
  Rates,
  /**
   * @since 0.1.0
   * @category models
   */
  Sample,
  /**
   * @since 0.1.0
   * @category models
   */
  ServerReport,
  /**
   * @since 0.1.0
   * @category models
   */
  Survey,
  /**
   * @since 0.1.0
   * @category models
   */
  SurveyOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  Told
}

/**
 * The stored text of a cache's string key: the same text, but for braces, which are escaped since a Redis Cluster gives
 * them a meaning. Left: the text is not valid Unicode.
 *
 * @example
 * ```ts
 * import { Either } from "effect"
 * import { Fleet } from "effect-redis-cache"
 *
 * console.log(Either.getOrThrow(Fleet.stringKey("users", "{42}"))) // %7B42%7D
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const stringKey: (cache: string, key: string) => Either.Either<string, CodecError> = Keys.stringKey

/**
 * The stored text of a structured key: of a memoized function's arguments, as an array, or of what its `key` option or
 * a typed cache's schema makes of a key. With `captures`, those of the function.
 *
 * @example
 * ```ts
 * import { Either } from "effect"
 * import { Fleet } from "effect-redis-cache"
 *
 * console.log(Either.getOrThrow(Fleet.structuredKey("getUser", [{ page: 2, id: 42 }]))) // [("id":42,"page":2)]
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const structuredKey: (
  cache: string,
  key: unknown,
  captures?: ReadonlyArray<unknown>
) => Either.Either<string, CodecError> = Keys.structuredKey

/**
 * The caches that have keys, found by SCAN, and what a sample of their keys looks like. It looks at every key under the
 * prefix, up to `maxKeys`.
 *
 * A cache is told by the first part of its keys' names, and by an entry, a counter or a tag of it. What another program
 * keeps under such names is counted as foreign; its plain numbers look like counters.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, Fleet, RedisLayer } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes" })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cache.set(users, "42", "Ada")
 *   const { caches } = yield* Fleet.caches()
 *   console.log(caches.map(({ keys, name, sample }) => ({ name, keys, states: sample.states })))
 *   // [{ name: "users", keys: 1, states: { Fresh: 1 } }]
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLayer.layerMemory)))
 * ```
 *
 * @since 0.1.0
 * @category looking
 */
export const caches: (options?: SurveyOptions) => Effect.Effect<Survey, RedisError, Redis> = Surveys.survey

/**
 * The keys of a cache in pages as SCAN gives them, whatever lies under each: a page is asked for when the one before has
 * been taken. Redis may list a key twice, in different pages.
 *
 * @since 0.1.0
 * @category looking
 */
export const keys: (
  cache: string,
  options?: KeysOptions
) => Stream.Stream<ReadonlyArray<KeySummary>, RedisError, Redis> = Surveys.keys

/**
 * The tags of a cache that have an epoch, in pages as SCAN gives them.
 *
 * @since 0.1.0
 * @category looking
 */
export const tags: (cache: string) => Stream.Stream<ReadonlyArray<string>, RedisError, Redis> = Surveys.tags

/**
 * What `Cache.explain` tells of a key (a state, and why; life, lease, size, tags and which of them broke), and what the
 * bytes tell beside it: how the value was written, and the value where that shows it.
 *
 * Without the definition it does not know of a policy: so there is no `age`, and a value that the cache's schema would
 * refuse is fresh here.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, Fleet, RedisLayer } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes" })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cache.set(users, "42", { name: "Ada" }, { tags: ["team:7"] })
 *   yield* Cache.invalidateTags(users, ["team:7"])
 *   const { codecs, state, tags, value } = yield* Fleet.explain("users", "42")
 *   console.log(state, tags, codecs, value)
 *   // Invalidated [{ name: "team:7", holds: false }] ["structural"] Some({ name: "Ada" })
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLayer.layerMemory)))
 * ```
 *
 * @since 0.1.0
 * @category looking
 */
export const explain: (cache: string, key: string) => Effect.Effect<Look, RedisError, Redis> = Looks.explain

/**
 * The fresh value of a key, as far as its bytes tell it.
 *
 * @since 0.1.0
 * @category looking
 */
export const get: (cache: string, key: string) => Effect.Effect<Option.Option<Told>, RedisError, Redis> = Looks.get

/**
 * What all processes have counted that publish it (`publish` of a `RedisLayer`), each since it began; two round trips.
 * `Cache.stats` has the figures of one cache in this process.
 *
 * A process that closes its layer disappears at once, one that dies after three times as long as it waits between two
 * reports. While Redis does not answer, nothing is published and this fails.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, Fleet, RedisLayer } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users" })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cache.get(users, "42")
 *   yield* Effect.sleep("1 second")
 *   const { caches, processes } = yield* Fleet.stats
 *   console.log(processes.length, caches.get("users")?.misses) // 1 1
 * })
 *
 * const RedisLive = RedisLayer.layerMemoryServer(RedisLayer.memoryServer(), { publish: { every: "500 millis" } })
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLive)))
 * ```
 *
 * @since 0.1.0
 * @category figures
 */
export const stats: Effect.Effect<FleetStats, RedisError, Redis> = Statistics.stats

/**
 * What each cache has counted a second in all processes together, over some readings of `stats`, the oldest first: of
 * each process between the first and the last of its reports among them. So they should span more than `publish.every`.
 *
 * @since 0.1.0
 * @category figures
 */
export const rates: (readings: ReadonlyArray<FleetStats>) => ReadonlyMap<string, Rates> = Statistics.rates

/**
 * What `Counts.loadTimes` counts by, in milliseconds.
 *
 * @since 0.1.0
 * @category figures
 */
export const loadTimeBounds: ReadonlyArray<number> = bounds

/**
 * The servers behind this `Redis`, as they tell of themselves: the one, or the masters of a cluster. None in memory.
 *
 * @since 0.1.0
 * @category looking
 */
export const servers: Effect.Effect<ReadonlyArray<ServerReport>, RedisError, Redis> = Servers.servers

/**
 * `Cache.changes` of all caches, or of those named: what changes, whoever changes it, as Redis tells it.
 *
 * @since 0.1.0
 * @category looking
 */
export const changes: (caches?: ReadonlyArray<string>) => Stream.Stream<Change, RedisError, Redis> = Changes.changes

/**
 * Looks over what is behind this `Redis`: version, replication, cluster, eviction, memory, what this user may do (each
 * kind of step is tried once, on a key of its own), whether the server tells of changes, latency, clocks. Of each it
 * says what that means for caches, and what to do.
 *
 * @since 0.1.0
 * @category looking
 */
export const doctor: Effect.Effect<ReadonlyArray<Finding>, never, Redis> = lookOver

/**
 * `Cache.delete` without the definition: whether a fresh value was there. Loads of the key that are under way do not
 * store what they load.
 *
 * @since 0.1.0
 * @category acting
 */
const delete_: (cache: string, key: string) => Effect.Effect<boolean, RedisError, Redis> = Acts.delete_

export {
  /**
   * `Cache.delete` without the definition: whether a fresh value was there. Loads of the key that are under way do not
   * store what they load.
   *
   * @since 0.1.0
   * @category acting
   */
  delete_ as delete
}

/**
 * `Cache.expire` without the definition: the value is stale from now on; whether it was fresh. Its stale windows are the
 * cache's own. A counter has none and stays as it is.
 *
 * @since 0.1.0
 * @category acting
 */
export const expire: (cache: string, key: string) => Effect.Effect<boolean, RedisError, Redis> = Acts.expire

/**
 * `Cache.expireTags` without the definition: entries of the cache that have one of these tags are stale from now on.
 *
 * @since 0.1.0
 * @category acting
 */
export const expireTags: (
  cache: string,
  tags: ReadonlyArray<string>
) => Effect.Effect<void, RedisError | CodecError, Redis> = Acts.expireTags

/**
 * `Cache.flush` without the definition: removes all keys of a cache with SCAN and UNLINK, and counts them.
 *
 * @since 0.1.0
 * @category acting
 */
export const flush: (cache: string) => Effect.Effect<number, RedisError, Redis> = Acts.flush

/**
 * `Cache.invalidateTags` without the definition: entries of the cache that have one of these tags are absent from now on.
 *
 * @since 0.1.0
 * @category acting
 */
export const invalidateTags: (
  cache: string,
  tags: ReadonlyArray<string>
) => Effect.Effect<void, RedisError | CodecError, Redis> = Acts.invalidateTags
