/**
 * What every cache counts, as Effect `Metric`s. Each is tagged `cache` (its name) and `tier` (`redis` or `near`), and
 * is shown by whatever exports Effect's metrics. `Cache.stats` has the same figures of one cache in this process.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"

const counter = (name: string, description: string): Metric.Metric.Counter<number> =>
  Metric.counter(name, { description, incremental: true })

/**
 * Reads that found a value, stale ones that were served included.
 *
 * @since 0.1.0
 * @category metrics
 */
export const hits: Metric.Metric.Counter<number> = counter("cache.hits", "Reads that found a value")

/**
 * Reads that found nothing.
 *
 * @since 0.1.0
 * @category metrics
 */
export const misses: Metric.Metric.Counter<number> = counter("cache.misses", "Reads that found nothing")

/**
 * Values written, those that loads stored included.
 *
 * @since 0.1.0
 * @category metrics
 */
export const writes: Metric.Metric.Counter<number> = counter("cache.writes", "Values written")

/**
 * Computations run for absent values and refreshes.
 *
 * @since 0.1.0
 * @category metrics
 */
export const loads: Metric.Metric.Counter<number> = counter("cache.loads", "Computations run")

/**
 * Computations that failed, died or were interrupted.
 *
 * @since 0.1.0
 * @category metrics
 */
export const loadFailures: Metric.Metric.Counter<number> = counter("cache.load.failures", "Computations that failed")

/**
 * Loads whose value was not stored, because something was written, deleted or invalidated meanwhile.
 *
 * @since 0.1.0
 * @category metrics
 */
export const refusedFills: Metric.Metric.Counter<number> = counter(
  "cache.load.refused",
  "Loaded values that were not stored, since the key was written or invalidated meanwhile"
)

/**
 * Callers that joined a load that was running in this process.
 *
 * @since 0.1.0
 * @category metrics
 */
export const coalesced: Metric.Metric.Counter<number> = counter("cache.coalesced", "Callers that joined a running load")

/**
 * Stale values served.
 *
 * @since 0.1.0
 * @category metrics
 */
export const staleServed: Metric.Metric.Counter<number> = counter("cache.stale", "Stale values served")

/**
 * Stored values that could not be decoded, and so were absent.
 *
 * @since 0.1.0
 * @category metrics
 */
export const undecodable: Metric.Metric.Counter<number> = counter(
  "cache.undecodable",
  "Stored values that could not be decoded"
)

/**
 * Operations of a cache with `onRedisError: "bypass"` that did without Redis because it failed.
 *
 * @since 0.1.0
 * @category metrics
 */
export const bypassed: Metric.Metric.Counter<number> = counter("cache.bypassed", "Operations that did without Redis")

/**
 * Background refreshes that were not begun, since `maxConcurrentRefreshes` of their cache were under way.
 *
 * @since 0.1.0
 * @category metrics
 */
export const skippedRefreshes: Metric.Metric.Counter<number> = counter(
  "cache.refresh.skipped",
  "Background refreshes that were not begun for want of a place"
)

/**
 * Loads that stored nothing, since an update of the source held their key or one of its tags.
 *
 * @since 0.1.0
 * @category metrics
 */
export const barredLoads: Metric.Metric.Counter<number> = counter(
  "cache.load.barred",
  "Loads that stored nothing, since an update of the source was under way"
)

/**
 * Updates of the source that `Cache.invalidating` has run.
 *
 * @since 0.1.0
 * @category metrics
 */
export const updates: Metric.Metric.Counter<number> = counter("cache.updates", "Updates of the source")

/**
 * Ends of updates that Redis did not do, or not as asked.
 *
 * @since 0.1.0
 * @category metrics
 */
export const failedEnds: Metric.Metric.Counter<number> = counter(
  "cache.update.failed_ends",
  "Ends of updates that Redis did not do, or not as asked"
)

/**
 * Keys and tags that updates of this process hold at present.
 *
 * @since 0.1.0
 * @category metrics
 */
export const held: Metric.Metric.Counter<number> = Metric.counter("cache.held", {
  description: "Keys and tags that updates hold at present"
})

/**
 * How long computations took, in milliseconds.
 *
 * @since 0.1.0
 * @category metrics
 */
export const loadDuration: Metric.Metric.Histogram<number> = Metric.histogram(
  "cache.load.duration",
  MetricBoundaries.exponential({ start: 1, factor: 2, count: 18 }),
  "How long computations took, in milliseconds"
)
