/** What one load reports to the callers that wait for it, and what only to the log. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
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

  /** A key came to this, for callers that began before then. */
  settle({ inFlight }: Task<Key>, exit: Exit.Exit<unknown, unknown>, validBefore = Infinity, isAnswer = false): void {
    this.table.settle(inFlight, { _tag: "Done", exit, validBefore, isAnswer })
  }

  /** There is no value for these. */
  fail(tasks: Iterable<Task<Key>>, cause: Cause.Cause<unknown>): void {
    this.failure = cause
    for (const task of tasks) this.settle(task, Exit.failCause(cause))
  }

  /** A value, or none: it holds for callers that began before then. */
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
