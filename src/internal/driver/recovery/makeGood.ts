/**
 * Making good what the store has missed.
 *
 * A cache with `bypass` reports a write as done that Redis did not do. Redis may still have the old value, which would
 * be read again as soon as Redis is back. So the process remembers the keys: it treats them as absent, and removes them
 * as soon as Redis answers. It does not write the values again, since by then they may be old themselves.
 *
 * - **When**: as soon as a connection was made anew, or a slot has another owner; else again and again, within half a second. The
 *   first keys go out as a probe; when that is answered the rest follows, page by page, so that a fleet that comes back at
 *   once leaves room for others' commands.
 * - **Reads meanwhile**: they miss (`recovering.ts`). Any other operation on such a key removes it first.
 * - **Late deliveries of the old connection**: a write that was sent, but not answered, may reach the server after its
 *   key was removed over a new connection. It arrives within as long as the outage took, since TCP doubles the pauses
 *   between its attempts. So the key is removed a second time then.
 * - **More keys than there is room for**: the cache with the most of them is flushed. A fleet would flush it once for
 *   each process. So a flush records when it began and that it ended, under a key of its own, and a flush that began
 *   after this process's last dropped write counts as its own.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as MetricLabel from "effect/MetricLabel"
import * as Random from "effect/Random"
import type { RedisError } from "../../../CacheError.js"
import * as CacheMetrics from "../../../CacheMetrics.js"
import { readUint48, writeUint48 } from "../../entry/format.js"
import { flushKey } from "../../key/reserved.js"
import { isUnsent } from "../breaker.js"
import type { Driver } from "../driver.js"
import { recovering } from "./recovering.js"
import { type Flush, Remembered } from "./remembered.js"

/** The most keys that one `Redis` remembers, unless its layer says otherwise. */
export const defaultMaxRemembered = 100_000

/** How many keys are sent at a time: at first, at least and at most, depending on how quick the answers are. */
const firstPage = 1_000
const leastPage = 200
const mostPage = 10_000

/** An answer that takes more ms is slow: other commands wait behind it, and other processes send as well. */
const slow = 250

/** How long to wait before Redis is asked again, in ms; a random part less, so that a fleet does not ask in step. */
const pause = 500

/** How long to wait for a flush by another process, in ms. */
const longestFlush = 30_000

/** How long a flush stays recorded, in ms. */
const flushIsKnown = 3_600_000

export class Recovery {
  readonly remembered: Remembered
  /** The driver for everything else. */
  readonly driver: Driver
  /** Something is remembered. */
  private readonly wake = Effect.unsafeMakeLatch(false)
  /** A connection was made anew. */
  private readonly back = Effect.unsafeMakeLatch(false)
  private page = firstPage
  /** How many keys were removed in this outage. */
  private removed = 0
  /** The caches that this outage has affected. */
  private readonly touched = new Set<string>()

  constructor(
    private readonly inner: Driver,
    readonly max: number,
    /** The very same array for a cache at every update, as for all metrics here. */
    labelsOf: (cache: string) => ReadonlyArray<MetricLabel.MetricLabel>
  ) {
    this.remembered = new Remembered(inner.prefix, max, (cache, change) => {
      CacheMetrics.remembered.unsafeUpdate(change, labelsOf(cache))
    })
    this.driver = recovering(
      inner,
      this.remembered,
      (keys) => Effect.flatMap(this.discard(keys), ({ error }) => error === undefined ? Exit.void : Exit.fail(error))
    )
  }

  // ---- what is remembered

  /** These keys may hold older values than callers were promised. `error`: why, if that is known. */
  remember(cache: string, keys: ReadonlyArray<string>, error: RedisError | undefined): Effect.Effect<void> {
    if (keys.length === 0) return Effect.void
    return Effect.clockWith((clock) => {
      this.touched.add(cache)
      this.remembered.remember(keys, {
        cache,
        now: this.inner.unsafeMonotonic(clock),
        serverNow: this.inner.unsafeNow(clock),
        late: error === undefined ||
          (!isUnsent(error) && (error.reason === "Timeout" || error.reason === "Connection")),
        connections: this.inner.unsafeConnections()
      })
      this.wake.unsafeOpen()
      return Effect.void
    })
  }

  /** The same for all keys of a cache. */
  rememberAll(cache: string): Effect.Effect<void> {
    return Effect.clockWith((clock) => {
      this.touched.add(cache)
      this.remembered.rememberAll(cache, this.inner.unsafeMonotonic(clock), this.inner.unsafeNow(clock))
      this.wake.unsafeOpen()
      return Effect.void
    })
  }

  // ---- making good

  /** Removes these keys, before anything else is done with them. */
  private discard(keys: ReadonlyArray<string>): ReturnType<Driver["discard"]> {
    return Effect.clockWith((clock) => {
      const began = this.remembered.begin()
      return Effect.map(this.inner.discard(keys), ({ error, failed }) => {
        const open = new Set(failed)
        const done = failed.length === 0 ? keys : keys.filter((key) => !open.has(key))
        this.removed += done.length
        this.remembered.postpone(failed)
        this.remembered.removed(done, began, this.inner.unsafeMonotonic(clock), this.inner.unsafeConnections())
        return { error, failed }
      })
    })
  }

  /** Removes all keys that are due, page by page; ends if none of a page could be removed. */
  private readonly discardAll: Effect.Effect<void, RedisError> = Effect.clockWith((clock) => {
    const due = this.remembered.due(this.inner.unsafeMonotonic(clock))
    const from = (at: number): Effect.Effect<void, RedisError> => {
      if (at >= due.length) return Effect.void
      const page = due.slice(at, at + this.page)
      const asked = this.inner.unsafeMonotonic(clock)
      return Effect.flatMap(this.discard(page), ({ error, failed }) => {
        const quick = error === undefined && this.inner.unsafeMonotonic(clock) - asked < slow
        this.page = quick ? Math.min(2 * this.page, mostPage) : Math.max(Math.floor(this.page / 2), leastPage)
        return error !== undefined && failed.length === page.length ? Exit.fail(error) : from(at + page.length)
      })
    }
    return from(0)
  })

  private readonly flushAll: Effect.Effect<void, RedisError> = Effect.suspend(() =>
    Effect.forEach([...this.remembered.flushes], ([cache, flush]) => this.flush(cache, flush), { discard: true })
  )

  /** Flushes a cache, unless another process has done so since. */
  private flush(cache: string, { lastDropped }: Flush): Effect.Effect<void, RedisError> {
    const { inner, remembered } = this
    const key = flushKey(inner.prefix, cache)
    const tell = (from: number, to: number) => {
      const bytes = new Uint8Array(12)
      writeUint48(bytes, 0, Math.floor(from))
      writeUint48(bytes, 6, Math.floor(to))
      return inner.set({ key, bytes, life: flushIsKnown }, { onSuccess: () => Exit.void, onFailure: Exit.fail })
    }
    return Effect.clockWith((clock) => {
      const began = remembered.begin()
      return inner.get(key, {
        onSuccess: (bytes, now) => {
          const from = bytes?.length === 12 ? readUint48(bytes, 0) : 0
          if (from > lastDropped && from <= now) {
            if (readUint48(bytes!, 6) !== 0) {
              remembered.flushed(cache, began)
              return Exit.void
            }
            if (now - from < longestFlush) return Exit.void
          }
          return tell(now, 0).pipe(
            Effect.zipRight(inner.clear(cache)),
            Effect.zipRight(Effect.suspend(() => tell(now, Math.max(now, inner.unsafeNow(clock))))),
            Effect.map(() => remembered.flushed(cache, began))
          )
        },
        onFailure: Exit.fail
      })
    })
  }

  /** Makes good whatever is remembered, as long as the layer is open. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    const { back, inner, remembered, wake } = this
    const attempt = Effect.zipRight(this.discardAll, this.flushAll)
    const waiting = Effect.flatMap(
      Random.next,
      (random) => Effect.raceFirst(Effect.sleep(pause * (1 - random / 2)), back.await)
    )
    const until = (isDone: () => boolean): Effect.Effect<void> =>
      Effect.suspend(() => {
        back.unsafeClose()
        return Effect.flatMap(
          Effect.ignore(attempt),
          () => isDone() ? Effect.void : Effect.zipRight(waiting, until(isDone))
        )
      })
    const ofCaches = (log: Effect.Effect<void>) =>
      Effect.annotateLogs(log, { caches: [...this.touched].sort().join(", ") })
    const outage = Effect.clockWith((clock) => {
      const began = inner.unsafeMonotonic(clock)
      this.removed = 0
      return ofCaches(Effect.logWarning(
        "Redis missed writes or invalidations, or may have missed them. This process remembers their keys, reads them as " +
          "absent, and removes them as soon as Redis answers"
      )).pipe(
        Effect.zipRight(until(() => remembered.isMadeGood)),
        Effect.zipRight(Effect.suspend(() => {
          const seconds = ((inner.unsafeMonotonic(clock) - began) / 1_000).toFixed(1)
          const log = ofCaches(Effect.logInfo(
            `Redis has caught up with the writes and invalidations it missed, after ${seconds} s: ` +
              `${this.removed} ${this.removed === 1 ? "key was" : "keys were"} removed`
          ))
          this.touched.clear()
          return log
        })),
        // Commands that may still be delivered.
        Effect.zipRight(until(() => remembered.idle || !remembered.isMadeGood))
      )
    })
    inner.unsafeOnReconnect(() => back.unsafeOpen())
    return Effect.forever(
      Effect.zipRight(
        wake.await,
        Effect.suspend(() => {
          if (!remembered.idle) return outage
          wake.unsafeClose()
          return Effect.void
        })
      )
    )
  })
}
