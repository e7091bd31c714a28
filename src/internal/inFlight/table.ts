/**
 * Loads in flight in this process, by Redis key: which callers wait for which load, and when one may be joined.
 *
 * A key is in the table from when it is opened until it is settled, detached by a local write, or abandoned by its last
 * waiter, whichever comes first. A load that is not in the table cannot be joined.
 *
 * Loads in another mode (`cache/mode.ts`) are in a table of their own. A write affects all of them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { beginWait } from "./circles.js"
import { again, InFlight, type LoadRun, type Outcome } from "./inFlight.js"

export class InFlightTable {
  private readonly keys = new Map<string, InFlight>()
  /** The tables of all modes, including this one; `undefined` if there are no others. */
  private group: Array<InFlightTable> | undefined

  /** @param beside a table of other loads of the same keys */
  constructor(beside?: InFlightTable) {
    if (beside === undefined) return
    beside.group ??= [beside]
    beside.group.push(this)
    this.group = beside.group
  }

  get(key: string): InFlight | undefined {
    return this.keys.size === 0 ? undefined : this.keys.get(key)
  }

  /**
   * The load that a caller may join before it has read Redis. It does not join a background refresh, nor a forced load:
   * meanwhile the stored value can be served.
   */
  joinable(key: string): InFlight | undefined {
    const there = this.get(key)
    return there === undefined || there.aside ? undefined : there
  }

  get size(): number {
    return this.keys.size
  }

  /** Opens a key. If it is being loaded already, that load is detached. */
  open(key: string, identity: unknown, run: LoadRun): InFlight {
    const opened = new InFlight(key, identity, run)
    this.keys.set(key, opened)
    return opened
  }

  /** A local write: callers from now on start anew. Those that wait already still get the load's outcome. */
  detach(key: string): void {
    if (this.group === undefined) this.drop(key)
    else for (const table of this.group) table.drop(key)
  }

  private drop(key: string): void {
    if (this.keys.size !== 0) this.keys.delete(key)
  }

  detachAll(prefix: string): void {
    for (const { keys } of this.group ?? [this]) {
      for (const key of keys.keys()) if (key.startsWith(prefix)) keys.delete(key)
    }
  }

  settle(key: InFlight, outcome: Outcome): void {
    if (key.outcome !== undefined) return
    key.outcome = outcome
    if (this.keys.get(key.key) === key) this.keys.delete(key.key)
    key.run.keys.delete(key)
    for (const waiter of key.waiters) waiter()
    key.waiters.clear()
  }

  /**
   * Waits until all have their outcomes, and becomes a waiter of all of them at once. Interruption ends only this wait,
   * and each load whose last waiter it was. `opened` are the ones that the caller opened.
   */
  wait(keys: ReadonlyArray<InFlight>, opened: Iterable<InFlight>): Effect.Effect<void> {
    return Effect.withFiberRuntime((fiber) =>
      Effect.async((resume) => {
        const waiting = beginWait(fiber, keys)
        if (typeof waiting === "string") return resume(Effect.dieMessage(waiting))
        let open = keys.length
        const waiter = (): void => {
          if (--open > 0) return
          waiting?.end()
          resume(Exit.void)
        }
        for (const key of keys) {
          if (key.outcome === undefined) key.waiters.add(waiter)
          else waiter()
        }
        for (const key of opened) key.expected = false
        return Effect.suspend(() => {
          waiting?.end()
          for (const key of keys) key.waiters.delete(waiter)
          return Effect.forEach(keys, (key) => this.abandon(key), { discard: true })
        })
      })
    )
  }

  /** The caller that opened the key will not wait for it. */
  forsake(key: InFlight): Effect.Effect<void> {
    key.expected = false
    return this.abandon(key)
  }

  /**
   * If no caller waits for the key any more, it can no longer be joined, and a load that no caller needs ends. A caller
   * that has found the key and is about to wait for it reads again.
   */
  private abandon(key: InFlight): Effect.Effect<void> {
    if (key.outcome !== undefined || key.wanted) return Effect.void
    const { run } = key
    this.settle(key, again)
    return run.abandoned ? Effect.map(Effect.fiberId, (by) => run.interrupt(by)) : Effect.void
  }
}
