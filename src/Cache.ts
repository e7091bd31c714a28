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
import type { InvalidatingOptions, NotStoring, StoringOptions } from "./internal/ops/invalidating/options.js"
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

/** A cache that is no counter: its entries have a header. */
type Entries<Key, Value, Error, Requirements> =
  & Cache<Key, Value, Error, Requirements>
  & { readonly kind?: undefined }

/**
 * How a cache treats its entries.
 *
 * - `timeToLive`: how long a value is fresh, a duration of more than zero or a function of value and key (zero or less:
 *   do not store). Default: it never expires. Rounded up to whole milliseconds
 * - `staleWhileRevalidate`: for so long after that, loads are answered with the stale value at once, and one process
 *   refreshes it in the background (RFC 5861). Default: no such window
 * - `staleIfError`: for so long after its fresh life the value is served where its load fails or times out (RFC 5861).
 *   Default: no such window. An entry stays in Redis for its fresh life and the longer of the two windows
 * - `retain`: an entry stays in Redis for so long after its windows, for loads that are told what was there
 *   (`Cache.unchanged`) and nothing else. Default: not at all
 * - `jitter`: 0–1, randomly shortens each fresh life by up to this fraction, so that entries do not expire together.
 *   Default: 0
 * - `earlyRefresh`: XFetch's beta; 1 is a good start. Default: 0, off. Fresh values are refreshed in the background
 *   before they end, the likelier the closer the end and the longer their loads take (Vattani, Chierichetti,
 *   Lowenstein, VLDB 2015)
 * - `lease`: how long a load may keep other processes out, and how long these wait. See `LeaseOptions`
 * - `tags`: tags of an entry that its key tells. `valueTags`: that its value tells (one more round trip)
 * - `onRedisError`: with `"bypass"` a read misses, a write is dropped and a load just computes when Redis fails.
 *   Default: `"fail"`
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
 * - `near`: copies in this process, which Redis itself keeps coherent: a hit on one costs no I/O. See `NearOptions` and
 *   `docs/guides/near.md`. What comes from a copy is the same object every time: treat it as immutable
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
 * Makes a cache: no effect is run, and nothing is connected. A definition that cannot be meant (an empty name, a time
 * to live of zero …) throws a `RangeError` that says so.
 *
 * Values go through `schema` (as JSON of its encoded form), or `codec`; with neither any structural value is taken.
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
 * `make` for values of a type that no schema describes. The type of what is stored is not checked. When the type
 * changes, give another `version`. Short for `codec: Codec.structural<Value>()`.
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
 * The value of a key if it is there and fresh.
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
 * Whether a fresh value is there.
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
 * The fresh values of many keys, in one round trip. Keys without one are left out.
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
 * The fresh life that remains: infinite for values that never expire, none where there is no fresh value.
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
 * The keys of this cache that have fresh values, as they are stored, found by `SCAN` in pages: the server is never
 * blocked. A key that is written meanwhile may be missed, and one may come twice while Redis resizes its table, or a
 * cluster moves slots.
 *
 * @since 0.1.0
 * @category reading
 */
export const keys: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>
) => Stream.Stream<string, RedisError, R> = door(Scan.keys)

/**
 * Stores a value. Whatever was there is replaced, and loads in flight will not store what they computed before.
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
 * Stores many values, in one round trip, value and life in one command each: a record where keys are strings, or pairs.
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
  // For compile errors alone: of so many forms TypeScript tells what is wrong with the last.
  <Key, Value, E, R, Entries extends Iterable<readonly [unknown, unknown]> | object>(
    self: Cache<Key, Value, E, R>,
    entries: Entries & EntriesOf<NoInfer<Key>, Value, Entries>,
    options?: WriteOptions
  ): Effect.Effect<void, E, R>
} = operation(cacheFirst, Writes.setMany)

/**
 * Stores a value where no fresh one is; tells whether it did. Atomic.
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
 * Gives the fresh value that is there a new fresh life. The value, and a lease on it, stay as they are.
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
 * Replaces a value by what `f` makes of it; answers with what is there then. If `f` gives none, everything under the
 * key is removed, also a stale value and the lease of a load in flight. `f` runs again if another writer came first
 * (compare-and-set), 64 times at the most. Then it fails with a `RedisError` of reason `Conflict`.
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
 * Adds `delta` (default: 1) to a counter and gives the sum. Atomic. The counter's time to live is set when it is first
 * incremented.
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
 * Deletes a value; tells whether a fresh one was there, as far as its header and tags say: the value itself is not fetched.
 * Loads in flight, in any process, will not store what they computed before.
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
   * Deletes a value; tells whether a fresh one was there, as far as its header and tags say: the value itself is not
   * fetched. Loads in flight, in any process, will not store what they computed before.
   *
   * @since 0.1.0
   * @category deleting
   */
  delete_ as delete
}

/**
 * Deletes what is stored, and gives its value if that was fresh, in one step: of many callers that take one value one
 * gets it. It fails with `RedisError` whatever `onRedisError` says; the value may then be lost.
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
 * Deletes many values in one round trip; tells how many fresh ones were there, as `delete` does.
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
 * Deletes all entries of this cache, and of no other, and the epochs of its tags, by `SCAN` and `UNLINK` in pages. It tells
 * how many entries there were, those included that only mark a load under way.
 *
 * @since 0.1.0
 * @category deleting
 */
export const flush: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>
) => Effect.Effect<number, RedisError, R> = door(Scan.flush)

/**
 * Makes all entries with one of these tags absent, however many they are, at the cost of one write a tag. It works when
 * Redis has no memory left, as deletes do. No load in flight, no stale window and no eviction brings one back. (Redis itself can: by a failover that loses the invalidation, or
 * a restart from an older snapshot.)
 *
 * @since 0.1.0
 * @category deleting
 */
export const invalidateTags: {
  (
    tags: ReadonlyArray<string>
  ): <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>
  ) => Effect.Effect<void, RedisError | CodecError, R>
  <Key, Value, E, R>(
    self: Cache<Key, Value, E, R>,
    tags: ReadonlyArray<string>
  ): Effect.Effect<void, RedisError | CodecError, R>
} = operation(2, Invalidate.invalidateTags)

// What is invalidated is a copy of something else, which a counter is not.
interface IsCopy {
  readonly kind?: "Cache.invalidating does not apply to counters"
}

// A string is a list of its letters.
type ListOf<Key> = Iterable<Key> & object

/**
 * Runs an update of the source, and invalidates what it makes old: while the update runs, no process stores anything under
 * these keys, and when it has ended, however, they are absent. So no read that begins after the end is answered with what
 * was there before the commit, though the process dies anywhere in it, or Redis fails.
 *
 * - Put it around the transaction, not inside: the end must come after the commit.
 * - Meanwhile readers are answered by loads that store nothing; nobody waits. The update's own loads share with nobody.
 * - It takes one round trip before the update and one after it, whatever the number of keys, and a renewal of the holds
 *   every half `hold`.
 * - If Redis cannot hold the keys, the update is not run, and this fails with a `RedisError` (with `onRedisError: "bypass"`
 *   it runs without protection). Once the update has begun, no failure of the cache fails it.
 * - Keys that only the result tells, `(result) => keys`, are removed at the end, and not protected before.
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
  <Key, Value, Error, Requirements>(
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: ListOf<NoInfer<Key>>,
    options?: NotStoring<Iterable<readonly [NoInfer<Key>, NoInfer<Value>]>>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Error, R | Requirements>
  <A, Key, Value, Error, Requirements>(
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: ListOf<NoInfer<Key>>,
    options: StoringOptions<A, NoInfer<Key>, NoInfer<Value>>
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Error, R | Requirements>
  <A, Key, Value, Error, Requirements>(
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: (result: A) => ListOf<NoInfer<Key>>,
    options?: NotStoring<Iterable<readonly [NoInfer<Key>, NoInfer<Value>]>>
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Error, R | Requirements>
  <A, E, R, Key, Value, Error, Requirements>(
    self: Effect.Effect<A, E, R>,
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: (result: NoInfer<A>) => ListOf<NoInfer<Key>>,
    options?: NotStoring<Iterable<readonly [NoInfer<Key>, NoInfer<Value>]>>
  ): Effect.Effect<A, E | Error, R | Requirements>
  <A, E, R, Key, Value, Error, Requirements>(
    self: Effect.Effect<A, E, R>,
    cache: Cache<Key, Value, Error, Requirements> & IsCopy,
    keys: ListOf<NoInfer<Key>>,
    options?: StoringOptions<NoInfer<A>, NoInfer<Key>, NoInfer<Value>>
  ): Effect.Effect<A, E | Error, R | Requirements>
} = dual(
  (args) => !isCache(args[0]),
  Invalidating.invalidating as (...args: Array<any>) => any // the overloads say what comes out
)

/**
 * Makes a value stale as of now; tells whether a fresh one was there. It is absent to reads at once, and its stale
 * windows begin: loads are answered with it within `staleWhileRevalidate` while one process loads anew, and within
 * `staleIfError` where the source fails. Without a window it is as good as deleted. Loads in flight, in any process, will
 * not store what they computed before.
 *
 * What was stale already stays as stale as it is, and nothing that was deleted or invalidated comes back. Counters cannot
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
  ): <Value, Error, Requirements>(
    self: Entries<Key, Value, Error, Requirements>
  ) => Effect.Effect<boolean, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Entries<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<boolean, RedisError | CodecError, Requirements>
} = operation(2, Expire.expire)

/**
 * Makes many values stale in one round trip, as `expire` does; tells how many fresh ones were there.
 *
 * @since 0.1.0
 * @category expiring
 */
export const expireMany: {
  <K, Key = Widen<K>>(
    keys: Iterable<K & NoInfer<Key>>
  ): <Value, Error, Requirements>(
    self: Entries<Key, Value, Error, Requirements>
  ) => Effect.Effect<number, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Entries<Key, Value, Error, Requirements>,
    keys: Iterable<NoInfer<Key>>
  ): Effect.Effect<number, RedisError | CodecError, Requirements>
} = operation(2, Expire.expireMany)

/**
 * Makes all entries with one of these tags stale as of now, however many they are, at the cost of one small write a tag:
 * what `expire` does for a key. So the purge of a tag that many entries have does not send every caller to the source at
 * once. Their windows end by their own end or by this one, whichever is earlier; an entry is absent when a tag of it was
 * expired twice since it was written, or invalidated.
 *
 * @since 0.1.0
 * @category expiring
 */
export const expireTags: {
  (
    tags: ReadonlyArray<string>
  ): <Key, Value, Error, Requirements>(
    self: Entries<Key, Value, Error, Requirements>
  ) => Effect.Effect<void, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Entries<Key, Value, Error, Requirements>,
    tags: ReadonlyArray<string>
  ): Effect.Effect<void, RedisError | CodecError, Requirements>
} = operation(2, Expire.expireTags)

/**
 * The value of a key; where none is fresh, `load` is run and what it gives is stored, if nothing was written, deleted
 * or invalidated meanwhile. One load runs in the whole fleet: other callers wait for it. `load` runs on its own fiber,
 * with the context of the first caller and a `Scope` of its own. All waiting callers get its failure, and it is not
 * kept.
 *
 * `load` is told what was there, `(key, previous) => …`, and may answer `Cache.unchanged`.
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
 * A failure of one key of a batched load, which is no failure of the others.
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
 * What a load gives where the value that it was told of (`previous`) is still good: that value is stored with a new life,
 * without being encoded anew, and is what callers get. It goes under the tags that it had, and those of this load.
 *
 * It is a defect where the load was told of no value: `previous` is none where nothing was there, where what was there
 * was replaced or invalidated, and where the load has no lease (Redis is away, another process's load took too long).
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
 * The values of many keys; absent keys are loaded together: one run of `load` is given all of them, or `batchSize` at a
 * time, and gives their values. A key that another process was loading may get a run of its own. Keys that it leaves
 * out are not stored, and left out of the answer; for a key that has no value for a reason it gives `Cache.failed`.
 * Each key is loaded under a lease of its own; keys that are being loaded elsewhere are waited for.
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
 * Runs `load` now, whatever is stored, and stores what it gives. Other loads of the key, in any process, do not store.
 * Refreshes that overlap do: each stores its value, unless one that began later has stored already, or the key was
 * written or deleted meanwhile. Other callers do not wait for a refresh while something can be served, and never get
 * its failure.
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
 * A resolver whose requests the cache answers, and the resolver that it is made of where the cache cannot. It is an effect
 * that `Effect.request` takes as it is.
 *
 * A batch of requests is one look into Redis. What is absent goes to the resolver as one batch, each key under its own
 * lease, and is stored; stale windows, tags and whatever else the cache is made with hold as for `getOrSet`. So requests
 * and their batches are shared with every other load of the same keys, in every process.
 *
 * Each request has its own outcome: a failure, or a defect, is that request's alone, and is not stored. Where one is
 * interrupted, the others go on. Requests of one key are one. The request's error has to include what the cache
 * fails with: `RedisError`, unless it is made with `onRedisError: "bypass"`. A key or value that cannot be stored (`CodecError`)
 * is a defect.
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
 * What is done with values, for one region of a program.
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
 * Runs a program, with all fibers that it forks, in another mode: what is done there with values, of every cache and
 * memoized function.
 *
 * - `"refresh"`: reads miss, and every load computes anew and replaces what is there. Concurrent callers of one key in this
 *   mode share a load. Writes are done.
 * - `"readOnly"`: values are read, stale ones inside their windows too; none is stored, by loads or by writes. A write
 *   answers as if it were done.
 * - `"off"`: as without a cache, and without Redis: reads miss, loads compute, writes are dropped.
 * - `"use"`: as without `withMode`, inside of another one: the innermost counts.
 *
 * Deletes, flushes, invalidations, expiries, `take` and `invalidating` do the same in every mode, and so does what only
 * tells of the cache: `keys`, `stats`, `explain`, `changes`. A `set` after an update of the source is dropped where values
 * are not stored, so what was there stays: use `delete`, or `invalidating`.
 *
 * Callers in different modes share no load. Near copies are neither read nor filled where reads miss. The mode is that
 * of the `Redis` in the context: a layer that is built outside of the region (`KeyValueStore`, `Persistence`) keeps that
 * with which it was built. A program that uses no mode pays nothing for it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, Memo } from "effect-redis-cache"
 *
 * const fetchUser = (id: string) => Effect.succeed({ id, name: "Ada" })
 * const getUser = Memo.cached(fetchUser, "10 minutes")
 *
 * // Whoever sends `Cache-Control: no-cache` is given what the source has now, and so is everybody after.
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
 * What this cache has counted in this process.
 *
 * @since 0.1.0
 * @category watching
 */
export const stats: <Key, Value, E, R>(
  self: Cache<Key, Value, E, R>
) => Effect.Effect<Stats, never, R> = door(Statistics.stats)

/**
 * Explains what is stored under a key.
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
 * What changes in this cache, whether by this process, another one, `redis-cli`, or expiry. In order for one key.
 * `Changed` says that a key may have changed, and is told of leases, too; keys come as `Cache.keys` gives them.
 *
 * The stream begins with `Resumed` as soon as Redis is listened to. `Lost` says that something may have been missed:
 * that the link is gone (`Resumed` follows when there is another), or that the reader was slower than changes came. A
 * reader with more than `bufferSize` unread changes (default: 4,096) loses them, and gets `Lost` and `Resumed` instead.
 *
 * It takes what near copies take, see `docs/guides/near.md`: if Redis refuses to tell when the stream begins, the stream fails
 * with a `RedisError`; if it refuses later, the stream gives `Lost`.
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
