/**
 * Runs an effect to its end in one go, in virtual time: a scheduler and a clock in one, deterministic for a seed.
 *
 * The `TestClock` takes a real timer for every step of time; thousands of histories need one that takes none. And this
 * one may run ready fibers in any order, and may make any fiber yield at any step: Effect promises neither order nor
 * steps, so nothing may depend on them.
 */
import { Clock, Duration, Effect, Exit, type Fiber, type Scheduler } from "effect"
import { epoch } from "./history.js"

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

/** Numbers from 0 to 1 (mulberry32). */
export const numbers = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

export class Hang extends Error {}

export class Simulation implements Scheduler.Scheduler, Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private now = epoch
  private order = 0
  private tasks: Array<() => void> = []
  private sleepers: Array<Sleeper> = []
  private readonly random: () => number

  constructor(seed: number, private readonly limit: number) {
    this.random = numbers(seed)
  }

  // ---- scheduler

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > 2048 || this.random() < 0.01 ? 0 : false
  }

  scheduleTask(task: () => void): void {
    this.tasks.push(task)
  }

  private runReady(): void {
    let steps = 0
    while (this.tasks.length > 0) {
      if (++steps > 200_000) throw new Hang("fibers run on and on without time passing")
      const index = this.random() < 0.3 ? Math.floor(this.random() * this.tasks.length) : 0
      const [task] = this.tasks.splice(index, 1)
      task!()
    }
  }

  // ---- clock

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.now * 1e6))
  }

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = {
        at: this.now + Duration.toMillis(duration),
        order: this.order++,
        wake: () => resume(Effect.void)
      }
      this.sleepers.push(sleeper)
      return Effect.sync(() => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper)
      })
    })
  }

  private advance(): boolean {
    let next: Sleeper | undefined
    for (const sleeper of this.sleepers) {
      if (next === undefined || sleeper.at < next.at || (sleeper.at === next.at && sleeper.order < next.order)) {
        next = sleeper
      }
    }
    if (next === undefined) return false
    this.sleepers = this.sleepers.filter((other) => other !== next)
    this.now = Math.max(this.now, next.at)
    next.wake()
    return true
  }

  /** The result of an effect. Fails if it never ends, or leaves a fiber behind that waits for time to pass. */
  run<A, E>(effect: Effect.Effect<A, E>): A {
    const fiber = Effect.runFork(Effect.withClock(effect, this), { scheduler: this })
    for (;;) {
      this.runReady()
      const exit = fiber.unsafePoll()
      if (exit !== null) {
        if (Exit.isFailure(exit)) throw new Error(`the history itself failed: ${exit.cause.toString()}`)
        if (this.sleepers.length > 0) throw new Hang("a fiber was left behind")
        return exit.value
      }
      if (this.now > this.limit) throw new Hang(`not everything has ended after ${this.limit} ms`)
      if (!this.advance()) throw new Hang(`everything waits at ${this.now} ms, and nothing will wake it`)
    }
  }
}
