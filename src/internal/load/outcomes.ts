/** What one load reports to the callers that wait for it, and what only to the log. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import { failurePayload } from "../entry/build.js"
import { again, type Mode } from "../inFlight/inFlight.js"
import type { Task } from "./task.js"

/** Failures of the store that a load meets on its way name no cache yet; others came out of the user's function. */
const isOfStore = (error: unknown): error is RedisError => error instanceof RedisError && error.cache === undefined

export class Outcomes<Key, Value> {
  /** Why there is no value, for the load's span. */
  failure: Cause.Cause<unknown> | undefined

  constructor(private readonly instance: CacheInstance<Key, Value>, private readonly mode: Mode) {}

  private get table() {
    return this.instance.runtime.flights
  }

  /** The computation of a key came to this, for callers that began before then. */
  settle(task: Task<Key>, exit: Exit.Exit<Value, unknown>, validBefore: number): void {
    const isAnswer = Exit.isFailure(exit) && this.isCached(task, exit.cause)
    this.table.settle(task.inFlight, { _tag: "Done", exit, validBefore, isAnswer })
  }

  /** The computation of a key has failed, and the failure is not stored. */
  settleFailure(task: Task<Key>, cause: Cause.Cause<unknown>, validBefore: number): void {
    this.failure = cause
    this.settle(task, Exit.failCause(cause), validBefore)
  }

  /**
   * Whether the policy caches a failure. Then it is an answer to its callers, also where it could not be stored: because an
   * update holds the key, the lease was lost, or Redis is away.
   */
  private isCached({ redisKey }: Task<Key>, cause: Cause.Cause<unknown>): boolean {
    const { definition } = this.instance
    const { failureLife } = definition.policy
    const failure = Cause.failureOption(cause)
    return failureLife !== undefined && Option.isSome(failure) && failureLife(Exit.failCause(cause)) !== 0 &&
      Either.isRight(failurePayload(definition, failure.value, redisKey))
  }

  /** There is no value for these: the store failed, or a batch, whose failure is that of none of its keys. */
  fail(tasks: Iterable<Task<Key>>, cause: Cause.Cause<unknown>): void {
    this.failure = cause
    const exit = Exit.failCause(cause)
    for (const { inFlight } of tasks) this.table.settle(inFlight, { _tag: "Done", exit, validBefore: Infinity })
  }

  /** A value, a failure, or none: it holds for callers that began before then. */
  settleValue(task: Task<Key>, value: Exit.Exit<Value, unknown> | undefined, validBefore: number): void {
    if (value !== undefined) this.settle(task, value, validBefore)
    else this.table.settle(task.inFlight, { _tag: "Nothing", validBefore })
  }

  /** What is in Redis has changed. */
  lookAgain(tasks: Iterable<Task<Key>>): void {
    for (const { inFlight } of tasks) this.table.settle(inFlight, again)
  }

  /** No caller waits for a background refresh: only the log can report its failure. */
  report(cause: Cause.Cause<unknown>, task: Task<Key> | undefined): Effect.Effect<void> {
    if (this.mode !== "Refresh" || task === undefined || Cause.isInterruptedOnly(cause)) return Effect.void
    const reason = Option.filter(Cause.failureOption(cause), isOfStore)
    const what = Option.isSome(reason)
      ? `A background refresh could not store its value (${reason.value.reason})`
      : "A background refresh failed"
    return this.instance.warnings.warn(`${what}: the stale value stays`, task.redisKey, cause)
  }
}
