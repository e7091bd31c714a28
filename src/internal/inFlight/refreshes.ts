/** The background refreshes of one cache in this process: how many run, and whether more may begin. */
import type { LoadRun } from "./inFlight.js"

const pauseMillis = 1_000

/** Counts the background refreshes of all caches of a `Redis` instance. */
export interface RefreshCount {
  refreshes: number
}

export class Refreshes {
  private readonly running = new Set<LoadRun>()
  private pausedUntil = -Infinity

  constructor(private readonly most: number, private readonly all: RefreshCount) {}

  /** Whether there is a place: beyond the bound a stale value is served without a refresh. */
  get hasPlace(): boolean {
    return this.running.size < this.most
  }

  /** Whether a refresh that begins now can succeed; `now` is on a clock that never jumps. */
  mayBegin(now: number): boolean {
    return now >= this.pausedUntil
  }

  /** The store refuses the values of refreshes: for a while none begins. `now` as above. */
  pause(now: number): void {
    this.pausedUntil = now + pauseMillis
  }

  begin(run: LoadRun): void {
    this.running.add(run)
    this.all.refreshes++
  }

  /** Its place is free, however it ended; to be called more than once. */
  end(run: LoadRun): void {
    if (this.running.delete(run)) this.all.refreshes--
  }
}
