/**
 * This machine's own time, as a driver goes by it: the monotonic clock, and what that clock missed.
 *
 * A monotonic clock never jumps, but it stops while the machine is suspended (a lid that was closed, a virtual machine
 * that was paused): by that clock, a message from an hour ago arrived just now. The wall clock knows better, since it
 * is set when the machine wakes up. So each reading of the time reads both. If the wall clock has run further than the
 * monotonic one since the last reading, the difference counts as time that went by, and everything that relies on
 * earlier measurements or proofs is notified at once, before the time is returned.
 *
 * The wall clock may have been set instead. That cannot be distinguished from sleep, and does no harm: proofs and
 * measurements are made once more, and from then on the new difference is the usual one. Differences below a small
 * tolerance are ignored: wall clocks are slewed and corrected a little all the time.
 */

/** The clocks of a machine, in ms. */
export interface Clocks {
  readonly monotonic: () => number
  readonly wall: () => number
}

const machine: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() }

/** By so much the wall clock may run ahead from one look to the next, in ms. */
const tolerance = 250

/** For so long a look at the wall clock holds, in ms of the monotonic one: less than any system call and event take. */
const lookHolds = 0.01

export class LocalClock {
  /** How often the machine was found to have slept. */
  sleeps = 0
  /** For how long, in all, in ms. */
  private slept = 0
  /** What the wall clock was ahead of the monotonic one at the last look. */
  private lead: number
  /** When that was, by the monotonic one. */
  private looked = -Infinity
  private readonly listeners = new Set<() => void>()

  constructor(private readonly clocks: Clocks = machine) {
    this.lead = clocks.wall() - clocks.monotonic()
  }

  /** In ms. Never goes back, and does not stop while the machine is suspended. */
  now(): number {
    const monotonic = this.clocks.monotonic()
    if (monotonic - this.looked >= lookHolds) {
      const lead = this.clocks.wall() - monotonic
      if (lead - this.lead > tolerance) return this.lookAgain()
      this.lead = lead
      this.looked = monotonic
    }
    return monotonic + this.slept
  }

  /** What the wall clock was ahead of this one at the last look. */
  get behindWall(): number {
    return this.lead - this.slept
  }

  /** Calls back whenever the machine was found to have slept, until it is cancelled. */
  onSleep(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** A process may be held up between its looks at the two clocks, too. */
  private lookAgain(): number {
    const monotonic = this.clocks.monotonic()
    const lead = this.clocks.wall() - monotonic
    const missed = lead - this.lead
    this.lead = lead
    if (missed > tolerance) {
      this.slept += missed
      this.sleeps++
      for (const listener of this.listeners) listener()
    }
    return monotonic + this.slept
  }
}
