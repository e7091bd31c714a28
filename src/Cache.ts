/**
 * Caches over Redis: named, typed views on one key space. A cache is a plain value, made without any effect; its
 * operations are effects that need a `Redis`, which a `RedisLayer` supplies.
 *
 * Effect has a module of this name: `import { Cache as RedisCache } from "effect-redis-cache"` where both are used.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Request from "effect/Request"
import type { RequestResolver } from "effect/RequestResolver"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import type { CodecError, RedisError } from "./CacheError.js"
import type { ModeName } from "./internal/cache/mode.js"
import type { WriteOptions } from "./internal/cache/prepare.js"
import type { Change } from "./internal/changes/backlog.js"
import { TypeId as DefinitionTypeId } from "./internal/definition/definition.js"
import type { EntriesOf, Given, GivenFirst, TakenBy, ValueIn, Widen } from "./internal/definition/given.js"
import type { TimeToLive } from "./internal/definition/lives.js"
import type { CounterPolicy, KeyIsTyped, Named, Stored, ValueIsTyped } from "./internal/definition/make.js"
import * as Make from "./internal/definition/make.js"
import type { LeaseOptions, NearOptions, PolicyOptions } from "./internal/definition/policy.js"
import type { TimeoutError, TimeoutInput, Timeouts } from "./internal/definition/timeouts.js"
import type { Previous, Unchanged } from "./internal/load/previous.js"
import { unchanged as unchanged_ } from "./internal/load/previous.js"
import type { Explanation } from "./internal/ops/explain.js"
import * as Explain from "./internal/ops/explain.js"
import * as Get from "./internal/ops/get.js"
import * as GetMany from "./internal/ops/getMany.js"
import * as Invalidating from "./internal/ops/invalidating/invalidating.js"
import type {
  InvalidatingOptions,
  ListOf,
  OptionsFor,
  ResultsIn,
  StoringOptions
} from "./internal/ops/invalidating/options.js"
import * as Load from "./internal/ops/load.js"
import type {
  Computing,
  Failed,
  Loaded,
  LoadedFirst,
  LoadMany,
  LoadManyOptions,
  LoadOptions,
  ValueOf
} from "./internal/ops/loadTypes.js"
import * as Expire from "./internal/ops/remove/expire.js"
import * as Invalidate from "./internal/ops/remove/invalidate.js"
import * as Remove from "./internal/ops/remove/remove.js"
import type { Covers } from "./internal/ops/resolver.js"
import * as Resolver from "./internal/ops/resolver.js"
import * as Scan from "./internal/ops/scan.js"
import type { Stats } from "./internal/ops/stats.js"
import * as Statistics from "./internal/ops/stats.js"
import * as Life from "./internal/ops/timeToLive.js"
import * as Changes from "./internal/ops/watch/changes.js"
import * as WithMode from "./internal/ops/withMode.js"
import * as Counters from "./internal/ops/write/counter.js"
import type { Modified } from "./internal/ops/write/modifyTypes.js"
import * as Writes from "./internal/ops/write/set.js"
import * as Touch from "./internal/ops/write/touch.js"
import * as Update from "./internal/ops/write/update.js"
import type { Redis } from "./Redis.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: typeof DefinitionTypeId = DefinitionTypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A named, typed view on one key space of a Redis: entries lie under `<prefix><name>:<key>`.
 *
 * `Error` is what reads, writes and loads can fail with: `RedisError | CodecError`, or `CodecError` alone with
 * `onRedisError: "bypass"`. Deletes, flushes, invalidations, expiries and counters always
 * can fail with `RedisError`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cache<
  in out Key,
  in out Value,
  out Error = RedisError | CodecError,
  out Requirements = Redis
> extends Pipeable {
  readonly [TypeId]: {
    readonly _Key: Types.Invariant<Key>
    readonly _Value: Types.Invariant<Value>
    readonly _Error: Types.Covariant<Error>
    readonly _Requirements: Types.Covariant<Requirements>
  }
  readonly name: string
}

/**
 * A cache of numbers that can be incremented. Its values are plain decimal text, as Redis's own counters are.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counter<in out Key> extends Cache<Key, number> {
  readonly kind: "counter"
}

/** A cache that is not a counter: its entries have a header. */
type Entries<Key, Value, Error, Requirements> =
  & Cache<Key, Value, Error, Requirements>
  & { readonly kind?: undefined }

/**
 * How a cache treats its entries.
 *
 * - `timeToLive`: how long a value is fresh: a duration longer than zero, or a function of value and key (if it returns
 *   zero or less, the value is not stored). Default: it never expires. Rounded up to whole milliseconds
 * - `staleWhileRevalidate`: for this long after `timeToLive`, loads return the stale value at once, and one process
 *   refreshes it in the background (RFC 5861). Default: no such window
 * - `staleIfError`: for this long after `timeToLive`, the stale value is served if its load fails or times out (RFC
 *   5861). Default: no such window. An entry stays in Redis for `timeToLive` and the longer of the two windows
 * - `retain`: an entry stays in Redis for this long after its windows. It is then given only to loads, as `previous`
 *   (see `Cache.unchanged`). Default: not at all
 * - `jitter`: 0–1, randomly shortens each TTL by up to this fraction, so that entries do not expire together. Default:
 *   0
 * - `earlyRefresh`: XFetch's beta; 1 is a good start. Default: 0, off. Fresh values are refreshed in the background
 *   before they end, the likelier the closer the end and the longer their loads take (Vattani, Chierichetti,
 *   Lowenstein, VLDB 2015)
 * - `lease`: how long a load may keep other processes out, and how long these wait. See `LeaseOptions`
 * - `tags`: tags of an entry, computed from its key. `valueTags`: tags computed from its value (costs one more round
 *   trip)
 * - `onRedisError`: with `"bypass"`, if Redis fails, a read misses, a write is dropped and a load computes without
 *   storing. Default: `"fail"`
 * - `maxConcurrentLoads`: loads of this cache at a time in this process. Default: no bound. Loads inside a load of the
 *   same cache do not count again
 * - `maxConcurrentRefreshes`: background refreshes of this cache at a time in this process. Default: 32. Beyond that
 *   stale values are served without one
 * - `refreshTimeout`: a background refresh that runs longer, or longer than `lease.maxDuration`, has failed. Default:
 *   30 seconds
 * - `retryAfter`: after a load that failed over a stale value, the whole fleet leaves the source alone for this long,
 *   less a random part of up to half, and serves the stale value inside its windows. Default: 1 second
 * - `maxValueSize`: in bytes. Default: 16 MiB. Larger values are refused with a `CodecError`
 * - `version`: 0–65535; entries of another version are absent. Default: 0
 * - `near`: copies in this process, which Redis keeps coherent: a hit on a copy costs no I/O. See `NearOptions` and
 *   `docs/guides/near.md`. A copy returns the same object every time: treat it as immutable
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy<in Key, in Value, out OnRedisError extends "fail" | "bypass" = "fail" | "bypass">
  extends PolicyOptions<Key, Value, OnRedisError>
{}

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Change,
  /**
   * @since 0.1.0
   * @category models
   */
  Covers,
  /**
   * @since 0.1.0
   * @category models
   */
  Explanation,
  /**
   * @since 0.1.0
   * @category models
   */
  Failed,
  /**
   * @since 0.1.0
   * @category models
   */
  InvalidatingOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  LeaseOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  LoadMany,
  /**
   * @since 0.1.0
   * @category models
   */
  LoadManyOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  LoadOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  Modified,
  /**
   * @since 0.1.0
   * @category models
   */
  NearOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  Previous,
  /**
   * @since 0.1.0
   * @category models
   */
  Stats,
  /**
   * @since 0.1.0
   * @category models
   */
  StoringOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  TimeoutError,
  /**
   * @since 0.1.0
   * @category models
   */
  TimeoutInput,
  /**
   * @since 0.1.0
   * @category models
   */
  Timeouts,
  /**
   * @since 0.1.0
   * @category models
   */
  TimeToLive,
  /**
   * @since 0.1.0
   * @category models
   */
  Unchanged,
  /**
   * @since 0.1.0
   * @category models
   */
  WriteOptions
}

/**
 * What reads, writes and loads of a cache fail with, by its `onRedisError`.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorOf<OnRedisError extends "fail" | "bypass"> = OnRedisError extends "bypass" ? CodecError
  : RedisError | CodecError

/**
 * Whether something is a cache.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCache = (u: unknown): u is Cache<any, any, any, any> => hasProperty(u, TypeId)

// A cache is its definition, and that is all that is known behind these doors: not which errors `onRedisError` and `timeout`
// leave, nor what stands for `Redis`. So each door says itself what it takes and gives. In their types, E and R are the
// cache's; the effects that it is given have E2 and R2.

const door = (behind: (...args: Array<any>) => unknown): any => behind // see above

// Where the last argument may be left out, the data-last form is there twice, without it and with it, and the data-first
// one between them: of the forms that a wrong call could be, TypeScript then names the likeliest first.

/** Whether the cache comes first, for operations whose last argument may be left out. */
const cacheFirst = (args: IArguments): boolean => isCache(args[0])

/** A door with two sides: data-first and data-last. */
const operation = (arity: number | ((args: IArguments) => boolean), behind: (...args: Array<any>) => unknown): any =>
  // as above
  typeof arity === "number" ? dual(arity, behind) : dual(arity, behind)

/**
 * Makes a cache. No effect runs, and nothing connects. An invalid definition (an empty name, a `timeToLive` of zero …)
 * throws a `RangeError` that says what is wrong.
 *
 * Values are encoded by `schema` (as JSON of its encoded form) or by `codec`. With neither, the cache accepts any value
 * that `Codec.structural` can store.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Cache, Codec } from "effect-redis-cache"
 *
 * class User extends Schema.Class<User>("User")({ id: Schema.String, name: Schema.String }) {}
 *
 * export const users = Cache.make({ name: "users", schema: User, timeToLive: "10 minutes" })
 *
 * interface Note { readonly text: string; readonly seen: ReadonlySet<string> }
 *
 * export const notes = Cache.make({ name: "notes", codec: Codec.structural<Note>(), staleIfError: "1 hour" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <Value = unknown, Key = string, OnRedisError extends "fail" | "bypass" = "fail">(
    options:
      & Named<Key>
      & Stored<Value>
      & Policy<NoInfer<Key>, NoInfer<Value>, OnRedisError>
      & KeyIsTyped<Key>
      & ValueIsTyped<Value>
  ): Cache<Key, Value, ErrorOf<OnRedisError>>
} = door(Make.entries)

/**
 * Like `make`, for a type of values without a schema. The type of stored values is not checked: when the type changes,
 * change `version`. Short for `codec: Codec.structural<Value>()`.
 *
 * @example
 * ```ts
 * import { Cache } from "effect-redis-cache"
 *
 * interface User { readonly name: string; readonly born: Date }
 *
 * export const users = Cache.of<User>()({ name: "users", timeToLive: "10 minutes" }) // Cache<string, User>
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = <Value>() =>
<Key = string, OnRedisError extends "fail" | "bypass" = "fail">(
  options: Named<Key> & Policy<NoInfer<Key>, Value, OnRedisError> & KeyIsTyped<Key>
): Cache<Key, Value, ErrorOf<OnRedisError>> => door(Make.entries)(options)

/**
 * Makes a cache of counters.
 *
 * @example
 * ```ts
 * import { Cache } from "effect-redis-cache"
 *
 * const hits = Cache.counter({ name: "hits", timeToLive: "1 day" })
 *
 * export const program = Cache.increment(hits, "home", 1) // Effect<number, RedisError | CodecError, Redis>
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const counter: <Key = string>(
  options: Named<Key> & KeyIsTyped<Key> & CounterPolicy<NoInfer<Key>>
) => Counter<Key> = door(Make.counters)

/**
 * Returns the value of a key, if it is present and fresh.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const greetings = Cache.make({ name: "greetings", timeToLive: "10 seconds" })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cache.set(greetings, "foo", "bar")
 *   return yield* Cache.get(greetings, "foo")
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLayer.layerMemory))).then((value) => {
 *   console.log(Option.getOrNull(value)) // bar
 * })
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const get: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<Option.Option<Value>, E, R>
  <Key, Value, E, R>(self: Cache<Key, Value, E, R>, key: NoInfer<Key>): Effect.Effect<Option.Option<Value>, E, R>
} = operation(2, Get.get)

/**
 * Returns whether a key has a fresh value.
 *
 * @since 0.1.0
 * @category reading
 */
export const has: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<boolean, E, R>
  <Key, Value, E, R>(self: Cache<Key, Value, E, R>, key: NoInfer<Key>): Effect.Effect<boolean, E, R>
} = operation(2, Get.has)

/**
 * Returns the fresh values of many keys, in one round trip. Keys without a fresh value are left out.
 *
 * @since 0.1.0
 * @category reading
 */
export const getMany: {
  <K, Key = Widen<K>>(
    keys: Iterable<K & NoInfer<Key>>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<ReadonlyMap<Key, Value>, E, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    keys: Iterable<NoInfer<Key>>
  ): Effect.Effect<ReadonlyMap<Key, Value>, E, R>
} = operation(2, GetMany.getMany)

/**
 * Returns how long a value remains fresh: infinite if it never expires, `None` if there is no fresh value.
 *
 * @since 0.1.0
 * @category reading
 */
export const timeToLive: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<Option.Option<Duration.Duration>, E, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>
  ): Effect.Effect<Option.Option<Duration.Duration>, E, R>
} = operation(2, Life.timeToLive)

/**
 * Streams the keys that have fresh values, in their stored form. It uses `SCAN` in pages, so it never blocks the
 * server. A key that is written meanwhile may be missed. A key may come twice while Redis resizes its table or a
 * cluster moves slots.
 *
 * @since 0.1.0
 * @category reading
 */
export const keys: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>
) => Stream.Stream<string, RedisError, R> = door(Scan.keys)

/**
 * Stores a value. It replaces what was there, and loads in flight will not store what they compute.
 *
 * @since 0.1.0
 * @category writing
 */
export const set: {
  <K, V, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    value: GivenFirst<Value, V>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<void, E, R>
  <Key, Value, E, R, V>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>,
    value: Given<Value, V>,
    options?: WriteOptions
  ): Effect.Effect<void, E, R>
  <K, V, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    value: GivenFirst<Value, V>,
    options: WriteOptions
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<void, E, R>
} = operation(cacheFirst, Writes.set)

/**
 * Stores many values, in one round trip: from a record if keys are strings, or from pairs. Each value and its TTL are
 * set by one command.
 *
 * @since 0.1.0
 * @category writing
 */
export const setMany: {
  <Pair extends readonly [unknown, unknown], Key = Widen<Pair[0]>, Value = Pair[1]>(
    entries: Iterable<Pair & readonly [NoInfer<Key>, Given<Value, Pair[1]>]>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<void, E, R>
  <Fields extends Readonly<Record<string, unknown>>, Value = Fields[keyof Fields]>(
    entries: Fields & Readonly<Record<string, Given<Value, Fields[keyof Fields]>>>
  ): <E, R>(self: Cache<string, Value, E, R>) => Effect.Effect<void, E, R>
  <Key, Value, E, R, Pairs extends Iterable<readonly [unknown, unknown]>>(
    self: Cache<Key, Value, E, R>,
    entries: Pairs & Iterable<readonly [NoInfer<Key>, Given<Value, ValueIn<Pairs>>]>,
    options?: WriteOptions
  ): Effect.Effect<void, E, R>
  <Value, E, R, V>(
    self: Cache<string, Value, E, R>,
    entries: Readonly<Record<string, Given<Value, V>>>,
    options?: WriteOptions
  ): Effect.Effect<void, E, R>
  <Pair extends readonly [unknown, unknown], Key = Widen<Pair[0]>, Value = Pair[1]>(
    entries: Iterable<Pair & readonly [NoInfer<Key>, Given<Value, Pair[1]>]>,
    options: WriteOptions
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<void, E, R>
  <Fields extends Readonly<Record<string, unknown>>, Value = Fields[keyof Fields]>(
    entries: Fields & Readonly<Record<string, Given<Value, Fields[keyof Fields]>>>,
    options: WriteOptions
  ): <E, R>(self: Cache<string, Value, E, R>) => Effect.Effect<void, E, R>
  // Only for compile errors: of many overloads, TypeScript explains the error of the last one.
  <Key, Value, E, R, Entries extends Iterable<readonly [unknown, unknown]> | object>(
    self: Cache<Key, Value, E, R>,
    entries: Entries & EntriesOf<NoInfer<Key>, Value, Entries>,
    options?: WriteOptions
  ): Effect.Effect<void, E, R>
} = operation(cacheFirst, Writes.setMany)

/**
 * Stores a value if there is no fresh one, and returns whether it did. Atomic.
 *
 * @since 0.1.0
 * @category writing
 */
export const setIfAbsent: {
  <K, V, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    value: GivenFirst<Value, V>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<boolean, E, R>
  <Key, Value, E, R, V>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>,
    value: Given<Value, V>,
    options?: WriteOptions
  ): Effect.Effect<boolean, E, R>
  <K, V, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    value: GivenFirst<Value, V>,
    options: WriteOptions
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<boolean, E, R>
} = operation(cacheFirst, Update.setIfAbsent)

/**
 * Renews the TTL of a fresh value. The value, and a lease on it, stay as they are.
 *
 * @since 0.1.0
 * @category writing
 */
export const touch: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>,
    timeToLive: Duration.DurationInput
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<boolean, E, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>,
    timeToLive: Duration.DurationInput
  ): Effect.Effect<boolean, E, R>
} = operation(3, Touch.touch)

/**
 * Replaces a value with what `f` returns for it, and returns the new value. If `f` returns `None`, everything under the
 * key is removed, including a stale value and the lease of a load in flight. `f` runs again if another writer came
 * first (compare-and-set), at most 64 times. Then it fails with a `RedisError` of reason `Conflict`.
 *
 * @since 0.1.0
 * @category writing
 */
export const modify: {
  <K, Value, Result extends Modified<NoInfer<Value>>, Key = Widen<K>>(
    key: K & NoInfer<Key>,
    f: ((found: Option.Option<Value>) => Result) & TakenBy<Value, Modified.Value<Result>>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<
    Option.Option<Value>,
    Modified.Error<Result> | RedisError | CodecError,
    Modified.Context<Result> | R
  >
  <Key, Value, E, R, Result extends Modified<NoInfer<Value>>>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>,
    f: ((found: Option.Option<Value>) => Result) & TakenBy<Value, Modified.Value<Result>>,
    options?: WriteOptions
  ): Effect.Effect<
    Option.Option<Value>,
    Modified.Error<Result> | RedisError | CodecError,
    Modified.Context<Result> | R
  >
  <K, Value, Result extends Modified<NoInfer<Value>>, Key = Widen<K>>(
    key: K & NoInfer<Key>,
    f: ((found: Option.Option<Value>) => Result) & TakenBy<Value, Modified.Value<Result>>,
    options: WriteOptions
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<
    Option.Option<Value>,
    Modified.Error<Result> | RedisError | CodecError,
    Modified.Context<Result> | R
  >
} = operation(cacheFirst, Update.modify)

/**
 * Adds `delta` (default: 1) to a counter and returns the sum. Atomic. The counter's time to live is set when it is
 * first incremented.
 *
 * @since 0.1.0
 * @category writing
 */
export const increment: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): (self: Counter<Key>) => Effect.Effect<number, RedisError | CodecError, Redis>
  <Key>(self: Counter<Key>, key: NoInfer<Key>, delta?: number): Effect.Effect<number, RedisError | CodecError, Redis>
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>,
    delta: number
  ): (self: Counter<Key>) => Effect.Effect<number, RedisError | CodecError, Redis>
} = operation(cacheFirst, Counters.increment)

/**
 * Deletes a value, and returns whether it was fresh by its header and tags: the value itself is not fetched. Loads in
 * flight, in any process, will not store what they compute.
 *
 * @since 0.1.0
 * @category deleting
 */
const delete_: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<boolean, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>
  ): Effect.Effect<boolean, RedisError | CodecError, R>
} = operation(2, Remove.delete_)

export {
  /**
   * Deletes a value, and returns whether it was fresh by its header and tags: the value itself is not fetched. Loads in
   * flight, in any process, will not store what they compute.
   *
   * @since 0.1.0
   * @category deleting
   */
  delete_ as delete
}

/**
 * Deletes a value, and returns it if it was fresh. Atomic: of many concurrent callers, only one gets the value. It
 * fails with `RedisError` whatever `onRedisError` says; the value may then be lost.
 *
 * @since 0.1.0
 * @category deleting
 */
export const take: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<Option.Option<Value>, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>
  ): Effect.Effect<Option.Option<Value>, RedisError | CodecError, R>
} = operation(2, Remove.take)

/**
 * Deletes many values in one round trip, and returns how many of them were fresh. See `delete`.
 *
 * @since 0.1.0
 * @category deleting
 */
export const deleteMany: {
  <K, Key = Widen<K>>(
    keys: Iterable<K & NoInfer<Key>>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<number, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    keys: Iterable<NoInfer<Key>>
  ): Effect.Effect<number, RedisError | CodecError, R>
} = operation(2, Remove.deleteMany)

/**
 * Deletes all entries of this cache, and the epochs of its tags, with `SCAN` and `UNLINK` in pages. It returns how many
 * entries there were, including those that only mark a load in flight.
 *
 * @since 0.1.0
 * @category deleting
 */
export const flush: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>
) => Effect.Effect<number, RedisError, R> = door(Scan.flush)

/**
 * Invalidates all entries that have one of these tags: they are absent from then on. It costs one write for each tag,
 * however many entries there are. Like a delete, it works when Redis has no memory left. No load in flight, no stale
 * window and no eviction brings one back. (Redis itself can: by a failover that loses the invalidation, or a restart
 * from an older snapshot.)
 *
 * @since 0.1.0
 * @category deleting
 */
export const invalidateTags: {
  (
    tags: ReadonlyArray<string>
  ): <Key, Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<void, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    tags: ReadonlyArray<string>
  ): Effect.Effect<void, RedisError | CodecError, R>
} = operation(2, Invalidate.invalidateTags)

// What is invalidated is a copy of something else, which a counter is not.
interface IsCopy {
  readonly kind?: "Cache.invalidating does not apply to counters"
}

/**
 * Runs an update of the source, and invalidates the keys that it makes outdated. While the update runs, no load in any
 * process stores anything under these keys. When it ends, successfully or not, the keys are absent. So a read that
 * begins after the end never returns a value from before the commit, even if the process dies at any point or Redis
 * fails.
 *
 * - Put it around the transaction, not inside: the end must come after the commit.
 * - Meanwhile reads load without storing, and do not wait. The update's own loads are not shared with other callers.
 * - It takes one round trip before the update and one after it, whatever the number of keys, and a renewal of the holds
 *   every half `hold`.
 * - If Redis cannot hold the keys, the update is not run, and this fails with a `RedisError` (with `onRedisError: "bypass"`
 *   it runs without protection). Once the update has begun, no failure of the cache fails it.
 * - If the keys depend on the result, `(result) => keys`, they are removed at the end, and not protected before.
 *
 * Explicit writes (`set`, `modify`, `setIfAbsent`) take the protection away from their key. `docs/guides/updates.md` has more.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes" })
 *
 * declare const renameInDatabase: (id: string, name: string) => Effect.Effect<void>
 *
 * export const rename = (id: string, name: string) =>
 *   renameInDatabase(id, name).pipe(Cache.invalidating(users, [id], { linger: "500 millis" }))
 * ```
 *
 * @since 0.1.0
 * @category updating
 */
export const invalidating: {
  <Key, Value, Error, Requirements, Result, Told extends ListOf<Key> = never>(
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: ListOf<Key> | ((result: Result) => ListOf<Key> | Told),
    options?: OptionsFor<Told, StoringOptions<Result, NoInfer<Key>, NoInfer<Value>>>
  ): <A, E, R>(self: Effect.Effect<A, E, R> & ResultsIn<Result>) => Effect.Effect<A, E | Error, R | Requirements>
  <A, E, R, Key, Value, Error, Requirements, Told extends ListOf<Key> = never>(
    self: Effect.Effect<A, E, R>,
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: ListOf<Key> | ((result: NoInfer<A>) => ListOf<Key> | Told),
    options?: OptionsFor<Told, StoringOptions<NoInfer<A>, NoInfer<Key>, NoInfer<Value>>>
  ): Effect.Effect<A, E | Error, R | Requirements>
} = dual(
  (args) => !isCache(args[0]),
  Invalidating.invalidating as (...args: Array<any>) => any // the overloads say what comes out
)

/**
 * Makes a value stale as of now, and returns whether it was fresh. Reads miss it at once, and its stale windows begin:
 * within `staleWhileRevalidate`, loads return it while one process refreshes it; within `staleIfError`, loads return it
 * if the source fails. Without a window, it is as good as deleted. Loads in flight, in any process, will not store what
 * they compute.
 *
 * A value that is already stale does not change, and a deleted or invalidated value does not come back. Counters cannot
 * be stale.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const rates = Cache.make({ name: "rates", timeToLive: "1 hour", staleWhileRevalidate: "5 minutes" })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cache.set(rates, "EUR", 1.08)
 *   yield* Cache.expire(rates, "EUR")
 *   console.log(Option.isSome(yield* Cache.get(rates, "EUR"))) // false
 *   console.log(yield* Cache.getOrSet(rates, "EUR", Effect.succeed(1.09))) // 1.08, and 1.09 is loaded behind
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLayer.layerMemory)))
 * ```
 *
 * @since 0.1.0
 * @category expiring
 */
export const expire: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Entries<Key, Value, E, R>) => Effect.Effect<boolean, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Entries<Key, Value, E, R>,
    key: NoInfer<Key>
  ): Effect.Effect<boolean, RedisError | CodecError, R>
} = operation(2, Expire.expire)

/**
 * Makes many values stale in one round trip, and returns how many of them were fresh. See `expire`.
 *
 * @since 0.1.0
 * @category expiring
 */
export const expireMany: {
  <K, Key = Widen<K>>(
    keys: Iterable<K & NoInfer<Key>>
  ): <Value, E, R>(self: Entries<Key, Value, E, R>) => Effect.Effect<number, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Entries<Key, Value, E, R>,
    keys: Iterable<NoInfer<Key>>
  ): Effect.Effect<number, RedisError | CodecError, R>
} = operation(2, Expire.expireMany)

/**
 * Makes all entries that have one of these tags stale as of now, as `expire` does for one key. It costs one small write
 * for each tag, however many entries there are. Prefer it to `invalidateTags` if many entries share a tag: callers are
 * served stale values while they are refreshed, instead of all going to the source at once. The stale windows begin
 * now, or when the TTL ended if that was earlier. An entry is absent if one of its tags was expired twice since it was
 * written, or invalidated.
 *
 * @since 0.1.0
 * @category expiring
 */
export const expireTags: {
  (
    tags: ReadonlyArray<string>
  ): <Key, Value, E, R>(self: Entries<Key, Value, E, R>) => Effect.Effect<void, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Entries<Key, Value, E, R>,
    tags: ReadonlyArray<string>
  ): Effect.Effect<void, RedisError | CodecError, R>
} = operation(2, Expire.expireTags)

/**
 * Returns the value of a key. If there is no fresh one, it runs `load` and stores its result, unless the key was
 * written, deleted or invalidated meanwhile. One load runs at a time in the whole fleet: other callers wait for it.
 * `load` runs on its own fiber, with the context of the first caller and a `Scope` of its own. If it fails, all waiting
 * callers fail with its error, which is not cached.
 *
 * `load` receives the previous value if there is one, `(key, previous) => …`, and may return `Cache.unchanged`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes", staleWhileRevalidate: "1 hour" })
 *
 * declare const fetchUser: (id: string) => Effect.Effect<{ readonly name: string }, Error>
 *
 * // Effect<unknown, Error | RedisError | CodecError, Redis>
 * export const program = Cache.getOrSet(users, "42", fetchUser)
 * ```
 *
 * @since 0.1.0
 * @category loading
 */
export const getOrSet: {
  <K, V, E2, R2, Key = Widen<K>, Value = ValueOf<V>>(
    key: K & NoInfer<Key>,
    load: Computing<NoInfer<Key>, NoInfer<Value>, LoadedFirst<Value, V>, E2, R2>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<Value, E | E2, R | Exclude<R2, Scope.Scope>>
  <Key, Value, E, R, E2, R2, V, Timeout extends TimeoutInput | undefined = undefined>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>,
    load: Computing<NoInfer<Key>, NoInfer<Value>, Loaded<Value, V>, E2, R2>,
    options?: LoadOptions<NoInfer<Key>, NoInfer<Value>, Timeout>
  ): Effect.Effect<Value, E | E2 | TimeoutError<Timeout>, R | Exclude<R2, Scope.Scope>>
  <K, V, E2, R2, Timeout extends TimeoutInput | undefined = undefined, Key = Widen<K>, Value = ValueOf<V>>(
    key: K & NoInfer<Key>,
    load: Computing<NoInfer<Key>, NoInfer<Value>, LoadedFirst<Value, V>, E2, R2>,
    options: LoadOptions<NoInfer<Key>, NoInfer<Value>, Timeout>
  ): <E, R>(
    self: Cache<Key, Value, E, R>
  ) => Effect.Effect<Value, E | E2 | TimeoutError<Timeout>, R | Exclude<R2, Scope.Scope>>
} = operation(cacheFirst, Load.getOrSet)

/**
 * Marks one key of a batched load as failed. The other keys of the batch are not affected.
 *
 * @example
 * ```ts
 * import { Data, Effect } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * class NotFound extends Data.TaggedError("NotFound")<{ readonly id: string }> {}
 *
 * const names = Cache.make({ name: "names", timeToLive: "10 minutes" })
 *
 * declare const fetchNames: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, string>>
 *
 * // Effect<ReadonlyMap<string, Either<unknown, NotFound | RedisError | CodecError>>, RedisError | CodecError, Redis>
 * export const program = Cache.getOrSetMany(
 *   names,
 *   ["1", "2"],
 *   (ids) =>
 *     Effect.map(fetchNames(ids), (found) =>
 *       ids.map((id) => [id, found.get(id) ?? Cache.failed(new NotFound({ id }))] as const)),
 *   { batchSize: 100, concurrency: 4, mode: "either" }
 * )
 * ```
 *
 * @since 0.1.0
 * @category loading
 */
export const failed = <E>(error: E): Failed<E> => new Load.Failed(error)

/**
 * The result of a load whose `previous` value is still valid. That value is returned to callers, and stored with a new
 * TTL without being encoded again. It keeps its tags, and gets those of this load too.
 *
 * Return it only if `previous` is some; otherwise it is a defect. `previous` is none if there was no value, if the
 * value was replaced or invalidated, or if the load has no lease (Redis is unreachable, or another process's load took
 * too long).
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * interface Page { readonly body: string; readonly etag: string }
 *
 * const pages = Cache.of<Page>()({ name: "pages", timeToLive: "1 minute", retain: "1 day" })
 *
 * declare const fetchPage: (url: string, etag: string | undefined) => Effect.Effect<Page | "NotModified", Error>
 *
 * export const getPage = (url: string) =>
 *   Cache.getOrSet(pages, url, (url, previous) =>
 *     fetchPage(url, Option.getOrUndefined(previous)?.value.etag).pipe(
 *       Effect.map((page) => page === "NotModified" ? Cache.unchanged : page)
 *     ))
 * ```
 *
 * @since 0.1.0
 * @category loading
 */
export const unchanged: Unchanged = unchanged_

/**
 * Returns the values of many keys, and loads the absent ones together: `load` receives all of them, or `batchSize` at a
 * time, and returns their values. Keys that `load` leaves out are not stored, and are missing from the result. For a
 * key that cannot be loaded, `load` may return `Cache.failed`. Each key is loaded under a lease of its own. If another
 * process is loading a key, this call waits for it, and may load that key in a run of its own.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const squares = Cache.make({ name: "squares", timeToLive: "1 hour" })
 *
 * const program = Cache.getOrSetMany(
 *   squares,
 *   ["1", "2", "3"],
 *   (absent) => Effect.succeed(absent.map((n) => [n, Number(n) ** 2] as const)),
 *   { batchSize: 2 }
 * )
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLayer.layerMemory))).then((found) => {
 *   console.log([...found.values()].join(" ")) // 1 4 9
 * })
 * ```
 *
 * @since 0.1.0
 * @category loading
 */
export const getOrSetMany: {
  <
    Key,
    Value,
    E,
    R,
    E2,
    R2,
    Pairs extends Iterable<readonly [unknown, unknown]>,
    Timeout extends TimeoutInput | undefined = undefined,
    Mode extends "default" | "either" = "default"
  >(
    self: Cache<Key, Value, E, R>,
    keys: Iterable<NoInfer<Key>>,
    load: (
      absent: ReadonlyArray<NoInfer<Key>>,
      previous: ReadonlyMap<NoInfer<Key>, Previous<NoInfer<Value>>>
    ) => Effect.Effect<
      Pairs & LoadMany.Loaded<NoInfer<Key>, Loaded<Value, LoadMany.ValueOf<Pairs>> | Unchanged, any>, // its failures: `KeyError`
      E2,
      R2
    >,
    options?: LoadManyOptions<NoInfer<Key>, NoInfer<Value>, Timeout, Mode>
  ): Effect.Effect<
    LoadMany.Answer<Key, Value, E | E2 | LoadMany.KeyError<Pairs> | TimeoutError<Timeout>, Mode>,
    Mode extends "either" ? E : E | E2 | LoadMany.KeyError<Pairs> | TimeoutError<Timeout>,
    R | Exclude<R2, Scope.Scope>
  >
  <
    K,
    V,
    E2,
    R2,
    KeyError = never,
    Timeout extends TimeoutInput | undefined = undefined,
    Mode extends "default" | "either" = "default",
    Key = Widen<K>,
    Value = ValueOf<V>
  >(
    keys: Iterable<K & NoInfer<Key>>,
    load: (
      absent: ReadonlyArray<NoInfer<Key>>,
      previous: ReadonlyMap<NoInfer<Key>, Previous<NoInfer<Value>>>
    ) => Effect.Effect<LoadMany.Loaded<NoInfer<Key>, LoadedFirst<Value, V>, KeyError>, E2, R2>,
    options?: LoadManyOptions<NoInfer<Key>, NoInfer<Value>, Timeout, Mode>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<
    LoadMany.Answer<Key, Value, E | E2 | KeyError | TimeoutError<Timeout>, Mode>,
    Mode extends "either" ? E : E | E2 | KeyError | TimeoutError<Timeout>,
    R | Exclude<R2, Scope.Scope>
  >
} = operation(cacheFirst, Load.getOrSetMany)

/**
 * Runs `load` now, whatever is stored, and stores its result. Other loads of the key, in any process, then do not store
 * theirs. If refreshes overlap, each stores its value, unless one that began later has already stored, or the key was
 * written or deleted meanwhile. Other callers do not wait for a refresh while there is a value to serve, and never fail
 * with its error.
 *
 * @since 0.1.0
 * @category loading
 */
export const refresh: {
  <K, V, E2, R2, Key = Widen<K>, Value = ValueOf<V>>(
    key: K & NoInfer<Key>,
    load: Computing<NoInfer<Key>, NoInfer<Value>, LoadedFirst<Value, V>, E2, R2>
  ): <E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<Value, E | E2, R | Exclude<R2, Scope.Scope>>
  <Key, Value, E, R, E2, R2, V>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>,
    load: Computing<NoInfer<Key>, NoInfer<Value>, Loaded<Value, V>, E2, R2>
  ): Effect.Effect<Value, E | E2, R | Exclude<R2, Scope.Scope>>
} = operation(3, Load.refresh)

/**
 * Puts a cache in front of a `RequestResolver`: requests are answered from the cache, and those that miss go to the
 * resolver. The result is an effect that `Effect.request` accepts directly.
 *
 * A batch of requests is one look into Redis. What is absent goes to the resolver as one batch, each key under its own
 * lease, and is stored; stale windows, tags and whatever else the cache is made with hold as for `getOrSet`. So requests
 * and their batches are shared with every other load of the same keys, in every process.
 *
 * Each request has its own outcome: a failure or a defect affects that request alone, and is not stored. If one is
 * interrupted, the others go on. Requests for the same key become one. The request's error has to include what the
 * cache fails with: `RedisError`, unless it is made with `onRedisError: "bypass"`. A key or value that cannot be stored
 * (`CodecError`) is a defect.
 *
 * Call it once for each resolver, not for each request: requests are batched where their resolver is the same.
 *
 * @example
 * ```ts
 * import { Effect, Request, RequestResolver, Schema } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String }) {}
 *
 * class UserById extends Request.TaggedClass("UserById")<User, "NotFound", { readonly id: number }> {}
 *
 * declare const UserSource: RequestResolver.RequestResolver<UserById>
 *
 * const users = Cache.make({
 *   name: "users",
 *   key: Schema.Number,
 *   schema: User,
 *   timeToLive: "10 minutes",
 *   onRedisError: "bypass"
 * })
 *
 * const CachedUsers = UserSource.pipe(Cache.resolver(users, { key: (request) => request.id }))
 *
 * const getUser = (id: number) => Effect.request(new UserById({ id }), CachedUsers)
 *
 * // One look for all of them, and one batch for those that are absent.
 * export const program = Effect.forEach([1, 2, 3], getUser, { batching: true })
 * ```
 *
 * @since 0.1.0
 * @category loading
 */
export const resolver: {
  <Key, Value, E, R, Req extends Request.Request<NoInfer<Value>, any>>( // its errors: `Covers`
    cache: Cache<Key, Value, E, R>,
    options: { readonly key: (request: Req) => NoInfer<Key> }
  ): <R2>(
    self: RequestResolver<Req, R2> & Covers<Req, E>
  ) => Effect.Effect<RequestResolver<Req, Exclude<R2, Scope.Scope>>, never, R>
  <Key, Value, E, R, Req extends Request.Request<NoInfer<Value>, any>, R2>( // as above
    self: RequestResolver<Req, R2> & Covers<Req, E>,
    cache: Cache<Key, Value, E, R>,
    options: { readonly key: (request: NoInfer<Req>) => NoInfer<Key> }
  ): Effect.Effect<RequestResolver<Req, Exclude<R2, Scope.Scope>>, never, R>
} = operation(3, Resolver.resolver)

/**
 * How a region of a program uses caches. See `withMode`.
 *
 * - `"use"`: they are read and stored
 * - `"refresh"`: reads miss, and loads store
 * - `"readOnly"`: they are read, and none is stored
 * - `"off"`: they are neither read nor stored
 *
 * @since 0.1.0
 * @category models
 */
export type Mode = ModeName

/**
 * Runs a program, and all fibers that it forks, in another mode. The mode decides whether every cache and memoized
 * function there reads and stores values.
 *
 * - `"refresh"`: reads miss, and every load computes anew and replaces what is there. Concurrent callers of one key in this
 *   mode share a load. Writes are done.
 * - `"readOnly"`: values are read, including stale ones inside their windows. Neither loads nor writes store any. A
 *   write returns as if it had been done.
 * - `"off"`: as without a cache, and without Redis: reads miss, loads compute, writes are dropped.
 * - `"use"`: as without `withMode`, for a region inside another one: the innermost counts.
 *
 * Deletes, flushes, invalidations, expiries, `take` and `invalidating` do the same in every mode, and so do operations
 * that only report: `keys`, `stats`, `explain`, `changes`. If values are not stored, a `set` after an update of the
 * source is dropped, so the old value stays: use `delete`, or `invalidating`.
 *
 * Callers in different modes do not share loads. If reads miss, near copies are neither read nor filled. The mode
 * belongs to the `Redis` in the context: a layer that is built outside of the region (`KeyValueStore`, `Persistence`)
 * keeps the mode with which it was built. A program that uses no mode pays nothing for it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, Memo } from "effect-redis-cache"
 *
 * const fetchUser = (id: string) => Effect.succeed({ id, name: "Ada" })
 * const getUser = Memo.cached(fetchUser, "10 minutes")
 *
 * // A request with `Cache-Control: no-cache` gets what the source has now, and so do all requests after it.
 * export const handle = (id: string, noCache: boolean) =>
 *   getUser(id).pipe(Cache.withMode(noCache ? "refresh" : "use"))
 * ```
 *
 * @since 0.1.0
 * @category loading
 */
export const withMode: {
  (mode: Mode): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Redis>
  <A, E, R>(self: Effect.Effect<A, E, R>, mode: Mode): Effect.Effect<A, E, R | Redis>
} = dual(2, WithMode.withMode)

/**
 * Returns what this cache has counted in this process.
 *
 * @since 0.1.0
 * @category watching
 */
export const stats: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>
) => Effect.Effect<Stats, never, R> = door(Statistics.stats)

/**
 * Explains what is stored under a key, and why a read hits or misses.
 *
 * @since 0.1.0
 * @category watching
 */
export const explain: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, E, R>(self: Cache<Key, Value, E, R>) => Effect.Effect<Explanation, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    key: NoInfer<Key>
  ): Effect.Effect<Explanation, RedisError | CodecError, R>
} = operation(2, Explain.explain)

/**
 * Streams the changes of this cache, whether made by this process, another one, `redis-cli`, or expiry. Changes of one
 * key come in order. `Changed` says that a key may have changed; a lease counts as a change too. Keys have the form
 * that `Cache.keys` returns.
 *
 * The stream begins with `Resumed`, as soon as it listens to Redis. `Lost` says that changes may have been missed:
 * because the connection was lost (`Resumed` follows once there is a new one), or because the reader was too slow. A
 * reader with more than `bufferSize` unread changes (default: 4,096) loses them, and gets `Lost` and `Resumed` instead.
 *
 * It has the requirements of near copies, see `docs/guides/near.md`. If Redis refuses `CLIENT TRACKING` when the stream
 * begins, the stream fails with a `RedisError`; if it refuses later, the stream emits `Lost`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * const prices = Cache.make({ name: "prices", timeToLive: "1 minute" })
 *
 * export const program = Cache.changes(prices).pipe(
 *   Stream.runForEach((change) =>
 *     Effect.log(change._tag === "Changed" ? `${change.key} may have changed` : `all may have: ${change._tag}`)
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 * @category watching
 */
export const changes: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>,
  options?: { readonly bufferSize?: number | undefined }
) => Stream.Stream<Change, RedisError, R> = door(Changes.changes)
