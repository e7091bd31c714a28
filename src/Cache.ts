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
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import type { CodecError, RedisError } from "./CacheError.js"
import type { WriteOptions } from "./internal/cache/prepare.js"
import type { Change } from "./internal/changes/backlog.js"
import type { Codec } from "./internal/codec/codec.js"
import { counter as counterCodec } from "./internal/codec/counter.js"
import { json } from "./internal/codec/json/json.js"
import { structural } from "./internal/codec/structural/structural.js"
import { CacheDefinition, TypeId as DefinitionTypeId } from "./internal/definition/definition.js"
import type { Given, GivenFirst, TakenBy, ValueIn } from "./internal/definition/given.js"
import type { TimeToLive } from "./internal/definition/lives.js"
import { decode, type LeaseOptions, type NearOptions, type PolicyOptions } from "./internal/definition/policy.js"
import { checkName } from "./internal/definition/refuse.js"
import { type KeySpace, stringKeys, typedKeys } from "./internal/key/keySpace.js"
import type { Explanation } from "./internal/ops/explain.js"
import * as Explain from "./internal/ops/explain.js"
import * as Get from "./internal/ops/get.js"
import * as GetMany from "./internal/ops/getMany.js"
import * as Load from "./internal/ops/load.js"
import type { Failed, LoadMany, LoadManyOptions, LoadOptions, TimeoutError } from "./internal/ops/loadTypes.js"
import * as Invalidate from "./internal/ops/remove/invalidate.js"
import * as Remove from "./internal/ops/remove/remove.js"
import * as Resolver from "./internal/ops/resolver.js"
import * as Scan from "./internal/ops/scan.js"
import type { Stats } from "./internal/ops/stats.js"
import * as Statistics from "./internal/ops/stats.js"
import * as Life from "./internal/ops/timeToLive.js"
import * as Changes from "./internal/ops/watch/changes.js"
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
 * `onRedisError: "bypass"`. Deletes, flushes, invalidations and counters always can fail with `RedisError`.
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

/**
 * How a cache treats its entries.
 *
 * - `timeToLive`: how long a value is fresh, a duration of more than zero or a function of value and key (zero or less:
 *   do not store). Default: it never expires. Rounded up to whole milliseconds
 * - `staleWhileRevalidate`: for so long after that, loads are answered with the stale value at once, and one process
 *   refreshes it in the background (RFC 5861). Default: no such window
 * - `staleIfError`: for so long after its fresh life the value is served where its load fails or times out (RFC 5861).
 *   Default: no such window. An entry stays in Redis for its fresh life and the longer of the two windows
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
 *   `docs/near.md`. What comes from a copy is the same object every time: treat it as immutable
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
  Stats,
  /**
   * @since 0.1.0
   * @category models
   */
  TimeoutError,
  /**
   * @since 0.1.0
   * @category models
   */
  TimeToLive,
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

interface Named<in out Key> {
  /** Not empty, and without `:`. */
  readonly name: string
  /** Types the key. Default: strings, stored as they are. */
  readonly key?: Schema.Schema<Key, any> | undefined // what a key is encoded to does not matter to its users
}

type Stored<Value> =
  | { readonly schema?: undefined; readonly codec?: Codec<Value> | undefined }
  | { readonly schema?: Schema.Schema<Value, any> | undefined; readonly codec?: undefined } // as above

// Types that are given, not inferred (`Cache.make<User>(…)`), need a schema or codec that says so of what is stored.
type KeyIsTyped<Key> = string extends Key ? {} : { readonly key: Schema.Schema<NoInfer<Key>, any> } // as above
type ValueIsTyped<Value> = unknown extends Value ? {}
  : { readonly schema: Schema.Schema<NoInfer<Value>, any> } | { readonly codec: Codec<NoInfer<Value>> } // as above

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
} = <Value, Encoded, Key>(
  options: Named<Key> & Policy<Key, Value> & {
    readonly schema?: Schema.Schema<Value, Encoded> | undefined
    readonly codec?: Codec<Value> | undefined
  }
): any => { // each overload says what comes out
  const name = checkName(options.name)
  const codec = options.schema !== undefined ? json(options.schema) : options.codec ?? structural<Value>()
  return new CacheDefinition(name, "entry", keySpace(options.key), codec, undefined, decode(name, options), undefined)
}

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
): Cache<Key, Value, ErrorOf<OnRedisError>> =>
  (make as (options: object) => any)({ ...options, codec: structural<Value>() }) // `make` takes what types can follow

const keySpace = <Key>(schema: Schema.Schema<Key, any> | undefined): KeySpace<Key> =>
  schema === undefined
    ? stringKeys as KeySpace<any> // without a schema the key's type is string: the overloads see to it
    : typedKeys(schema)

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
export const counter = <Key = string>(
  options: Named<Key> & KeyIsTyped<Key> & {
    readonly timeToLive?: TimeToLive<NoInfer<Key>, number> | undefined
    readonly jitter?: number | undefined
    readonly lease?: LeaseOptions | undefined
    readonly maxConcurrentLoads?: number | undefined
  }
): Counter<Key> => {
  const name = checkName(options.name)
  const policy = decode<Key, number>(name, options)
  return toCache(
    new CacheDefinition(name, "counter", keySpace(options.key), counterCodec, undefined, policy, undefined)
  ) as Counter<Key> // it was just made of that kind
}

// A cache is a definition: the class has no `Error` in its type, which the overloads that make one decide.
const toCache = <Key, Value>(definition: CacheDefinition<Key, Value>): Cache<Key, Value> =>
  definition as unknown as Cache<Key, Value> // the same object, see above

const definitionOf = <Key, Value, Error, Requirements>(
  self: Cache<Key, Value, Error, Requirements>
): CacheDefinition<Key, Value> => self as unknown as CacheDefinition<Key, Value> // the same object, see above

/**
 * Whether something is a cache.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCache = (u: unknown): u is Cache<any, any, any, any> => hasProperty(u, TypeId)

// In a pipe, the cache says what its keys are; where a data-last form stands by itself, `"42"` stands for any string.
type Widen<Key> = Key extends string | number ? {} extends Record<Key, unknown> ? Key
  : Key extends string ? string
  : number
  : Key

// `onRedisError` decided, when the cache was made, whether `RedisError` is in `Error`, and `Empty` comes of a `timeout`
// alone: the operations keep to it, and their types, which know neither, are wider than what they do.
const typed = <A, E, R>(effect: Effect.Effect<A, unknown, unknown>): Effect.Effect<A, E, R> =>
  effect as Effect.Effect<A, E, R>

// Where the last argument may be left out, the data-last form is there twice, without it and with it, and the data-first
// one between them: of the forms that a wrong call could be, TypeScript then names the likeliest first.

/** Whether the cache comes first, for operations whose last argument may be left out. */
const cacheFirst = (args: IArguments): boolean => isCache(args[0])

/**
 * An operation, data-first and data-last. Its types are those of the front door; what is behind it knows a cache by its
 * definition, and neither which errors `onRedisError` takes away nor what stands for `Redis`.
 */
const operation = (
  arity: number | ((args: IArguments) => boolean),
  behind: (self: CacheDefinition<any, any>, ...args: Array<any>) => Effect.Effect<any, any, any>
): any =>
  // as above: each door says what comes out
  typeof arity === "number" ? dual(arity, behind) : dual(arity, behind)

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
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Option.Option<Value>, Error, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<Option.Option<Value>, Error, Requirements>
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
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<boolean, Error, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<boolean, Error, Requirements>
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
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<ReadonlyMap<Key, Value>, Error, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    keys: Iterable<NoInfer<Key>>
  ): Effect.Effect<ReadonlyMap<Key, Value>, Error, Requirements>
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
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Option.Option<Duration.Duration>, Error, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<Option.Option<Duration.Duration>, Error, Requirements>
} = operation(2, Life.timeToLive)

/**
 * The keys of this cache that have fresh values, as they are stored, found by `SCAN` in pages: the server is never
 * blocked. A key that is written meanwhile may be missed, and one may come twice while Redis resizes its table, or a
 * cluster moves slots.
 *
 * @since 0.1.0
 * @category reading
 */
export const keys = <Key, Value, Error, Requirements>(
  self: Cache<Key, Value, Error, Requirements>
): Stream.Stream<string, RedisError, Requirements> =>
  // A cache's requirements are `Redis`, or what stands for it.
  Scan.keys(definitionOf(self)) as Stream.Stream<string, RedisError, Requirements | any>

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
  ): <Error, Requirements>(self: Cache<Key, Value, Error, Requirements>) => Effect.Effect<void, Error, Requirements>
  <Key, Value, Error, Requirements, V>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>,
    value: Given<Value, V>,
    options?: WriteOptions
  ): Effect.Effect<void, Error, Requirements>
  <K, V, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    value: GivenFirst<Value, V>,
    options: WriteOptions
  ): <Error, Requirements>(self: Cache<Key, Value, Error, Requirements>) => Effect.Effect<void, Error, Requirements>
} = operation(cacheFirst, Writes.set)

// As the cache has them, in the form that they come in.
type EntriesOf<Key, Value, Entries> = Entries extends Iterable<unknown>
  ? Iterable<readonly [Key, Given<Value, ValueIn<Entries>>]>
  : string extends Key ? Readonly<Record<string, Given<Value, Entries[keyof Entries]>>>
  : "the keys of this cache are no strings: give pairs"

/**
 * Stores many values, in one round trip, value and life in one command each: a record where keys are strings, or pairs.
 *
 * @since 0.1.0
 * @category writing
 */
export const setMany: {
  <Pair extends readonly [unknown, unknown], Key = Widen<Pair[0]>, Value = Pair[1]>(
    entries: Iterable<Pair & readonly [NoInfer<Key>, Given<Value, Pair[1]>]>
  ): <Error, Requirements>(self: Cache<Key, Value, Error, Requirements>) => Effect.Effect<void, Error, Requirements>
  <Fields extends Readonly<Record<string, unknown>>, Value = Fields[keyof Fields]>(
    entries: Fields & Readonly<Record<string, Given<Value, Fields[keyof Fields]>>>
  ): <Error, Requirements>(
    self: Cache<string, Value, Error, Requirements>
  ) => Effect.Effect<void, Error, Requirements>
  <Key, Value, Error, Requirements, Pairs extends Iterable<readonly [unknown, unknown]>>(
    self: Cache<Key, Value, Error, Requirements>,
    entries: Pairs & Iterable<readonly [NoInfer<Key>, Given<Value, ValueIn<Pairs>>]>,
    options?: WriteOptions
  ): Effect.Effect<void, Error, Requirements>
  <Value, Error, Requirements, V>(
    self: Cache<string, Value, Error, Requirements>,
    entries: Readonly<Record<string, Given<Value, V>>>,
    options?: WriteOptions
  ): Effect.Effect<void, Error, Requirements>
  <Pair extends readonly [unknown, unknown], Key = Widen<Pair[0]>, Value = Pair[1]>(
    entries: Iterable<Pair & readonly [NoInfer<Key>, Given<Value, Pair[1]>]>,
    options: WriteOptions
  ): <Error, Requirements>(self: Cache<Key, Value, Error, Requirements>) => Effect.Effect<void, Error, Requirements>
  <Fields extends Readonly<Record<string, unknown>>, Value = Fields[keyof Fields]>(
    entries: Fields & Readonly<Record<string, Given<Value, Fields[keyof Fields]>>>,
    options: WriteOptions
  ): <Error, Requirements>(
    self: Cache<string, Value, Error, Requirements>
  ) => Effect.Effect<void, Error, Requirements>
  // For compile errors alone: of so many forms TypeScript tells what is wrong with the last.
  <Key, Value, Error, Requirements, Entries extends Iterable<readonly [unknown, unknown]> | object>(
    self: Cache<Key, Value, Error, Requirements>,
    entries: Entries & EntriesOf<NoInfer<Key>, Value, Entries>,
    options?: WriteOptions
  ): Effect.Effect<void, Error, Requirements>
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
  ): <Error, Requirements>(self: Cache<Key, Value, Error, Requirements>) => Effect.Effect<boolean, Error, Requirements>
  <Key, Value, Error, Requirements, V>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>,
    value: Given<Value, V>,
    options?: WriteOptions
  ): Effect.Effect<boolean, Error, Requirements>
  <K, V, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    value: GivenFirst<Value, V>,
    options: WriteOptions
  ): <Error, Requirements>(self: Cache<Key, Value, Error, Requirements>) => Effect.Effect<boolean, Error, Requirements>
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
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<boolean, Error, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>,
    timeToLive: Duration.DurationInput
  ): Effect.Effect<boolean, Error, Requirements>
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
  ): <Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<
    Option.Option<Value>,
    Modified.Error<Result> | RedisError | CodecError,
    Modified.Context<Result> | Requirements
  >
  <Key, Value, Error, Requirements, Result extends Modified<NoInfer<Value>>>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>,
    f: ((found: Option.Option<Value>) => Result) & TakenBy<Value, Modified.Value<Result>>,
    options?: WriteOptions
  ): Effect.Effect<
    Option.Option<Value>,
    Modified.Error<Result> | RedisError | CodecError,
    Modified.Context<Result> | Requirements
  >
  <K, Value, Result extends Modified<NoInfer<Value>>, Key = Widen<K>>(
    key: K & NoInfer<Key>,
    f: ((found: Option.Option<Value>) => Result) & TakenBy<Value, Modified.Value<Result>>,
    options: WriteOptions
  ): <Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<
    Option.Option<Value>,
    Modified.Error<Result> | RedisError | CodecError,
    Modified.Context<Result> | Requirements
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
  <Key>(
    self: Counter<Key>,
    key: NoInfer<Key>,
    delta?: number
  ): Effect.Effect<number, RedisError | CodecError, Redis>
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>,
    delta: number
  ): (self: Counter<Key>) => Effect.Effect<number, RedisError | CodecError, Redis>
} = operation(cacheFirst, Counters.increment)

/**
 * Deletes a value; tells whether a fresh one was there. Loads in flight, in any process, will not store what they
 * computed before.
 *
 * @since 0.1.0
 * @category deleting
 */
const delete_: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<boolean, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<boolean, RedisError | CodecError, Requirements>
} = operation(2, Remove.delete_)

export {
  /**
   * Deletes a value; tells whether a fresh one was there. Loads in flight, in any process, will not store what they
   * computed before.
   *
   * @since 0.1.0
   * @category deleting
   */
  delete_ as delete
}

/**
 * Deletes what is stored, and gives its value if that was fresh: `GETDEL`, so of many callers that take one value one
 * gets it. It fails with `RedisError` whatever `onRedisError` says; the value may then be lost.
 *
 * @since 0.1.0
 * @category deleting
 */
export const take: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Option.Option<Value>, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<Option.Option<Value>, RedisError | CodecError, Requirements>
} = operation(2, Remove.take)

/**
 * Deletes many values in one round trip; tells how many fresh ones were there.
 *
 * @since 0.1.0
 * @category deleting
 */
export const deleteMany: {
  <K, Key = Widen<K>>(
    keys: Iterable<K & NoInfer<Key>>
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<number, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    keys: Iterable<NoInfer<Key>>
  ): Effect.Effect<number, RedisError | CodecError, Requirements>
} = operation(2, Remove.deleteMany)

/**
 * Deletes all entries of this cache, and of no other, by `SCAN` and `UNLINK` in pages; tells how many keys there were,
 * those included that only mark a load under way.
 *
 * @since 0.1.0
 * @category deleting
 */
export const flush = <Key, Value, Error, Requirements>(
  self: Cache<Key, Value, Error, Requirements>
): Effect.Effect<number, RedisError, Requirements> => typed(Scan.flush(definitionOf(self)))

/**
 * Makes all entries with one of these tags absent, however many they are, at the cost of one write a tag. No load in
 * flight, no stale window and no eviction brings one back. (Redis itself can: by a failover that loses the invalidation, or
 * a restart from an older snapshot.)
 *
 * @since 0.1.0
 * @category deleting
 */
export const invalidateTags: {
  (
    tags: ReadonlyArray<string>
  ): <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<void, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    tags: ReadonlyArray<string>
  ): Effect.Effect<void, RedisError | CodecError, Requirements>
} = operation(2, Invalidate.invalidateTags)

/**
 * The value of a key; where none is fresh, `load` is run and what it gives is stored, if nothing was written, deleted
 * or invalidated meanwhile. One load runs in the whole fleet: other callers wait for it. `load` runs on its own fiber,
 * with the context of the first caller and a `Scope` of its own. All waiting callers get its failure, and it is not
 * kept.
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
  <K, V, E, R, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    load:
      | Effect.Effect<GivenFirst<Value, V>, E, R>
      | ((key: NoInfer<Key>) => Effect.Effect<GivenFirst<Value, V>, E, R>)
  ): <Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Value, E | Error, Exclude<R, Scope.Scope> | Requirements>
  <Key, Value, Error, Requirements, E, R, V, Timeout extends Duration.DurationInput | undefined = undefined>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>,
    load: Effect.Effect<Given<Value, V>, E, R> | ((key: NoInfer<Key>) => Effect.Effect<Given<Value, V>, E, R>),
    options?: LoadOptions<NoInfer<Key>, NoInfer<Value>, Timeout>
  ): Effect.Effect<Value, E | Error | TimeoutError<Timeout>, Exclude<R, Scope.Scope> | Requirements>
  <K, V, E, R, Timeout extends Duration.DurationInput | undefined = undefined, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    load:
      | Effect.Effect<GivenFirst<Value, V>, E, R>
      | ((key: NoInfer<Key>) => Effect.Effect<GivenFirst<Value, V>, E, R>),
    options: LoadOptions<NoInfer<Key>, NoInfer<Value>, Timeout>
  ): <Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Value, E | Error | TimeoutError<Timeout>, Exclude<R, Scope.Scope> | Requirements>
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
    Error,
    Requirements,
    E,
    R,
    Pairs extends Iterable<readonly [unknown, unknown]>,
    Timeout extends Duration.DurationInput | undefined = undefined,
    Mode extends "default" | "either" = "default"
  >(
    self: Cache<Key, Value, Error, Requirements>,
    keys: Iterable<NoInfer<Key>>,
    load: (
      absent: ReadonlyArray<NoInfer<Key>>
    ) => Effect.Effect<
      Pairs & LoadMany.Loaded<NoInfer<Key>, Given<Value, LoadMany.ValueOf<Pairs>>, any>, // its failures: `KeyError`
      E,
      R
    >,
    options?: LoadManyOptions<NoInfer<Key>, NoInfer<Value>, Timeout, Mode>
  ): Effect.Effect<
    LoadMany.Answer<Key, Value, E | LoadMany.KeyError<Pairs> | Error | TimeoutError<Timeout>, Mode>,
    Mode extends "either" ? Error : E | LoadMany.KeyError<Pairs> | Error | TimeoutError<Timeout>,
    Exclude<R, Scope.Scope> | Requirements
  >
  <
    K,
    V,
    E,
    R,
    KeyError = never,
    Timeout extends Duration.DurationInput | undefined = undefined,
    Mode extends "default" | "either" = "default",
    Key = Widen<K>,
    Value = V
  >(
    keys: Iterable<K & NoInfer<Key>>,
    load: (
      absent: ReadonlyArray<NoInfer<Key>>
    ) => Effect.Effect<LoadMany.Loaded<NoInfer<Key>, GivenFirst<Value, V>, KeyError>, E, R>,
    options?: LoadManyOptions<NoInfer<Key>, NoInfer<Value>, Timeout, Mode>
  ): <Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<
    LoadMany.Answer<Key, Value, E | KeyError | Error | TimeoutError<Timeout>, Mode>,
    Mode extends "either" ? Error : E | KeyError | Error | TimeoutError<Timeout>,
    Exclude<R, Scope.Scope> | Requirements
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
  <K, V, E, R, Key = Widen<K>, Value = V>(
    key: K & NoInfer<Key>,
    load:
      | Effect.Effect<GivenFirst<Value, V>, E, R>
      | ((key: NoInfer<Key>) => Effect.Effect<GivenFirst<Value, V>, E, R>)
  ): <Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Value, E | Error, Exclude<R, Scope.Scope> | Requirements>
  <Key, Value, Error, Requirements, E, R, V>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>,
    load: Effect.Effect<Given<Value, V>, E, R> | ((key: NoInfer<Key>) => Effect.Effect<Given<Value, V>, E, R>)
  ): Effect.Effect<Value, E | Error, Exclude<R, Scope.Scope> | Requirements>
} = operation(3, Load.refresh)

/**
 * That a request can fail with what the cache fails with, `CodecError` left out.
 *
 * @since 0.1.0
 * @category models
 */
export type Covers<Req extends Request.Request<any, any>, Error> = [Exclude<Error, CodecError>] extends
  [Request.Request.Error<Req>] ? unknown
  : { readonly "the request's error lacks": Exclude<Error, CodecError> }

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
  <Key, Value, Error, Requirements, Req extends Request.Request<NoInfer<Value>, any>>( // its errors: `Covers`
    cache: Cache<Key, Value, Error, Requirements>,
    options: { readonly key: (request: Req) => NoInfer<Key> }
  ): <R>(
    self: RequestResolver<Req, R> & Covers<Req, Error>
  ) => Effect.Effect<RequestResolver<Req, Exclude<R, Scope.Scope>>, never, Requirements>
  <Key, Value, Error, Requirements, Req extends Request.Request<NoInfer<Value>, any>, R>( // as above
    self: RequestResolver<Req, R> & Covers<Req, Error>,
    cache: Cache<Key, Value, Error, Requirements>,
    options: { readonly key: (request: NoInfer<Req>) => NoInfer<Key> }
  ): Effect.Effect<RequestResolver<Req, Exclude<R, Scope.Scope>>, never, Requirements>
} = dual(
  3,
  <Key, R>(
    self: RequestResolver<Request.Request<any, any>, R>, // as above
    cache: Cache<Key, unknown>,
    options: { readonly key: (request: unknown) => Key }
  ): any => Resolver.resolver(self, definitionOf(cache), options) // the overloads say what comes out
)

/**
 * What this cache has counted in this process.
 *
 * @since 0.1.0
 * @category watching
 */
export const stats = <Key, Value, Error, Requirements>(
  self: Cache<Key, Value, Error, Requirements>
): Effect.Effect<Stats, never, Requirements> => typed(Statistics.stats(definitionOf(self)))

/**
 * Explains what is stored under a key.
 *
 * @since 0.1.0
 * @category watching
 */
export const explain: {
  <K, Key = Widen<K>>(
    key: K & NoInfer<Key>
  ): <Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>
  ) => Effect.Effect<Explanation, RedisError | CodecError, Requirements>
  <Key, Value, Error, Requirements>(
    self: Cache<Key, Value, Error, Requirements>,
    key: NoInfer<Key>
  ): Effect.Effect<Explanation, RedisError | CodecError, Requirements>
} = operation(2, Explain.explain)

/**
 * What changes in this cache, whether by this process, another one, `redis-cli`, or expiry. In order for one key.
 * `Changed` says that a key may have changed, and is told of leases, too; keys come as `Cache.keys` gives them.
 *
 * The stream begins with `Resumed` as soon as Redis is listened to. `Lost` says that something may have been missed:
 * that the link is gone (`Resumed` follows when there is another), or that the reader was slower than changes came. A
 * reader with more than `bufferSize` unread changes (default: 4,096) loses them, and gets `Lost` and `Resumed` instead.
 *
 * It takes what near copies take, see `docs/near.md`: if Redis refuses to tell when the stream begins, the stream fails
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
export const changes = <Key, Value, Error, Requirements>(
  self: Cache<Key, Value, Error, Requirements>,
  options?: { readonly bufferSize?: number | undefined }
): Stream.Stream<Change, RedisError, Requirements> =>
  // As `keys`.
  Changes.changes(definitionOf(self), options) as Stream.Stream<Change, RedisError, Requirements | any>
