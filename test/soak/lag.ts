/** How long this process was busy, stood still, or waited for a core: time that no library can give back. */
import { openSync, readSync } from "node:fs"
import { now } from "../support/processes/now.js"

const interval = 10
/** The delay of a timer on an idle machine, in ms. Many small delays add up, so no larger one is ignored. */
const noise = 1
const recently = 5_000

/** For how long this thread was ready to run but did not, in ms, if the kernel tells (Linux). */
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
  /** The total time spent waiting for a core so far, in ms, as of the last beat. */
  starved = this.queuedUntilNow()
  private readonly timer = setInterval(() => {
    const late = this.late(now())
    this.sum += late
    this.longest = Math.max(this.longest, late)
    this.last = now()
    this.starved = this.queuedUntilNow()
    if (this.last > this.marks[1].at + recently) this.marks = [this.marks[1], { at: this.last, sum: this.sum }]
  }, interval)

  /** The total delay that timers have measured so far, in ms. */
  get total(): number {
    return this.sum + this.late(now())
  }

  /** In the last five seconds or a little more. */
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
