/**
 * Everything under one `Redis`, seen from outside: caches, keys and values, without the definitions of the caches. Use
 * it for command lines, admin pages and inspection by hand. States are decided by the same code that decides in the
 * caches' own processes. What only a definition knows (a schema, a policy) stays unknown.
 *
 * A key is named by its *stored text*: what follows `<prefix><cache>:` in Redis. `stringKey` and `structuredKey` return
 * it.
 *
 * Nothing here blocks the server: keys are listed with SCAN, in pages, and costly questions are asked only about a
 * bounded number of them.
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
 * The stored text of a cache's string key: the same text, except that braces are escaped, since they have a meaning in
 * Redis Cluster. `Left` if the text is not valid Unicode.
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
 * The stored text of a structured key. `key` is a memoized function's arguments, as an array, or what its `key` option
 * or a typed cache's schema makes of a key. If the function has captures, pass them as `captures`.
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
 * Finds the caches that have keys, by SCAN, and describes a sample of the keys of each. It goes through every key under
 * the prefix, up to `maxKeys`.
 *
 * A cache is recognized by the first part of its keys' names, together with at least one entry, counter or tag. Keys of
 * another program with such names are counted as foreign; if they hold plain numbers, they look like counters.
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
 * The keys of a cache, whatever is stored under each, in pages as SCAN returns them. A page is requested when the one
 * before has been consumed. Redis may list a key twice, in different pages.
 *
 * @since 0.1.0
 * @category looking
 */
export const keys: (
  cache: string,
  options?: KeysOptions
) => Stream.Stream<ReadonlyArray<KeySummary>, RedisError, Redis> = Surveys.keys

/**
 * The tags of a cache that have an epoch, in pages as SCAN returns them.
 *
 * @since 0.1.0
 * @category looking
 */
export const tags: (cache: string) => Stream.Stream<ReadonlyArray<string>, RedisError, Redis> = Surveys.tags

/**
 * What `Cache.explain` reports about a key (its state and why; life, lease, size, tags and which of them no longer
 * hold), and what the bytes show in addition: how the value was written, and the value itself if it can be read.
 *
 * The policy is unknown without the definition. So there is no `age`, and a value that the cache's schema would refuse
 * is fresh here.
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
 * The fresh value of a key, as far as its bytes show it.
 *
 * @since 0.1.0
 * @category looking
 */
export const get: (cache: string, key: string) => Effect.Effect<Option.Option<Told>, RedisError, Redis> = Looks.get

/**
 * The figures of all processes that publish them (`publish` of a `RedisLayer`), each counted since its process began.
 * It takes two round trips. `Cache.stats` has the figures of one cache in this process.
 *
 * A process that closes its layer disappears at once. One that dies disappears after three times its publishing
 * interval. While Redis does not answer, nothing is published and this fails.
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
 * What each cache counted per second, in all processes together. It takes several readings of `stats`, the oldest
 * first, and compares the first and the last report of each process among them. So the readings should span more than
 * `publish.every`.
 *
 * @since 0.1.0
 * @category figures
 */
export const rates: (readings: ReadonlyArray<FleetStats>) => ReadonlyMap<string, Rates> = Statistics.rates

/**
 * The bucket bounds of `Counts.loadTimes`, in milliseconds.
 *
 * @since 0.1.0
 * @category figures
 */
export const loadTimeBounds: ReadonlyArray<number> = bounds

/**
 * The servers behind this `Redis`, as they describe themselves: the one server, or the masters of a cluster. In memory
 * there are none.
 *
 * @since 0.1.0
 * @category looking
 */
export const servers: Effect.Effect<ReadonlyArray<ServerReport>, RedisError, Redis> = Servers.servers

/**
 * `Cache.changes` of all caches, or of those named: every change that Redis reports, by any process.
 *
 * @since 0.1.0
 * @category looking
 */
export const changes: (caches?: ReadonlyArray<string>) => Stream.Stream<Change, RedisError, Redis> = Changes.changes

/**
 * Checks what is behind this `Redis`: version, replication, cluster, eviction, memory, this user's permissions (each
 * kind of operation is tried once, on a key of its own), whether the server reports changes, latency and clocks. Each
 * finding says what it means for caches, and what to do.
 *
 * @since 0.1.0
 * @category looking
 */
export const doctor: Effect.Effect<ReadonlyArray<Finding>, never, Redis> = lookOver

/**
 * `Cache.delete` without the definition: returns whether there was a fresh value. Loads of the key that are under way
 * do not store what they load.
 *
 * @since 0.1.0
 * @category acting
 */
const delete_: (cache: string, key: string) => Effect.Effect<boolean, RedisError, Redis> = Acts.delete_

export {
  /**
   * `Cache.delete` without the definition: returns whether there was a fresh value. Loads of the key that are under way
   * do not store what they load.
   *
   * @since 0.1.0
   * @category acting
   */
  delete_ as delete
}

/**
 * `Cache.expire` without the definition: makes the value stale from now on, and returns whether it was fresh. The
 * cache's own stale windows apply. A counter has none and stays as it is.
 *
 * @since 0.1.0
 * @category acting
 */
export const expire: (cache: string, key: string) => Effect.Effect<boolean, RedisError, Redis> = Acts.expire

/**
 * `Cache.expireTags` without the definition: entries of the cache with one of these tags are stale from now on.
 *
 * @since 0.1.0
 * @category acting
 */
export const expireTags: (
  cache: string,
  tags: ReadonlyArray<string>
) => Effect.Effect<void, RedisError | CodecError, Redis> = Acts.expireTags

/**
 * `Cache.flush` without the definition: removes all keys of a cache with SCAN and UNLINK, and returns how many.
 *
 * @since 0.1.0
 * @category acting
 */
export const flush: (cache: string) => Effect.Effect<number, RedisError, Redis> = Acts.flush

/**
 * `Cache.invalidateTags` without the definition: entries of the cache with one of these tags are absent from now on.
 *
 * @since 0.1.0
 * @category acting
 */
export const invalidateTags: (
  cache: string,
  tags: ReadonlyArray<string>
) => Effect.Effect<void, RedisError | CodecError, Redis> = Acts.invalidateTags
