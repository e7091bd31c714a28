/**
 * How long this process did something else, stood still, or waited for a core when it was its turn: time that no library
 * can give back.
 */
import { openSync, readSync } from "node:fs"
import { now } from "../support/processes/now.js"

const interval = 10
/** Of a timer on a machine that is idle. Many little delays make a long one, so it is no more than that. */
const noise = 1
const recently = 5_000

/** For how long this thread has been ready to run and was not, in ms, where the kernel tells (Linux). */
const queued = (): () => number => {
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r")
    const bytes = Buffer.alloc(100)
    return () => Number(bytes.toString("latin1", 0, readSync(file, bytes, 0, bytes.length, 0)).split(" ")[1]) / 1e6
  } catch {
    return () => 0
  }
}

interface Mark {
  readonly at: number
  readonly sum: number
}

export class Lag {
  /** The longest, in ms. */
  longest = 0
  private sum = 0
  private last = now()
  private marks: readonly [Mark, Mark] = [{ at: now(), sum: 0 }, { at: now(), sum: 0 }]
  private readonly queuedUntilNow = queued()
  /** All time spent waiting for a core so far, in ms, as of the last beat. */
  starved = this.queuedUntilNow()
  private readonly timer = setInterval(() => {
    const late = this.late(now())
    this.sum += late
    this.longest = Math.max(this.longest, late)
    this.last = now()
    this.starved = this.queuedUntilNow()
    if (this.last > this.marks[1].at + recently) this.marks = [this.marks[1], { at: this.last, sum: this.sum }]
  }, interval)

  /** All of it so far that timers tell of, in ms. */
  get total(): number {
    return this.sum + this.late(now())
  }

  /** In the last five seconds or some more. */
  get recent(): number {
    return this.total - this.marks[0].sum
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private late(at: number): number {
    return Math.max(0, at - this.last - interval - noise)
  }
}
