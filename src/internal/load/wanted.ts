/** One key that a caller wants, and what the caller knows of it so far. */
import type * as Cause from "effect/Cause"
import type { InFlight } from "../inFlight/inFlight.js"
import type { Kept } from "./previous.js"

/** After so many looks that came to nothing the caller computes for itself. */
const maxRounds = 16

export class Wanted<Key, Value> {
  /** What the caller is given: a value, that the source has none, or why there is none. */
  answer: { readonly value: Value } | "Nothing" | { readonly cause: Cause.Cause<unknown> } | undefined
  /** What may be served until then if the load fails or takes too long; it was in Redis after the call began. */
  stale: { readonly value: Value; readonly until: number } | undefined
  /** What the last look has found that its load may be told of. */
  kept: Kept | undefined
  private counted = false
  private rounds = 0
  private firstRound = 0
  private asideFailed = false

  constructor(readonly key: Key, readonly redisKey: string) {}

  get value(): { readonly value: Value } | undefined {
    return typeof this.answer === "object" && "value" in this.answer ? this.answer : undefined
  }

  /** Whether this is the first time that nothing was found: a caller counts as one miss. */
  countMiss(): boolean {
    const first = !this.counted
    this.counted = true
    return first
  }

  /** A load that it waited for came to nothing that this caller may be given. `now` is on a clock that never jumps. */
  lookAgain(now: number): void {
    if (this.rounds++ === 0) this.firstRound = now
  }

  /** A refresh that it waited for has failed: that is not this caller's failure, and one of them is enough. */
  leaveAside(): void {
    this.asideFailed = true
  }

  /** Whether it has looked often enough, or for `lease.wait`: others may write faster than it can look. */
  isExhausted(now: number, longest: number): boolean {
    return this.rounds >= maxRounds || (this.rounds > 0 && now - this.firstRound >= longest)
  }

  /** Whether it waits for a load that is under way, having looked. */
  mayJoin(there: InFlight, exhausted: boolean): boolean {
    if (exhausted) return there.run.mode === "Local"
    return !(this.asideFailed && there.aside)
  }
}
