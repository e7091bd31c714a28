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
import type { InFlight } from "../inFlight/inFlight.js"
import { readManyFilling, targetOf } from "../read/many.js"
import type { Wanted } from "./wanted.js"

export type Failure<E> = E | RedisError | CodecError | Empty

/** A key of the caller, and its load. */
export type Wait<Key, Value> = readonly [Wanted<Key, Value>, InFlight]

const servedMessage = "A load failed: its callers are served the stale value"

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

  private serve(wanted: Wanted<Key, Value>, value: Value): void {
    this.instance.recorder.stale()
    wanted.answer = { value }
  }

  private lookAgain(wanted: Wanted<Key, Value>): void {
    wanted.lookAgain(this.instance.runtime.driver.unsafeMonotonic(this.clock))
  }

  /** These loads have ended. `opened` are those that the caller has started. */
  settled(
    waits: ReadonlyArray<Wait<Key, Value>>,
    opened: ReadonlySet<InFlight>
  ): Effect.Effect<void, Failure<E>> {
    const failed: Array<readonly [Wanted<Key, Value>, Cause.Cause<Failure<E>>]> = []
    const joinedFailed: typeof failed = []
    const answered: typeof failed = []
    for (const [wanted, key] of waits) {
      const outcome = key.outcome!
      const same = Equal.equals(key.identity, this.instance.definition.codec.identity)
      // A value of another codec is another value: look at what is stored now.
      if (outcome._tag === "Done" && same && Exit.isFailure(outcome.exit)) {
        // The load was one of this cache's, and its identity says through which codec.
        const cause = outcome.exit.cause as Cause.Cause<Failure<E>>
        const own = opened.has(key)
        // A failure that is cached is an answer like a value, and counts for more than one that is no longer fresh.
        if (outcome.isAnswer === true) {
          if (own || this.began < outcome.validBefore) answered.push([wanted, cause])
          else this.lookAgain(wanted)
        } else if (!own && key.aside) wanted.leaveAside()
        else if (own || key.run.mode === "Local") failed.push([wanted, cause])
        else joinedFailed.push([wanted, cause])
      } else if (outcome._tag !== "Again" && same && this.began < outcome.validBefore) {
        // as above
        wanted.answer = outcome._tag === "Nothing"
          ? "Nothing"
          : { value: (outcome.exit as Exit.Success<Value, E>).value }
      } else this.lookAgain(wanted)
    }
    if (failed.length === 0 && joinedFailed.length === 0 && answered.length === 0) return Effect.void
    return Effect.forEach(answered, ([wanted, cause]) => this.fail(wanted, cause), { discard: true }).pipe(
      Effect.zipRight(Effect.forEach(failed, ([wanted, cause]) => this.failed(wanted, cause), { discard: true })),
      Effect.zipRight(this.lookOnce(joinedFailed))
    )
  }

  /** A load of this caller itself: the value that it found before is served, if permitted. */
  private failed(wanted: Wanted<Key, Value>, cause: Cause.Cause<Failure<E>>): Effect.Effect<void, Failure<E>> {
    const { stale } = wanted
    if (stale === undefined || Cause.isInterruptedOnly(cause) || this.now >= stale.until) {
      return this.fail(wanted, cause)
    }
    this.serve(wanted, stale.value)
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
  timedOut(waits: ReadonlyArray<Wait<Key, Value>>, millis: number): Effect.Effect<void, Failure<E>> {
    return this.overdue(waits.map(([wanted]) => wanted), (wanted) =>
      this.fail(
        wanted,
        Cause.fail(new Empty({ reason: "TimedOut", key: wanted.redisKey, waited: Duration.millis(millis) }))
      ))
  }

  /** What is stale will do by now. Keys that have nothing stale stay open. */
  serveStale(wanted: ReadonlyArray<Wanted<Key, Value>>): Effect.Effect<void> {
    return this.overdue(wanted, () => Effect.void)
  }

  /** Serves stale values inside a window; callers that have joined a load read Redis for them first. */
  private overdue<E2>(
    all: ReadonlyArray<Wanted<Key, Value>>,
    otherwise: (wanted: Wanted<Key, Value>) => Effect.Effect<void, E2>
  ): Effect.Effect<void, E2> {
    const unknown: Array<Wanted<Key, Value>> = []
    const late: Array<Wanted<Key, Value>> = []
    for (const wanted of all) {
      if (wanted.stale === undefined) unknown.push(wanted)
      else if (this.now < wanted.stale.until) this.serve(wanted, wanted.stale.value)
      else late.push(wanted)
    }
    return Effect.zipRight(
      Effect.forEach(late, otherwise, { discard: true }),
      this.serveStored(unknown, () => Effect.void, (i) => otherwise(unknown[i]!))
    )
  }

  /** Serves what is stored, fresh by now, or stale and inside a window; `otherwise` is for keys that have neither. */
  private serveStored<E2>(
    wanted: ReadonlyArray<Wanted<Key, Value>>,
    served: (index: number, stale: boolean) => Effect.Effect<void>,
    otherwise: (index: number) => Effect.Effect<void, E2>
  ): Effect.Effect<void, E2> {
    if (wanted.length === 0) return Effect.void
    const window = Math.max(this.policy.staleIfError, this.policy.staleWhileRevalidate)
    const targets = wanted.map(({ key, redisKey }) => targetOf(this.instance, key, redisKey))
    return readManyFilling(this.instance, targets, {
      onSuccess: (entries, now) =>
        Effect.forEach(entries, ({ bytes, tagState }, i) => {
          const one = wanted[i]!
          const verdict = judge(this.instance.definition, bytes, now, tagState, one.redisKey)
          if (verdict._tag === "Fresh") {
            one.answer = { value: verdict.value }
            return served(i, false)
          }
          if (verdict._tag !== "Stale" || verdict.late >= window) return otherwise(i)
          this.serve(one, verdict.value)
          return served(i, true)
        }, { discard: true }),
      onFailure: () => Effect.forEach(wanted, (_, i) => otherwise(i), { discard: true })
    })
  }
}
