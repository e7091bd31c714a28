/** Replaces one Redis server: a table of bytes with expiry. */
import * as Effect from "effect/Effect"
import * as Entry from "../entry/format.js"

export interface Stored {
  readonly bytes: Uint8Array
  /** In ms of the clock; `Infinity`: it never expires. */
  readonly expires: number
}

/** How many entries each write checks, so that expired entries that are not read again do not stay. */
const sweepStep = 4

export class MemoryServer {
  private readonly table = new Map<string, Stored>()
  private sweep: Iterator<[string, Stored]> | undefined
  private readonly watchers = new Set<(key: string | undefined) => void>()
  private grants = 0

  /** Orders the leases that are granted. */
  nextTurn(): Uint8Array {
    return Entry.turnOf(++this.grants)
  }

  get(key: string, now: number): Stored | undefined {
    const found = this.table.get(key)
    if (found === undefined) return undefined
    if (found.expires > now) return found
    this.delete(key)
    return undefined
  }

  set(key: string, bytes: Uint8Array, life: number | undefined, now: number): void {
    // A copy: the bytes may be a part of a pool, and belong to the writer.
    this.put(key, { bytes: new Uint8Array(bytes), expires: life === undefined ? Infinity : now + life })
    this.sweepSome(now)
  }

  put(key: string, stored: Stored): void {
    this.table.set(key, stored)
    this.tell(key)
  }

  delete(key: string): void {
    if (this.table.delete(key)) this.tell(key)
  }

  /** Everything is gone, as after `FLUSHALL`. */
  clear(): void {
    this.table.clear()
    this.tell(undefined)
  }

  /** Reports each change when it happens (`undefined`: of all keys), until the returned effect runs. */
  watch(watcher: (key: string | undefined) => void): Effect.Effect<void> {
    this.watchers.add(watcher)
    return Effect.sync(() => this.watchers.delete(watcher))
  }

  private tell(key: string | undefined): void {
    for (const watcher of this.watchers) watcher(key)
  }

  keys(prefix: string, now: number): Array<string> {
    const found: Array<string> = []
    for (const [key, stored] of this.table) if (stored.expires > now && key.startsWith(prefix)) found.push(key)
    return found
  }

  get size(): number {
    return this.table.size
  }

  private sweepSome(now: number): void {
    for (let i = 0; i < sweepStep; i++) {
      this.sweep ??= this.table.entries()
      const next = this.sweep.next()
      if (next.done === true) {
        this.sweep = undefined
        return
      }
      if (next.value[1].expires <= now) this.delete(next.value[0])
    }
  }
}
