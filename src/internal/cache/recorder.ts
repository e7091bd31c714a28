/** The figures of one cache on one `Redis` instance: plain numbers for `Cache.stats`, and the `Metric`s. */
import * as CacheMetrics from "../../CacheMetrics.js"
import type { Labels } from "./labels.js"

/** In ms. */
export const loadTimeBounds: ReadonlyArray<number> = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000]
]

const bucketOf = (millis: number): number => {
  const found = loadTimeBounds.findIndex((bound) => millis <= bound)
  return found < 0 ? loadTimeBounds.length : found
}

export class Recorder {
  hits = 0
  nearHits = 0
  misses = 0
  writes = 0
  loads = 0
  loadFailures = 0
  refusedFills = 0
  coalesced = 0
  staleServed = 0
  undecodable = 0
  bypassed = 0
  deletes = 0
  invalidations = 0
  skippedRefreshes = 0
  barredLoads = 0
  updates = 0
  failedEnds = 0
  held = 0
  loadMillis = 0
  longestLoadMillis = 0
  /** How many computations took at most as long as each of the bounds, but longer than the one before; then longer ones. */
  readonly loadTimes: Array<number> = new Array(loadTimeBounds.length + 1).fill(0)
  private readonly labels: Labels["redis"]
  private readonly nearLabels: Labels["near"]

  constructor({ near, redis }: Labels) {
    this.labels = redis
    this.nearLabels = near
  }

  nearHit(): void {
    this.hits++
    this.nearHits++
    CacheMetrics.hits.unsafeUpdate(1, this.nearLabels)
  }

  hit(count = 1): void {
    this.hits += count
    CacheMetrics.hits.unsafeUpdate(count, this.labels)
  }

  miss(count = 1): void {
    this.misses += count
    CacheMetrics.misses.unsafeUpdate(count, this.labels)
  }

  write(count = 1): void {
    this.writes += count
    CacheMetrics.writes.unsafeUpdate(count, this.labels)
  }

  delete(count: number): void {
    if (count === 0) return
    this.deletes += count
    CacheMetrics.deletes.unsafeUpdate(count, this.labels)
  }

  invalidate(tags: number): void {
    this.invalidations += tags
    CacheMetrics.invalidations.unsafeUpdate(tags, this.labels)
  }

  stale(): void {
    this.staleServed++
    CacheMetrics.staleServed.unsafeUpdate(1, this.labels)
  }

  join(): void {
    this.coalesced++
    CacheMetrics.coalesced.unsafeUpdate(1, this.labels)
  }

  load(millis: number, succeeded: boolean): void {
    this.loads++
    this.loadMillis += millis
    this.longestLoadMillis = Math.max(this.longestLoadMillis, millis)
    this.loadTimes[bucketOf(millis)]!++
    CacheMetrics.loads.unsafeUpdate(1, this.labels)
    CacheMetrics.loadDuration.unsafeUpdate(millis / 1_000, this.labels)
    if (succeeded) return
    this.loadFailures++
    CacheMetrics.loadFailures.unsafeUpdate(1, this.labels)
  }

  refusedFill(): void {
    this.refusedFills++
    CacheMetrics.refusedFills.unsafeUpdate(1, this.labels)
  }

  undecoded(): void {
    this.undecodable++
    CacheMetrics.undecodable.unsafeUpdate(1, this.labels)
  }

  skippedRefresh(): void {
    this.skippedRefreshes++
    CacheMetrics.skippedRefreshes.unsafeUpdate(1, this.labels)
  }

  barredLoad(): void {
    this.barredLoads++
    CacheMetrics.barredLoads.unsafeUpdate(1, this.labels)
  }

  update(): void {
    this.updates++
    CacheMetrics.updates.unsafeUpdate(1, this.labels)
  }

  failedEnd(): void {
    this.failedEnds++
    CacheMetrics.failedEnds.unsafeUpdate(1, this.labels)
  }

  /** This many more keys and tags are held, or fewer if it is negative. */
  hold(count: number): void {
    this.held += count
    CacheMetrics.held.unsafeUpdate(count, this.labels)
  }

  bypass(): void {
    this.bypassed++
    CacheMetrics.bypassed.unsafeUpdate(1, this.labels)
  }
}
