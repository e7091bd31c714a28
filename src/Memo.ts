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
import type { Cache, ErrorOf, InvalidatingOptions, Previous, TimeoutError, TimeoutInput, Unchanged } from "./Cache.js"
import type { CodecError, RedisError } from "./CacheError.js"
import type { Codec } from "./internal/codec/codec.js"
import type { PolicyOptions } from "./internal/definition/policy.js"
import * as Internal from "./internal/memo/memo.js"
import { cachedProperty as cachedProperty_ } from "./internal/memo/property.js"
import type { OptionsFor, ResultsIn } from "./internal/ops/invalidating/options.js"
import type { Pending } from "./Pending.js"
import type { Redis } from "./Redis.js"

/**
 * The arguments of a call: exactly those of the function. Every argument is part of the key, so `ids.map(getUser)`,
 * which also passes index and array, would store a result for each position of an id. Write `ids.map((id) =>
 * getUser(id))`.
 *
 * Types cannot reject an index if the function has rest parameters or an optional second number (`(id: string, page?:
 * number)`): pass the arguments explicitly to such functions too.
 *
 * @since 0.1.0
 * @category models
 */
export type Arguments<Args extends ReadonlyArray<unknown>> = [...Args, ...surplus: Array<never>]

/**
 * What an update of the source may ask for that forgets a result, and the new one, which is stored at the end: see
 * `Cache.StoringOptions`.
 *
 * @since 0.1.0
 * @category models
 */
export interface BustingOptions<in Result, out A> extends InvalidatingOptions {
  readonly store?: ((result: Result) => A) | undefined
}

/**
 * What every memoized function has beside its call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Members<in out Args extends ReadonlyArray<unknown>, in out A, out E, out R, out StoreError> {
  /** Forgets the result for these arguments; tells whether there was one. */
  readonly bust: (...args: Arguments<Args>) => Effect.Effect<boolean, RedisError | CodecError, Redis>
  /**
   * Runs an update of the source, and forgets the result for these arguments: see `Cache.invalidating`. To forget the
   * results of several calls: `Cache.invalidating(getUser.cache, [[42], [43]])`.
   */
  readonly busting: <Result, Told extends Readonly<Args> = never>(
    args: Readonly<Args> | ((result: Result) => Readonly<Args> | Told),
    options?: OptionsFor<Told, BustingOptions<Result, A>>
  ) => <B, E2, R2>(
    update: Effect.Effect<B, E2, R2> & ResultsIn<Result>
  ) => Effect.Effect<B, E2 | StoreError, R2 | Redis>
  /** Computes now, and stores the result. */
  readonly refresh: (...args: Arguments<Args>) => Effect.Effect<A, E | StoreError, Exclude<R, Scope.Scope> | Redis>
  /** The stored result, never computed. */
  readonly peek: (...args: Arguments<Args>) => Effect.Effect<Option.Option<A>, StoreError, Redis>
  /** The Redis key, for inspection. */
  readonly key: (...args: Arguments<Args>) => Effect.Effect<string, CodecError, Redis>
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
  (...args: Arguments<Args>): Effect.Effect<A, E | StoreError | Timeout, Exclude<R, Scope.Scope> | Redis>
}

/**
 * A memoized function that returns a `Pending` at once.
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
  (
    ...args: Arguments<Args>
  ): Effect.Effect<Pending<A, E | StoreError | Timeout>, never, Exclude<R, Scope.Scope> | Redis>
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
  /** Runs an update of the source, and forgets the value: see `Cache.invalidating`. */
  readonly busting: <Result>(
    options?: BustingOptions<Result, A>
  ) => <B, E2, R2>(
    update: Effect.Effect<B, E2, R2> & ResultsIn<Result>
  ) => Effect.Effect<B, E2 | StoreError, R2 | Redis>
  /** Computes now, and stores the value. */
  readonly refresh: Effect.Effect<A, E | StoreError, Exclude<R, Scope.Scope> | Redis>
  /** The stored value, never computed. */
  readonly peek: Effect.Effect<Option.Option<A>, StoreError, Redis>
  /** The Redis key, for inspection. */
  readonly key: Effect.Effect<string, CodecError, Redis>
}

/**
 * Which typed failures are cached, and how: those that `schema` or `codec` can encode. Others are not cached.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorOptions<CachedError> =
  | {
    readonly codec: Codec<CachedError>
    readonly schema?: undefined
    /** Default: what `timeToLive` says of the failure. */
    readonly timeToLive?: Duration.DurationInput | undefined
  }
  | {
    /** Failures are stored as JSON of their encoded form. */
    readonly schema: Schema.Schema<CachedError, any> // what a failure is encoded to does not matter to its users
    readonly codec?: undefined
    /** Default: what `timeToLive` says of the failure. */
    readonly timeToLive?: Duration.DurationInput | undefined
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
  out OnRedisError extends "fail" | "bypass" = "fail" | "bypass",
  in out CachedError = E
> extends Omit<PolicyOptions<Key, A, OnRedisError>, "timeToLive"> {
  /** Results are stored as JSON of their encoded form. Default: `Codec.structural`. */
  readonly schema?: Schema.Schema<A, any> | undefined // what a result is encoded to does not matter to its users
  readonly codec?: Codec<A> | undefined
  /**
   * How long a result is fresh: a duration longer than zero, or a function of the computation's `Exit`. If the function
   * returns zero or less, the result is not stored. Default: it never expires.
   */
  readonly timeToLive?:
    | Duration.DurationInput
    | ((exit: Exit.Exit<A, E>) => Duration.DurationInput)
    | undefined
  /**
   * Caches typed failures too: all of the function's, or some of them. Defects and interruptions are never cached.
   * Where results have a codec, failures need one of their own: if results are encrypted, failures must be.
   */
  readonly errors?: ErrorOptions<CachedError> | undefined
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
  out Timeout extends TimeoutInput | undefined = TimeoutInput | undefined,
  in out CachedError = E,
  out R = never
> extends ResultOptions<Args, A, E, OnRedisError, CachedError> {
  /** Default: the function's own. Give one where code is minified or bundled: both may rename functions. */
  readonly name?: string | undefined
  /** What the result depends on. Default: the arguments. Any structural value. */
  readonly key?: ((...args: Args) => unknown) | undefined
  /**
   * What the function closes over: any structural values, which become part of every key. They are read once, when the
   * function is memoized. `[]` says that nothing differs, however often the function is defined (by hot reload, for
   * example). Without `captures` a name belongs to one function object.
   */
  readonly captures?: ReadonlyArray<unknown> | undefined
  /**
   * Runs instead of the function if there is a result that is no longer fresh. It receives that result before the
   * arguments, and may return `Cache.unchanged` to keep it. `retain` says how long results are kept for this. Its
   * errors must be the function's.
   */
  readonly revalidate?: ((previous: Previous<A>, ...args: Args) => Effect.Effect<A | Unchanged, E, R>) | undefined
  /**
   * How long a call waits for the computation. Then it gets a stale value inside one of its windows, or fails with
   * `Empty`. The computation goes on. With `{ soft, hard }` it gets a stale value after `soft`, if there is one, and waits
   * on until `hard`. Default: no limit.
   */
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
  out OnRedisError extends "fail" | "bypass" = "fail" | "bypass",
  in out CachedError = E
> extends ResultOptions<Self, A, E, OnRedisError, CachedError> {
  /** Not empty, and without `:`. */
  readonly name: string
}

// What the options say is checked against the function, and the function's arguments are not guessed from them.
type Fixed<Args extends ReadonlyArray<unknown>> = [Args][Args extends unknown ? 0 : never]

type IsAny<A> = 0 extends 1 & A ? true : false

// In the data-last form the options come first: what they were written for is checked when the function comes.
type Fits<Wanted extends ReadonlyArray<unknown>, Args extends ReadonlyArray<unknown>> = IsAny<Wanted> extends true
  ? unknown
  : ((...args: Wanted) => void) extends ((...args: Args) => void) ? unknown
  : "the options belong to a function with other arguments"

// The failures that are to be cached are among those that the function has.
type Covers<CachedError, E> = IsAny<CachedError> extends true ? unknown
  : [CachedError] extends [E] ? unknown
  : "`errors` encodes failures that the function does not have"

// A function is never options: if they were forgotten, this reports it at once.
const isDataFirst = (args: IArguments): boolean => args.length > 1 || typeof args[0] === "function"

/**
 * Memoizes a function by its arguments. A call is an `Effect` that returns the cached result, or computes it if there
 * is no fresh one: once in the whole fleet, however many callers there are (see `Cache.getOrSet`).
 *
 * - The name is the function's, or `options.name`; with neither, this throws.
 * - On one `Redis` a name belongs to one function object, because what a function closes over is not part of its key. A
 *   second function with the same name dies at its first call. Memoize a function once, at the top of a module for
 *   example, or pass what it closes over as `captures`.
 * - A call takes the function's own arguments only. See `Arguments`.
 * - Instances of classes are keys by their `PrimaryKey` or by `Equal` (the classes of Data and Schema). Others are
 *   refused with a `CodecError`: pass the option `key`.
 * - Pass a method as an arrow function, `(id: string) => repository.find(id)`: a memoized function has no `this`.
 * - A generic function loses its type parameters: memoize it with concrete types.
 * - If checking for changes is cheaper than computing, pass `revalidate`.
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
  <
    Args extends ReadonlyArray<unknown>,
    A,
    E,
    R,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends TimeoutInput | undefined = undefined,
    CachedError extends E = E,
    R2 = never
  >(
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    options: Duration.DurationInput | Options<Fixed<Args>, A, E, OnRedisError, Timeout, CachedError, R2>
  ): Cached<Args, A, E, R | R2, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
  <
    Wanted extends ReadonlyArray<unknown> = any, // whatever the function takes, gives and fails with
    Value = any,
    Failure = any,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends TimeoutInput | undefined = undefined,
    CachedError = any,
    R2 = never
  >(
    options: Duration.DurationInput | Options<Wanted, Value, Failure, OnRedisError, Timeout, CachedError, R2>
  ): <Args extends ReadonlyArray<unknown>, A extends Value, E extends Failure, R>(
    fn: ((...args: Args) => Effect.Effect<A, E, R>) & Fits<Wanted, Args> & Covers<CachedError, E>
  ) => Cached<Args, A, E, R | R2, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
} = dual(isDataFirst, Internal.cached)

/**
 * Memoizes a function so that its calls return a `Pending` at once. The computation runs on a fiber in the layer's
 * scope. Calls with the same arguments share one computation.
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
  <
    Args extends ReadonlyArray<unknown>,
    A,
    E,
    R,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends TimeoutInput | undefined = undefined,
    CachedError extends E = E,
    R2 = never
  >(
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    options: Duration.DurationInput | Options<Fixed<Args>, A, E, OnRedisError, Timeout, CachedError, R2>
  ): CachedAsync<Args, A, E, R | R2, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
  <
    Wanted extends ReadonlyArray<unknown> = any, // whatever the function takes, gives and fails with
    Value = any,
    Failure = any,
    OnRedisError extends "fail" | "bypass" = "fail",
    Timeout extends TimeoutInput | undefined = undefined,
    CachedError = any,
    R2 = never
  >(
    options: Duration.DurationInput | Options<Wanted, Value, Failure, OnRedisError, Timeout, CachedError, R2>
  ): <Args extends ReadonlyArray<unknown>, A extends Value, E extends Failure, R>(
    fn: ((...args: Args) => Effect.Effect<A, E, R>) & Fits<Wanted, Args> & Covers<CachedError, E>
  ) => CachedAsync<Args, A, E, R | R2, ErrorOf<OnRedisError>, TimeoutError<Timeout>>
} = dual(isDataFirst, Internal.cachedAsync)

/**
 * Makes a class field that is computed when first read, and cached. The field is an effect. You state the instance's
 * identity with `key`, or with its `PrimaryKey`.
 *
 * In a class of Data or Schema the field changes neither equality nor JSON, and instances can still be keys.
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
  <Self, A, E, R, OnRedisError extends "fail" | "bypass" = "fail", CachedError extends E = E>(
    self: Self,
    options: PropertyOptions<NoInfer<Self>, A, E, OnRedisError, CachedError> & {
      readonly key: (self: NoInfer<Self>) => unknown
    },
    compute: (self: Self) => Effect.Effect<A, E, R>
  ): CachedProperty<A, E, R, ErrorOf<OnRedisError>>
  <Self extends PrimaryKey, A, E, R, OnRedisError extends "fail" | "bypass" = "fail", CachedError extends E = E>(
    self: Self,
    options: PropertyOptions<NoInfer<Self>, A, E, OnRedisError, CachedError> & { readonly key?: undefined },
    compute: (self: Self) => Effect.Effect<A, E, R>
  ): CachedProperty<A, E, R, ErrorOf<OnRedisError>>
} = cachedProperty_
