/** A bound on the loads of one cache that run at once in this process. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isWaitedFor } from "./circles.js"
import type { Bound, LoadRun } from "./inFlight.js"

export class Permits implements Bound {
  /** The loads that count. */
  readonly holders = new Set<LoadRun>()
  /** Loads that wait for their turn, in the order in which they came. */
  private readonly queue = new Map<LoadRun, () => void>()

  constructor(private readonly most: number) {}

  isQueued(run: LoadRun): boolean {
    return this.queue.has(run)
  }

  /**
   * Runs a load when there is room for it. A load inside another one that counts takes no second place, since the outer
   * one cannot end before it.
   */
  around<A, E, R>(run: LoadRun, load: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    run.bound = this
    if (run.inside.some((outer) => this.holders.has(outer))) return load
    return Effect.acquireUseRelease(
      Effect.interruptible(this.turn(run)),
      () => load,
      () => Effect.sync(() => this.leave(run))
    )
  }

  /** Lets a waiting load in, regardless of the bound: other loads wait for it, and would otherwise never end. */
  admit(run: LoadRun): void {
    const enter = this.queue.get(run)
    this.queue.delete(run)
    enter?.()
  }

  private turn(run: LoadRun): Effect.Effect<void> {
    return Effect.async((resume) => {
      const enter = () => {
        this.holders.add(run)
        resume(Exit.void)
      }
      // Otherwise it would wait for a load that waits for this one, so the bound gives way.
      if (this.holders.size < this.most || isWaitedFor(run, this.holders)) return enter()
      this.queue.set(run, enter)
      return Effect.sync(() => {
        this.queue.delete(run)
        // It may have been let in right when it was interrupted.
        this.leave(run)
      })
    })
  }

  private leave(run: LoadRun): void {
    if (!this.holders.delete(run)) return
    const [next] = this.queue.keys()
    if (next !== undefined && this.holders.size < this.most) this.admit(next)
  }
}
