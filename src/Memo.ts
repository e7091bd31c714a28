/**
 * Memoization over Redis: functions whose results are cached by their arguments.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type { PrimaryKey } from "effect/PrimaryKey"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Cache, ErrorOf, TimeoutError } from "./Cache.js"
import type { CodecError, RedisError } from "./CacheError.js"
import type { Codec } from "./internal/codec/codec.js"
import type { PolicyOptions } from "./internal/definition/policy.js"
import * as Internal from "./internal/memo/memo.js"
import type { Pending } from "./Pending.js"
import type { Redis } from "./Redis.js"

/**
 * What every memoized function has beside its call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Members<in out Args extends ReadonlyArray<unknown>, in out A, out E, out R, out StoreError> {
  /** Forgets the result for these arguments; tells whether there was one. */
  readonly bust: (...args: Args) => Effect.Effect<boolean, RedisError | CodecError, Redis>
  /** Computes now, and stores the result. */
  readonly refresh: (...args: Args) => Effect.Effect<A, E | StoreError, Exclude<R, Scope.Scope> | Redis>
  /** The stored result, never computed. */
  readonly peek: (...args: Args) => Effect.Effect<Option.Option<A>, StoreError, Redis>
  /** The Redis key, for people who look. */
  readonly key: (...args: Args) => Effect.Effect<string, CodecError, Redis>
  /** The cache behind it: `Cache.stats`, `Cache.keys`, `Cache.flush`. Its keys are the arguments. */
  readonly cache: Cache<Args, A, StoreError>
}

/**
 * A memoized function.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cached<
  in out Args extends ReadonlyArray<unknown>,
  in out A,
  out E,
  out R,
  out StoreError = RedisError | CodecError,
  out Timeout = never
> extends Members<Args, A, E, R, StoreError> {
  (...args: Args): Effect.Effect<A, E | StoreError | Timeout, Exclude<R, Scope.Scope> | Redis>
}

/**
 * A memoized function that gives back a `Pending` at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface CachedAsync<
  in out Args extends ReadonlyArray<unknown>,
  in out A,
  out E,
  out R,
  out StoreError = RedisError | CodecError,
  out Timeout = never
> extends Members<Args, A, E, R, StoreError> {
  (...args: Args): Effect.Effect<Pending<A, E | StoreError | Timeout>, never, Exclude<R, Scope.Scope> | Redis>
}

/**
 * A memoized property: an effect, to be used as a class field.
 *
 * @since 0.1.0
 * @category models
 */
export interface CachedProperty<in out A, out E, out R, out StoreError = RedisError | CodecError>
  extends Effect.Effect<A, E | StoreError, Exclude<R, Scope.Scope> | Redis>
{
  /** Forgets the value; tells whether there was one. */
  readonly bust: Effect.Effect<boolean, RedisError | CodecError, Redis>
  /** Computes now, and stores the value. */
  readonly refresh: Effect.Effect<A, E | StoreError, Exclude<R, Scope.Scope> | Redis>
  /** The stored value, never computed. */
  readonly peek: Effect.Effect<Option.Option<A>, StoreError, Redis>
  /** The Redis key, for people who look. */
  readonly key: Effect.Effect<string, CodecError, Redis>
}

/**
 * How results are cached: the policy of `Cache.make`, and what memoization adds. `Key` is what its `tags`, `valueTags`
 * are given: the arguments of a function, the instance of a property.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResultOptions<
  in Key,
  in out A,
  in out E,
  out OnRedisError extends "fail" | "bypass" = "fail" | "bypass"
> extends Omit<PolicyOptions<Key, A, OnRedisError>, "timeToLive"> {
  /** Results are stored as JSON of their encoded form. */
  readonly schema?: Schema.Schema<A, any> | undefined // what a result is encoded to does not matter to its users
  readonly codec?: Codec<A> | undefined
  /** How long a result is fresh, a duration or a function of how the computation ended; zero or less: not stored. */
  readonly timeToLive?:
    | Duration.DurationInput
    | ((exit: Exit.Exit<A, E>) => Duration.DurationInput)
    | undefined
  /**
   * Caches typed failures too, for a time of their own, or else for what `timeToLive` says. Defects and interruptions
   * never are. They are stored as JSON of the schema's encoded form, or through a codec of their own, which they need
   * where results have one: what is encrypted for results is to be for failures.
   */
  readonly errors?: {
    readonly schema?: Schema.Schema<E, any> | undefined // as above
    readonly codec?: Codec<E> | undefined
    readonly timeToLive?: Duration.DurationInput | undefined
  } | undefined
}

/**
 * How a function's results are cached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<
  in out Args extends ReadonlyArray<unknown>,
  in out A,
  in out E,
  out OnRedisError extends "fail" | "bypass" = "fail" | "bypass",
  out Timeout extends Duration.DurationInput | undefined = Duration.DurationInput | undefined
> extends ResultOptions<Args, A, E, OnRedisError> {
  /** Default: the function's own. Give one where code is minified or bundled: both may rename functions. */
  readonly name?: string | undefined
  /** What the result depends on. Default: the arguments. Any structural value. */
  readonly key?: ((...args: Args) => unknown) | undefined
  /** How long a call waits for the computation before it fails with `Empty`. The computation goes on. */
  readonly timeout?: Timeout
}

/**
 * How a property's values are cached. The computation comes after them: where it takes the instance, functions here
 * name the types of the results that they take.
 *
 * @since 0.1.0
 * @category models
 */
export interface PropertyOptions<
  in Self,
  in out A,
  in out E,
  out OnRedisError extends "fail" | "bypass" = "fail" | "bypass"
> extends ResultOptions<Self, A, E, OnRedisError> {
  /** Not empty, and without `:`. */
  readonly name: string
}

// What the options say is checked against the function, and the function's arguments are not guessed from them.
type Fixed<Args extends ReadonlyArray<unknown>> = [Args][Args extends unknown ? 0 : never]

// In the data-last form the options come first: what they were written for is checked when the function comes.
type Fits<Wanted extends ReadonlyArray<unknown>, Args extends ReadonlyArray<unknown>> =
  ((...args: Wanted) => void) extends ((...args: Args) => void) ? unknown : never

/**
 * Memoizes a function by its arguments. The result is an `Effect` that computes where nothing fresh is stored, once in
 * the whole fleet however many ask (see `Cache.getOrSet`).
 *
 * The name is the function's, or `options.name`; with neither, this throws. Two different functions under one name on
 * one `Redis` are a defect at the second's first call. A generic function's type parameter cannot be kept: memoize a
 * function of the type that is meant.
 *
 * @example
 * ```ts
 * import { Clock, Effect } from "effect"
 * import { Memo, RedisLayer } from "effect-redis-cache"
 *
 * const getTime = Memo.cached(function getTime(_seed?: string) {
 *   return Clock.currentTimeMillis
 * }, "10 seconds")
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* getTime("foo")
 *   const second = yield* getTime("foo")
 *   console.log(first === second) // true
 *   yield* getTime.bust("foo")
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(RedisLayer.layerMemory)))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cached: {
  (timeToLive: Duration.DurationInput): <Args extends ReadonlyArray<unknown>, A, E, R>(
    fn: (...args: Args) => Effect.Effect<A, E, R>
  ) => Cached<Args, A, E, R>
  <
    Wanted extends ReadonlyArray<unknown> = any, // whatever the function takes, gives and fails with
    Value = any,
    Failure = any,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends Duration.DurationInput | undefined = undefined
  >(
    options: Options<Wanted, Value, Failure, OnRedisError, Timeout>
  ): <Args extends ReadonlyArray<unknown>, A extends Value, E extends Failure, R>(
    fn: ((...args: Args) => Effect.Effect<A, E, R>) & Fits<Wanted, Args>
  ) => Cached<Args, A, E, R, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
  <Args extends ReadonlyArray<unknown>, A, E, R>(
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    timeToLive: Duration.DurationInput
  ): Cached<Args, A, E, R>
  <
    Args extends ReadonlyArray<unknown>,
    A,
    E,
    R,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends Duration.DurationInput | undefined = undefined
  >(
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    options: Options<Fixed<Args>, A, E, OnRedisError, Timeout>
  ): Cached<Args, A, E, R, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
} = dual(2, Internal.cached)

/**
 * Memoizes a function, whose calls give back a `Pending` at once; the work is done by a fiber in the layer's scope.
 * Calls of the same arguments share one computation.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Memo, Pending } from "effect-redis-cache"
 *
 * const getNow = Memo.cachedAsync(function getNow(_seed?: string) {
 *   return Effect.delay(Effect.sync(() => new Date()), "5 seconds")
 * }, "1 hour")
 *
 * export const program = Effect.gen(function*() {
 *   const result = yield* getNow("foo")
 *   return yield* Pending.within(result, "4 seconds") // fails with Empty: five seconds are needed
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cachedAsync: {
  (timeToLive: Duration.DurationInput): <Args extends ReadonlyArray<unknown>, A, E, R>(
    fn: (...args: Args) => Effect.Effect<A, E, R>
  ) => CachedAsync<Args, A, E, R>
  <
    Wanted extends ReadonlyArray<unknown> = any, // whatever the function takes, gives and fails with
    Value = any,
    Failure = any,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends Duration.DurationInput | undefined = undefined
  >(
    options: Options<Wanted, Value, Failure, OnRedisError, Timeout>
  ): <Args extends ReadonlyArray<unknown>, A extends Value, E extends Failure, R>(
    fn: ((...args: Args) => Effect.Effect<A, E, R>) & Fits<Wanted, Args>
  ) => CachedAsync<Args, A, E, R, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
  <Args extends ReadonlyArray<unknown>, A, E, R>(
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    timeToLive: Duration.DurationInput
  ): CachedAsync<Args, A, E, R>
  <
    Args extends ReadonlyArray<unknown>,
    A,
    E,
    R,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends Duration.DurationInput | undefined = undefined
  >(
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    options: Options<Fixed<Args>, A, E, OnRedisError, Timeout>
  ): CachedAsync<Args, A, E, R, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
} = dual(2, Internal.cachedAsync)

/**
 * A property that is computed when first read and cached: an effect, for a class field. Which instance it belongs to
 * is said, never guessed: by `key`, or by the instance's `PrimaryKey`.
 *
 * @example
 * ```ts
 * import { Clock } from "effect"
 * import { Memo } from "effect-redis-cache"
 *
 * export class WorldClock {
 *   constructor(readonly zone: string) {}
 *
 *   readonly now = Memo.cachedProperty(
 *     this,
 *     { name: "WorldClock.now", key: (self) => self.zone, timeToLive: "1 minute" },
 *     () => Clock.currentTimeMillis
 *   )
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cachedProperty: {
  <Self extends PrimaryKey, A, E, R, OnRedisError extends "fail" | "bypass" = "fail">(
    self: Self,
    options: PropertyOptions<NoInfer<Self>, A, E, OnRedisError> & { readonly key?: undefined },
    compute: (self: Self) => Effect.Effect<A, E, R>
  ): CachedProperty<A, E, R, ErrorOf<OnRedisError>>
  <Self, A, E, R, OnRedisError extends "fail" | "bypass" = "fail">(
    self: Self,
    options: PropertyOptions<NoInfer<Self>, A, E, OnRedisError> & { readonly key: (self: NoInfer<Self>) => unknown },
    compute: (self: Self) => Effect.Effect<A, E, R>
  ): CachedProperty<A, E, R, ErrorOf<OnRedisError>>
} = Internal.cachedProperty
