/** What a caller is given when the loads that it waits for have ended, or have taken too long. */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { type CodecError, Empty, RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import { judge } from "../entry/verdict.js"
import type { InFlight, Outcome } from "../inFlight/inFlight.js"
import { readManyFilling, targetOf } from "../read/many.js"
import type { Wanted } from "./wanted.js"

export type Failure<E> = E | RedisError | CodecError | Empty

/** A key of the caller, and its load. */
export type Wait<Key, Value> = readonly [Wanted<Key, Value>, InFlight]

const servedMessage = "A load failed, and a stale value is served"

/** How a caller takes failures: the first is its own, or each is that of its key. */
export type Failures = "First" | "Each"

export class Answers<Key, Value, E> {
  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    private readonly clock: Clock.Clock,
    /** When the caller began. */
    private readonly began: number,
    /** What its failures are named after. */
    private readonly operation: string,
    private readonly failures: Failures
  ) {}

  private get policy() {
    return this.instance.definition.policy
  }

  private get now(): number {
    return this.instance.runtime.driver.unsafeNow(this.clock)
  }

  /** There is no value for a key, and this is why. */
  fail(wanted: Wanted<Key, Value>, cause: Cause.Cause<Failure<E>>): Effect.Effect<void, Failure<E>> {
    const named = Cause.map(cause, (error) => this.named(error))
    // Defects and interruptions are the caller's in either case.
    if (this.failures === "First" || Cause.failureOption(named)._tag === "None") return Exit.failCause(named)
    wanted.answer = { cause: named }
    return Effect.void
  }

  /** A failure of the store under the name of the operation that was called. */
  private named(error: Failure<E>): Failure<E> {
    return error instanceof RedisError ? this.instance.definition.redisError(this.operation, error) : error
  }

  private serveStale(wanted: Wanted<Key, Value>, value: Value): void {
    this.instance.recorder.stale()
    wanted.answer = { value }
  }

  /** The loads have ended. `opened` are those that the caller has started. */
  settled(
    waits: ReadonlyArray<Wait<Key, Value>>,
    opened: ReadonlySet<InFlight>,
    outcomes: ReadonlyArray<Outcome>
  ): Effect.Effect<void, Failure<E>> {
    const failed: Array<readonly [Wanted<Key, Value>, Cause.Cause<Failure<E>>]> = []
    const joinedFailed: typeof failed = []
    for (const [i, [wanted, key]] of waits.entries()) {
      const outcome = outcomes[i]!
      const same = Equal.equals(key.identity, this.instance.definition.codec.identity)
      // A value of another codec is another value: look at what is stored now.
      if (outcome._tag === "Done" && same && Exit.isFailure(outcome.exit)) {
        // The load was one of this cache's, and its identity says through which codec.
        const cause = outcome.exit.cause as Cause.Cause<Failure<E>>
        const own = opened.has(key)
        if (!own && key.aside) wanted.leaveAside()
        else if (own || key.run.mode === "Local") failed.push([wanted, cause])
        else joinedFailed.push([wanted, cause])
      } else if (outcome._tag !== "Again" && same && this.began < outcome.validBefore) {
        // as above
        wanted.answer = outcome._tag === "Nothing"
          ? "Nothing"
          : { value: (outcome.exit as Exit.Success<Value, E>).value }
      } else wanted.lookAgain(this.instance.runtime.driver.unsafeMonotonic(this.clock))
    }
    if (failed.length === 0 && joinedFailed.length === 0) return Effect.void
    return Effect.zipRight(
      Effect.forEach(failed, ([wanted, cause]) => this.failed(wanted, cause), { discard: true }),
      this.lookOnce(joinedFailed)
    )
  }

  /** A load of this caller's own: what it has found before is served, if that may be. */
  private failed(wanted: Wanted<Key, Value>, cause: Cause.Cause<Failure<E>>): Effect.Effect<void, Failure<E>> {
    const { stale } = wanted
    if (stale === undefined || Cause.isInterruptedOnly(cause) || this.now >= stale.until) {
      return this.fail(wanted, cause)
    }
    this.serveStale(wanted, stale.value)
    return this.instance.warnings.warn(servedMessage, wanted.redisKey, cause)
  }

  /** Loads that this caller has joined: a value may have been written meanwhile, or a stale one be there to serve. */
  private lookOnce(
    failed: ReadonlyArray<readonly [Wanted<Key, Value>, Cause.Cause<Failure<E>>]>
  ): Effect.Effect<void, Failure<E>> {
    if (failed.length === 0) return Effect.void
    return this.serveStored(
      failed.map(([wanted]) => wanted),
      (i, stale) =>
        stale ? this.instance.warnings.warn(servedMessage, failed[i]![0].redisKey, failed[i]![1]) : Effect.void,
      (i) => this.fail(failed[i]![0], failed[i]![1])
    )
  }

  /** The caller's time is over; the loads go on. */
  timedOut(waits: ReadonlyArray<Wait<Key, Value>>, timeout: number): Effect.Effect<void, Failure<E>> {
    const unknown: Array<Wanted<Key, Value>> = []
    const late: Array<Wanted<Key, Value>> = []
    for (const [wanted] of waits) {
      if (wanted.stale === undefined) unknown.push(wanted)
      else if (this.now < wanted.stale.until) this.serveStale(wanted, wanted.stale.value)
      else late.push(wanted)
    }
    const empty = (wanted: Wanted<Key, Value>) =>
      this.fail(
        wanted,
        Cause.fail(new Empty({ reason: "TimedOut", key: wanted.redisKey, waited: Duration.millis(timeout) }))
      )
    return Effect.zipRight(
      Effect.forEach(late, empty, { discard: true }),
      this.serveStored(unknown, () => Effect.void, (i) => empty(unknown[i]!))
    )
  }

  /** Serves what is stored, fresh by now, or stale and inside a window; `otherwise` is for keys that have neither. */
  private serveStored(
    wanted: ReadonlyArray<Wanted<Key, Value>>,
    served: (index: number, stale: boolean) => Effect.Effect<void>,
    otherwise: (index: number) => Effect.Effect<void, Failure<E>>
  ): Effect.Effect<void, Failure<E>> {
    if (wanted.length === 0) return Effect.void
    const window = Math.max(this.policy.staleIfError, this.policy.staleWhileRevalidate)
    const targets = wanted.map(({ key, redisKey }) => targetOf(this.instance, key, redisKey))
    return readManyFilling(this.instance, targets, {
      onSuccess: (entries, now) =>
        Effect.forEach(entries, ({ bytes, invalidated }, i) => {
          const one = wanted[i]!
          const verdict = judge(this.instance.definition, bytes, now, invalidated, one.redisKey)
          if (verdict._tag === "Fresh") {
            one.answer = { value: verdict.value }
            return served(i, false)
          }
          if (verdict._tag !== "Stale" || verdict.late >= window) return otherwise(i)
          this.serveStale(one, verdict.value)
          return served(i, true)
        }, { discard: true }),
      onFailure: () => Effect.forEach(wanted, (_, i) => otherwise(i), { discard: true })
    })
  }
}
