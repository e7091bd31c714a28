/** The public types of loads, which `Cache.ts` exports. */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Option from "effect/Option"
import type { Given, GivenFirst, ValueIn } from "../definition/given.js"
import type { TimeToLive } from "../definition/lives.js"
import type { TimeoutInput } from "../definition/timeouts.js"
import type { Previous, Unchanged } from "../load/previous.js"

/** Computes an absent value, or says that the previous one is still good. */
export type Computing<Key, Value, A, E, R> =
  | Effect.Effect<A, E, R>
  | ((key: Key, previous: Option.Option<Previous<Value>>) => Effect.Effect<A, E, R>)

// The union with `Unchanged` is inside: one around a conditional type would have each part of `V` inferred by itself.

/** The results of a load that a cache of `Value` accepts. */
export type Loaded<Value, V> = Given<Value, V, Unchanged>

/** The same if no cache is known yet. */
export type LoadedFirst<Value, V> = GivenFirst<Value, V, Unchanged>

/** A load's values, without `Unchanged`. */
export type ValueOf<V> = Exclude<V, Unchanged>

/**
 * The options of one `getOrSet`, in addition to the policy.
 */
export interface LoadOptions<
  in Key,
  in Value,
  out Timeout extends TimeoutInput | undefined = TimeoutInput | undefined
> {
  /** The fresh life of the loaded value, instead of the policy's. */
  readonly timeToLive?: TimeToLive<Key, Value> | undefined
  /**
   * Tags of the loaded value, in addition to the policy's. They belong to the call that loads: a call that joins a
   * running load gets its value, and adds no tags to it. Tags that every entry should have belong in the policy.
   */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * How long to wait for the load, counted from the call; the read of Redis before it is bounded by `commandTimeout`.
   * Then a stale value inside one of its windows is served; if there is none, the call fails with `Empty`. The load
   * goes on, and its value is stored.
   *
   * With `{ soft, hard }`, a stale value is served after `soft`, if there is one. Otherwise the call waits on, and
   * after `hard` it fails with `Empty`. Without `hard` it waits as long as it takes, and `Empty` is not in its type.
   */
  readonly timeout?: Timeout
  /** Load now, whatever is stored. */
  readonly forceRefresh?: boolean | undefined
}

/**
 * The options of one `getOrSetMany`, in addition to the policy.
 */
export interface LoadManyOptions<
  in Key,
  in Value,
  out Timeout extends TimeoutInput | undefined = TimeoutInput | undefined,
  out Mode extends "default" | "either" = "default" | "either"
> extends Omit<LoadOptions<Key, Value, Timeout>, "forceRefresh"> {
  /** The most absent keys of one run of `load`. Default: all of them. */
  readonly batchSize?: number | undefined
  /** How many runs of `load` this call makes at a time. Default: `"unbounded"`. */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * `"default"`: the call fails with the first failure. `"either"`: the answer has a value or a failure for each key;
   * if a run of `load` fails, only its own keys fail.
   */
  readonly mode?: Mode
}

/**
 * Returned by a batched load for a key without a value, with the reason. See `failed`.
 */
export interface Failed<out E> {
  readonly error: E
}

/** The result of a batched load, and its parts. */
export declare namespace LoadMany {
  /**
   * The result of a batched load: values, or failures, by key.
   */
  export type Loaded<Key, Value, E> = Iterable<readonly [Key, Value | Failed<E>]>

  /**
   * The values in the result of a batched load.
   */
  export type ValueOf<Pairs> = Exclude<ValueIn<Pairs>, Failed<any> | Unchanged>

  /**
   * The failures of single keys in the result of a batched load.
   */
  export type KeyError<Pairs> = ValueIn<Pairs> extends infer V ? V extends Failed<infer E> ? E : never : never

  /**
   * The answer: values by key, or in mode `"either"` the outcome of each key.
   */
  export type Answer<Key, Value, E, Mode> = ReadonlyMap<
    Key,
    Mode extends "either" ? Either.Either<Value, E> : Value
  >
}
