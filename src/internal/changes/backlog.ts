/** The changes of a cache that one reader has not read yet, bounded. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Listener } from "./listener.js"

/**
 * An event in the stream of a cache's changes.
 *
 * - `Resumed`: from now on every change is reported; earlier changes may have been missed. It comes first
 * - `Changed`: this key may have changed: it was written, deleted, evicted, has expired, or is being loaded
 * - `Flushed`: every key may have changed, since the server was emptied
 * - `Lost`: changes were missed, or are not reported until it resumes. Anything may have changed
 */
export type Change =
  | { readonly _tag: "Changed"; readonly key: string }
  | { readonly _tag: "Flushed" }
  | { readonly _tag: "Lost" }
  | { readonly _tag: "Resumed" }

const flushed: Change = { _tag: "Flushed" }
const lost: Change = { _tag: "Lost" }
const resumed: Change = { _tag: "Resumed" }

export class Backlog implements Listener {
  private waiting: Array<Change> = []
  /** How many more changes fit before the reader reads. */
  private room: number
  private linked = false
  private wake: (() => void) | undefined

  constructor(
    /** Precedes every key of the cache. */
    private readonly prefix: string,
    /** A key as callers use it, from the part after the prefix. */
    private readonly text: (stored: string) => string,
    private readonly capacity: number
  ) {
    this.room = capacity
  }

  changed(key: string): void {
    if (key.startsWith(this.prefix)) this.put({ _tag: "Changed", key: this.text(key.slice(this.prefix.length)) })
  }

  changedAll(): void {
    this.put(flushed)
  }

  lost(): void {
    if (this.linked) this.put(lost)
    this.linked = false
  }

  resumed(): void {
    if (!this.linked) this.put(resumed)
    this.linked = true
  }

  private put(change: Change): void {
    if (this.room-- === 0) {
      // After a loss, a reader does not need the changes from before it.
      this.waiting = this.linked ? [lost, resumed] : [lost]
      this.room = this.capacity - 1
    }
    this.waiting.push(change)
    this.wake?.()
  }

  /** All waiting changes, as soon as there are any. For one reader. */
  readonly take: Effect.Effect<Chunk.Chunk<Change>> = Effect.async((resume) => {
    const all = (): void => {
      this.wake = undefined
      const changes = this.waiting
      this.waiting = []
      this.room = this.capacity
      resume(Exit.succeed(Chunk.unsafeFromArray(changes)))
    }
    if (this.waiting.length > 0) return all()
    this.wake = all
    return Effect.sync(() => {
      this.wake = undefined
    })
  })
}
