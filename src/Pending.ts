/**
 * The handle that an asynchronous call gives back at once: read it any number of times, from any number of fibers,
 * waiting or not; the outcome is always the same.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import type * as Types from "effect/Types"
import { Empty } from "./CacheError.js"
import { type PendingImpl, TypeId as PendingTypeId } from "./internal/memo/pending.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: typeof PendingTypeId = PendingTypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A computation that runs by itself. It is an `Effect`: yielding it waits for its outcome. Interrupting a
 * waiting fiber does not interrupt it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pending<out A, out E = never> extends Effect.Effect<A, E> {
  readonly [TypeId]: {
    readonly _A: Types.Covariant<A>
    readonly _E: Types.Covariant<E>
  }
  /** The Redis key that is being computed. */
  readonly key: string
}

/**
 * Whether something is a `Pending`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPending = (u: unknown): u is Pending<unknown, unknown> => hasProperty(u, TypeId)

const impl = <A, E>(self: Pending<A, E>): PendingImpl<A, E> => self as PendingImpl<A, E> // there is no other kind

const wait = <A, E>(self: Pending<A, E>): Effect.Effect<A, E> => impl(self).commit()

export {
  /**
   * Waits for the outcome.
   *
   * @since 0.1.0
   * @category reading
   */
  wait as await
}

/**
 * Returns the outcome without waiting. While the computation runs, it fails with `Empty` of reason `NotReady`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pending } from "effect-redis-cache"
 *
 * declare const report: Pending.Pending<string>
 *
 * export const show = Pending.poll(report).pipe(
 *   Effect.catchTag("Empty", () => Effect.succeed("not yet"))
 * )
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const poll = <A, E>(self: Pending<A, E>): Effect.Effect<A, E | Empty> =>
  Effect.flatMap(impl(self).poll, (exit): Exit.Exit<A, E | Empty> =>
    Option.isSome(exit)
      ? exit.value
      : Exit.fail(new Empty({ reason: "NotReady", key: self.key, waited: Duration.zero })))

/**
 * Waits for the outcome for at most the given time, then fails with `Empty` of reason `TimedOut`. The computation goes
 * on.
 *
 * @since 0.1.0
 * @category reading
 */
export const within: {
  (duration: Duration.DurationInput): <A, E>(self: Pending<A, E>) => Effect.Effect<A, E | Empty>
  <A, E>(self: Pending<A, E>, duration: Duration.DurationInput): Effect.Effect<A, E | Empty>
} = dual(
  2,
  <A, E>(self: Pending<A, E>, duration: Duration.DurationInput): Effect.Effect<A, E | Empty> =>
    Effect.timeoutFail(wait(self), {
      duration,
      onTimeout: () => new Empty({ reason: "TimedOut", key: self.key, waited: Duration.decode(duration) })
    })
)

/**
 * Gives up the computation: fibers that wait for this pending are interrupted. If other callers share the load, it goes
 * on.
 *
 * @since 0.1.0
 * @category running
 */
export const cancel = <A, E>(self: Pending<A, E>): Effect.Effect<void> => impl(self).cancel
