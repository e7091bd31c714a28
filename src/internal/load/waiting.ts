/** How a caller waits for loads: until they have ended, or until its own time is over. */
import * as Arr from "effect/Array"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Deadlines } from "../definition/timeouts.js"
import type { InFlight } from "../inFlight/inFlight.js"
import type { InFlightTable } from "../inFlight/table.js"
import type { Answers, Failure, Wait } from "./answers.js"

export class Waiting<Key, Value, E> {
  /** When the caller began, if its time is limited. */
  private readonly started: bigint | undefined

  constructor(
    private readonly flights: InFlightTable,
    private readonly answers: Answers<Key, Value, E>,
    private readonly clock: Clock.Clock,
    private readonly timeout: Deadlines
  ) {
    const { hard, soft } = timeout
    this.started = hard === undefined && soft === undefined ? undefined : clock.unsafeCurrentTimeNanos()
  }

  /** Waits for loads; `opened` are those of them that the caller has started. */
  all(
    waits: ReadonlyArray<Wait<Key, Value>>,
    opened: ReadonlySet<InFlight>
  ): Effect.Effect<void, Failure<E>> {
    return this.started === undefined
      ? Effect.flatMap(this.wait(waits, opened), () => this.answers.settled(waits, opened))
      : Effect.flatten(Effect.raceFirst(this.settled(waits, opened), this.outOfTime(waits, opened, this.started)))
  }

  private wait(waits: ReadonlyArray<Wait<Key, Value>>, opened: ReadonlySet<InFlight>): Effect.Effect<void> {
    return this.flights.wait(waits.map(([, key]) => key), opened)
  }

  /** Waits for the loads. The caller gets their outcome when the wait is over, which may need a read, and may fail. */
  private settled(
    waits: ReadonlyArray<Wait<Key, Value>>,
    opened: ReadonlySet<InFlight>
  ): Effect.Effect<Effect.Effect<void, Failure<E>>> {
    return Effect.map(this.wait(waits, opened), () => this.answers.settled(waits.filter(isOpen), opened))
  }

  /**
   * What the caller comes to before the loads do: after `soft` what is stale will do, after `hard` it waits for nothing.
   * Loads that it does not wait for any longer go on, and their values are stored; it is to be said before the wait for
   * them is interrupted.
   */
  private outOfTime(
    waits: ReadonlyArray<Wait<Key, Value>>,
    opened: ReadonlySet<InFlight>,
    started: bigint
  ): Effect.Effect<Effect.Effect<void, Failure<E>>> {
    const { hard, soft } = this.timeout
    const until = (millis: number) =>
      Effect.suspend(() =>
        Effect.sleep(Math.max(0, millis - Number(this.clock.unsafeCurrentTimeNanos() - started) / 1e6))
      )
    const failing = hard === undefined ? Effect.never : Effect.map(until(hard), () => {
      const open = waits.filter(isOpen)
      for (const [, key] of open) key.keep = true
      const [running, ended] = Arr.partition(open, ([, key]) => key.outcome !== undefined)
      return Effect.zipRight(
        this.answers.settled(ended, opened),
        Effect.suspend(() => this.answers.timedOut(running, hard))
      )
    })
    if (soft === undefined) return failing
    const serving = Effect.flatMap(until(soft), () => {
      const running = waits.filter(isOpen).filter(([, key]) => key.outcome === undefined)
      return Effect.flatMap(this.answers.serveStale(running.map(([wanted]) => wanted)), () => {
        for (const [wanted, key] of running) if (wanted.answer !== undefined) key.keep = true
        const rest = waits.filter(isOpen)
        return rest.length === 0 ? Effect.succeed(Effect.void) : this.settled(rest, opened)
      })
    })
    return Effect.raceFirst(serving, failing)
  }
}

/** Whether it has no answer yet: a stale value may have answered it before its load was done. */
const isOpen = <Key, Value>([wanted]: Wait<Key, Value>): boolean => wanted.answer === undefined
