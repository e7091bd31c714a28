/** One key that a caller wants, and what the caller knows about it so far. */
import type * as Cause from "effect/Cause"
import type { InFlight } from "../inFlight/inFlight.js"
import type { Kept } from "./previous.js"

/** After this many reads without a result, the caller computes for itself. */
const maxRounds = 16

export class Wanted<Key, Value> {
  /** The caller's answer: a value, that the source has none, or why there is none. */
  answer: { readonly value: Value } | "Nothing" | { readonly cause: Cause.Cause<unknown> } | undefined
  /** The value to serve until then if the load fails or takes too long. It was in Redis after the call began. */
  stale: { readonly value: Value; readonly until: number } | undefined
  /** The value that the last read found and that may be passed to its load. */
  kept: Kept | undefined
  private counted = false
  private rounds = 0
  private firstRound = 0
  private asideFailed = false

  constructor(readonly key: Key, readonly redisKey: string) {}

  get value(): { readonly value: Value } | undefined {
    return typeof this.answer === "object" && "value" in this.answer ? this.answer : undefined
  }

  /** Whether this is the first read without a result: a caller counts as one miss. */
  countMiss(): boolean {
    const first = !this.counted
    this.counted = true
    return first
  }

  /** A load that it waited for had no result that this caller may get. `now` is on a clock that never jumps. */
  lookAgain(now: number): void {
    if (this.rounds++ === 0) this.firstRound = now
  }

  /** A refresh that it waited for has failed. That is not this caller's failure, and it waits for no other one. */
  leaveAside(): void {
    this.asideFailed = true
  }

  /** Whether it has read often enough, or for `lease.wait`: others may write faster than it can read. */
  isExhausted(now: number, longest: number): boolean {
    return this.rounds >= maxRounds || (this.rounds > 0 && now - this.firstRound >= longest)
  }

  /** Whether, having read Redis, it waits for a load that is under way. */
  mayJoin(there: InFlight, exhausted: boolean): boolean {
    if (exhausted) return there.run.mode === "Local"
    return !(this.asideFailed && there.aside)
  }
}
