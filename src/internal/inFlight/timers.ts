/**
 * Timers on Effect's clock that cost next to nothing unless they go off. Each load needs one, and few loads run for so
 * long. So all timers of a clock share one fiber, which sleeps until the first of them is due: a fiber for each would add
 * 15 KB to the 100 KB that a load allocates.
 *
 * There may be several clocks, since a part of a program may have a clock of its own.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"

/**
 * The fiber never sleeps for longer than this, in ms: a timer that is cancelled does not end the sleep, and a sleep keeps
 * a process from ending.
 */
const longestSleep = 1_000

/** A timer that is set. */
export class Timer {
  constructor(
    /** By the clock's monotonic time, in ms. */
    readonly due: number,
    private readonly lane: Set<Timer>,
    private readonly goOff: () => void
  ) {}

  /** It does not go off any more; does nothing if it has. */
  cancel(): void {
    this.lane.delete(this)
  }

  run(): void {
    // Those that are due at once may cancel each other.
    if (this.lane.delete(this)) this.goOff()
  }
}

/** The timers of one clock. */
class Sleeper {
  /** By length in ms. Timers of one length are due in the order in which they were set. */
  private readonly lanes = new Map<number, Set<Timer>>()
  /** What sleeps, and until when. */
  private sleep: { readonly until: number; fiber?: Fiber.RuntimeFiber<void> } | undefined

  constructor(private readonly clock: Clock.Clock) {}

  set(millis: number, goOff: () => void): Timer {
    let lane = this.lanes.get(millis)
    if (lane === undefined) {
      lane = new Set()
      this.lanes.set(millis, lane)
    }
    const timer = new Timer(this.now() + millis, lane, goOff)
    lane.add(timer)
    this.sleepUntil(timer.due)
    return timer
  }

  get isEmpty(): boolean {
    return this.lanes.size === 0
  }

  goOff(): void {
    for (const lane of this.lanes.values()) for (const timer of lane) timer.run()
  }

  stop(): void {
    this.sleep?.fiber?.unsafeInterruptAsFork(FiberId.none)
    this.sleep = undefined
  }

  private now(): number {
    return Number(this.clock.unsafeCurrentTimeNanos()) / 1e6
  }

  private sleepUntil(due: number): void {
    if (this.sleep !== undefined && this.sleep.until <= due) return
    this.stop()
    const now = this.now()
    const until = Math.min(due, now + longestSleep)
    const sleep: NonNullable<typeof this.sleep> = { until }
    this.sleep = sleep
    const pause = Duration.millis(Math.max(0, Math.ceil(until - now)))
    // On the default runtime: it must not hold on to what belongs to the load that happened to set the timer.
    sleep.fiber = Effect.runFork(Effect.map(this.clock.sleep(pause), () => {
      // It may have been replaced when it had just woken up.
      if (this.sleep === sleep) this.wake()
    }))
  }

  private wake(): void {
    this.sleep = undefined
    const now = this.now()
    const due: Array<Timer> = []
    let next = Infinity
    for (const [millis, lane] of this.lanes) {
      if (lane.size === 0) this.lanes.delete(millis)
      for (const timer of lane) {
        if (timer.due > now) {
          next = Math.min(next, timer.due)
          break
        }
        due.push(timer)
      }
    }
    if (next < Infinity) this.sleepUntil(next)
    for (const timer of due.sort((a, b) => a.due - b.due)) timer.run()
  }
}

export class Timers {
  private readonly sleepers = new Map<Clock.Clock, Sleeper>()

  /** Calls back after so many ms of this clock, unless it is cancelled. */
  set(clock: Clock.Clock, millis: number, goOff: () => void): Timer {
    let sleeper = this.sleepers.get(clock)
    if (sleeper === undefined) {
      for (const [other, { isEmpty }] of this.sleepers) if (isEmpty) this.sleepers.delete(other)
      sleeper = new Sleeper(clock)
      this.sleepers.set(clock, sleeper)
    }
    return sleeper.set(millis, goOff)
  }

  /** All go off, before their time. */
  goOff(): void {
    for (const sleeper of this.sleepers.values()) sleeper.goOff()
  }

  /** The layer has closed: none goes off any more. */
  close(): void {
    for (const sleeper of this.sleepers.values()) sleeper.stop()
    this.sleepers.clear()
  }
}
