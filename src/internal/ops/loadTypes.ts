/** The types of loads as the front door has them: `Cache.ts` exports them. */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Option from "effect/Option"
import type { Given, GivenFirst, ValueIn } from "../definition/given.js"
import type { TimeToLive } from "../definition/lives.js"
import type { TimeoutInput } from "../definition/timeouts.js"
import type { Previous, Unchanged } from "../load/previous.js"

/** What computes an absent value, or says that the one before is still good. */
export type Computing<Key, Value, A, E, R> =
  | Effect.Effect<A, E, R>
  | ((key: Key, previous: Option.Option<Previous<Value>>) => Effect.Effect<A, E, R>)

// The union with `Unchanged` is inside: one around a conditional type would have each part of `V` inferred by itself.

/** What a load of a cache of `Value` may give, of what it gives. */
export type Loaded<Value, V> = Given<Value, V, Unchanged>

/** The same where no cache is known yet. */
export type LoadedFirst<Value, V> = GivenFirst<Value, V, Unchanged>

/** A load's values, without `Unchanged`. */
export type ValueOf<V> = Exclude<V, Unchanged>

/**
 * What one `getOrSet` may ask for beside the policy.
 */
export interface LoadOptions<
  in Key,
  in Value,
  out Timeout extends TimeoutInput | undefined = TimeoutInput | undefined
> {
  /** The fresh life of what is loaded, instead of the policy's. */
  readonly timeToLive?: TimeToLive<Key, Value> | undefined
  /**
   * Tags of what is loaded, beside the policy's. They belong to the call that loads: a call that joins a load under way
   * gets its value, and adds nothing to it. Tags that every entry should have belong into the policy.
   */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * How long to wait for the load, from the call on; the look into Redis that comes before has `commandTimeout`. Then
   * a stale value inside one of its windows is served, or else the call fails with `Empty`. The load goes on, and its
   * value is stored.
   *
   * `{ soft, hard }` gives what is stale a chance sooner: after `soft` a stale value is served if there is one, and else
   * the call waits on. Without `hard` it waits as long as it takes, and `Empty` is not in its type.
   */
  readonly timeout?: Timeout
  /** Load now, whatever is stored. */
  readonly forceRefresh?: boolean | undefined
}

/**
 * What one `getOrSetMany` may ask for beside the policy.
 */
export interface LoadManyOptions<
  in Key,
  in Value,
  out Timeout extends TimeoutInput | undefined = TimeoutInput | undefined,
  out Mode extends "default" | "either" = "default" | "either"
> extends Omit<LoadOptions<Key, Value, Timeout>, "forceRefresh"> {
  /** How many absent keys one run of `load` is given at the most. Default: all of them. */
  readonly batchSize?: number | undefined
  /** How many runs of `load` this call has at a time. Default: `"unbounded"`. */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * `"default"`: the first failure is the call's. `"either"`: each key has its value or its failure in the answer; a run
   * of `load` that fails is the failure of its own keys alone.
   */
  readonly mode?: Mode
}

/**
 * What a batched load gives in the place of a value, for a key that has none and a reason. See `failed`.
 */
export interface Failed<out E> {
  readonly error: E
}

/** What a batched load gives, and what comes of it. */
export declare namespace LoadMany {
  /**
   * What a batched load gives: values, or failures, by key.
   */
  export type Loaded<Key, Value, E> = Iterable<readonly [Key, Value | Failed<E>]>

  /**
   * The values among what a batched load gives.
   */
  export type ValueOf<Pairs> = Exclude<ValueIn<Pairs>, Failed<any> | Unchanged>

  /**
   * What the failures of single keys are, among what a batched load gives.
   */
  export type KeyError<Pairs> = ValueIn<Pairs> extends infer V ? V extends Failed<infer E> ? E : never : never

  /**
   * The answer: values by key, or in mode `"either"` what each key came to.
   */
  export type Answer<Key, Value, E, Mode> = ReadonlyMap<
    Key,
    Mode extends "either" ? Either.Either<Value, E> : Value
  >
}
