/**
 * Changes that the store may have missed: keys to be removed, and caches to be flushed. Plain data; `makeGood.ts` makes
 * them good.
 *
 * Everything is ordered by one counter. An operation that began after a key was remembered forgets it; one that began
 * before does not, even if its answer comes later.
 */
import { cacheOf } from "../../key/reserved.js"

/** A key to be removed. */
interface Key {
  readonly cache: string
  readonly order: number
  /** When it was remembered, on a clock that never jumps. */
  readonly since: number
  /** Commands that were sent for it may still be delivered, by the connection that was the latest then. */
  readonly late: boolean
  readonly connections: number
  /** It was removed once, and will be removed a second time then. */
  again: number | undefined
}

/** A cache to be flushed. */
export interface Flush {
  readonly order: number
  readonly since: number
  /** When the last write of it was dropped, in server time. */
  lastDropped: number
}

/** What is remembered with a key. */
export interface Doubt {
  readonly cache: string
  readonly now: number
  readonly serverNow: number
  readonly late: boolean
  readonly connections: number
}

/** A lost connection delivers its commands within this time, in ms, if ever: TCP doubles its pauses up to that. */
const longestDelivery = 120_000

export class Remembered {
  /** Nothing is remembered. Every operation checks this. */
  idle = true
  private readonly keys = new Map<string, Key>()
  private readonly caches = new Map<string, Flush>()
  private readonly counts = new Map<string, number>()
  private order = 0

  constructor(
    private readonly prefix: string,
    private readonly max: number,
    /** This many more keys of a cache are remembered, or fewer if it is negative. */
    private readonly onCount: (cache: string, change: number) => void
  ) {}

  get size(): number {
    return this.keys.size
  }

  get flushes(): ReadonlyMap<string, Flush> {
    return this.caches
  }

  /** How many keys of a cache must still be removed. The keys of a cache to be flushed are not counted. */
  count(cache: string): number {
    return this.counts.get(cache) ?? 0
  }

  /** The number in this order of an operation that begins now. */
  begin(): number {
    return this.idle ? 0 : ++this.order
  }

  /** Whether a key counts as absent. */
  hides(key: string): boolean {
    const known = this.keys.get(key)
    if (known !== undefined && known.again === undefined) return true
    return this.caches.size > 0 && this.caches.has(cacheOf(this.prefix, key))
  }

  remember(keys: ReadonlyArray<string>, doubt: Doubt): void {
    const { cache, connections, late, now, serverNow } = doubt
    for (const key of keys) {
      const flush = this.caches.get(cache)
      if (flush !== undefined) {
        flush.lastDropped = Math.max(flush.lastDropped, serverNow)
        continue
      }
      if (!this.keys.has(key) && this.keys.size >= this.max) {
        this.rememberLargest(doubt)
        if (this.caches.has(cache)) continue
      }
      const before = this.keys.get(key)
      if (before === undefined || before.again !== undefined) this.counted(cache, 1)
      this.keys.set(key, {
        cache,
        order: ++this.order,
        since: before?.since ?? now,
        late: late || before?.late === true,
        connections: before?.late === true && !late ? before.connections : connections,
        again: undefined
      })
    }
    this.idle = this.keys.size === 0 && this.caches.size === 0
  }

  /** All keys of a cache. */
  rememberAll(cache: string, now: number, serverNow: number): void {
    const before = this.caches.get(cache)
    this.caches.set(cache, { order: ++this.order, since: before?.since ?? now, lastDropped: serverNow })
    for (const [key, known] of this.keys) if (known.cache === cache) this.keys.delete(key)
    this.counted(cache, -this.count(cache))
    this.idle = false
  }

  /** There is no room for more keys: the cache with the most of them will be flushed. */
  private rememberLargest({ cache: another, now, serverNow }: Doubt): void {
    let [largest, most] = [another, 0]
    for (const [cache, count] of this.counts) if (count > most) [largest, most] = [cache, count]
    this.rememberAll(largest, now, serverNow)
  }

  /** These keys were written, by an operation that began then. */
  wrote(keys: ReadonlyArray<string>, began: number): void {
    for (const key of keys) {
      const known = this.keys.get(key)
      if (known !== undefined && known.order < began) this.forget(key, known)
    }
  }

  /** A cache was flushed, by an operation that began then. */
  flushed(cache: string, began: number): void {
    const flush = this.caches.get(cache)
    if (flush !== undefined && flush.order < began) this.caches.delete(cache)
    for (const [key, known] of this.keys) if (known.cache === cache && known.order < began) this.forget(key, known)
    this.idle = this.keys.size === 0 && this.caches.size === 0
  }

  /**
   * These keys were removed, by an operation that began then. A lost connection delivers its commands within as long as
   * the outage took, if at all: so the key is removed a second time after that.
   */
  removed(keys: ReadonlyArray<string>, began: number, now: number, connections: number): void {
    for (const key of keys) {
      const known = this.keys.get(key)
      if (known === undefined || known.order >= began) continue
      if (known.again === undefined && known.late && known.connections !== connections) {
        known.again = now + Math.min(now - known.since, longestDelivery)
        this.counted(known.cache, -1)
      } else if (known.again === undefined || known.again <= now) this.forget(key, known)
    }
  }

  /** The keys to remove now. */
  due(now: number): ReadonlyArray<string> {
    const found: Array<string> = []
    for (const [key, { again }] of this.keys) if (again === undefined || again <= now) found.push(key)
    return found
  }

  /** Lets other keys come first next time: the server of these may be unreachable. */
  postpone(keys: ReadonlyArray<string>): void {
    for (const key of keys) {
      const known = this.keys.get(key)
      if (known === undefined) continue
      this.keys.delete(key)
      this.keys.set(key, known)
    }
  }

  /** Of these, those that were not removed yet. */
  hidden(keys: ReadonlyArray<string>): ReadonlyArray<string> {
    return keys.filter((key) => this.hides(key))
  }

  /** Whether all that is left is to remove some keys once more. */
  get isMadeGood(): boolean {
    if (this.caches.size > 0) return false
    for (const { again } of this.keys.values()) if (again === undefined) return false
    return true
  }

  private forget(key: string, { again, cache }: Key): void {
    this.keys.delete(key)
    if (again === undefined) this.counted(cache, -1)
    this.idle = this.keys.size === 0 && this.caches.size === 0
  }

  private counted(cache: string, change: number): void {
    if (change === 0) return
    const count = this.count(cache) + change
    if (count === 0) this.counts.delete(cache)
    else this.counts.set(cache, count)
    this.onCount(cache, change)
  }
}
