/**
 * What every cache counts, as Effect `Metric`s, by OpenTelemetry's conventions: names with dots, durations in seconds
 * with the unit `s`. Whatever exports Effect's metrics shows them. `Cache.stats` has the same figures of one cache in
 * this process.
 *
 * Those of a cache are tagged `cache` (its name) and `tier` (`redis` or `near`). After the first 1,000 names of caches
 * under one `Redis`, further ones share the name `(other)`: a program that makes up names would fill its memory, and
 * whatever stores its metrics. A warning is logged once.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"

const counter = (name: string, description: string): Metric.Metric.Counter<number> =>
  Metric.counter(name, { description, incremental: true })

/** How many there are at the moment: an up-down counter, so that those of several layers add up. */
const level = (name: string, description: string): Metric.Metric.Counter<number> =>
  Metric.counter(name, { description })

/** Effect's exporters take a metric's unit from this tag. It is bound here once, and not at each update. */
const seconds = (
  name: string,
  description: string,
  boundaries: ReadonlyArray<number>
): Metric.Metric.Histogram<number> =>
  Metric.fromMetricKey(
    MetricKey.tagged(MetricKey.histogram(name, MetricBoundaries.fromIterable(boundaries), description), "unit", "s")
  )

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
  "Loaded values that were not stored because the key was written or invalidated meanwhile"
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
export const bypassed: Metric.Metric.Counter<number> = counter(
  "cache.bypassed",
  "Operations that went on without Redis"
)

/**
 * Background refreshes that were not begun, since `maxConcurrentRefreshes` of their cache were under way.
 *
 * @since 0.1.0
 * @category metrics
 */
export const skippedRefreshes: Metric.Metric.Counter<number> = counter(
  "cache.refresh.skipped",
  "Background refreshes that were skipped because maxConcurrentRefreshes were running"
)

/**
 * Loads that stored nothing, since an update of the source held their key or one of its tags.
 *
 * @since 0.1.0
 * @category metrics
 */
export const barredLoads: Metric.Metric.Counter<number> = counter(
  "cache.load.barred",
  "Loads that stored nothing because an update of the source was under way"
)

/**
 * Updates of the source that `Cache.invalidating` has run.
 *
 * @since 0.1.0
 * @category metrics
 */
export const updates: Metric.Metric.Counter<number> = counter("cache.updates", "Updates of the source")

/**
 * Updates whose end Redis did not apply as asked.
 *
 * @since 0.1.0
 * @category metrics
 */
export const failedEnds: Metric.Metric.Counter<number> = counter(
  "cache.update.failed_ends",
  "Updates whose end Redis did not apply as asked"
)

/**
 * Keys and tags that updates of this process hold at present.
 *
 * @since 0.1.0
 * @category metrics
 */
export const held: Metric.Metric.Counter<number> = Metric.counter("cache.held", {
  description: "Keys and tags that updates hold now"
})

/**
 * Keys that are to be removed as soon as Redis answers, since it has missed a change of them.
 *
 * @since 0.1.0
 * @category metrics
 */
export const remembered: Metric.Metric.Counter<number> = level(
  "cache.remembered",
  "Keys to be removed as soon as Redis answers"
)

/**
 * Values that were deleted: by `delete`, `take` and `flush`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const deletes: Metric.Metric.Counter<number> = counter("cache.deletes", "Values deleted")

/**
 * Tags that were invalidated.
 *
 * @since 0.1.0
 * @category metrics
 */
export const invalidations: Metric.Metric.Counter<number> = counter("cache.invalidations", "Tags invalidated")

/**
 * Near copies that are kept in this process.
 *
 * @since 0.1.0
 * @category metrics
 */
export const nearEntries: Metric.Metric.Counter<number> = level("cache.near.entries", "Near copies kept")

/**
 * What the near copies of caches with `maxBytes` take, in bytes, as that bound counts them.
 *
 * @since 0.1.0
 * @category metrics
 */
export const nearBytes: Metric.Metric.Counter<number> = level("cache.near.bytes", "Bytes of near copies kept")

/**
 * Near copies that were evicted to make room.
 *
 * @since 0.1.0
 * @category metrics
 */
export const nearEvictions: Metric.Metric.Counter<number> = counter(
  "cache.near.evictions",
  "Near copies that were evicted to make room"
)

/**
 * How long computations took, in seconds.
 *
 * @since 0.1.0
 * @category metrics
 */
export const loadDuration: Metric.Metric.Histogram<number> = seconds(
  "cache.load.duration",
  "How long computations took",
  [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
)

/**
 * How long round trips to Redis took, in seconds. What callers ask for in one tick shares a round trip, which is
 * recorded once for each kind of operation in it. Tagged with `db.system.name`, `db.namespace` (the database's number),
 * `server.address` and `server.port`, `db.operation.name` (what it was for: `get`, `set`, `load`, …), `db.query.summary`
 * (the commands: `MGET`, `EVALSHA fill`, …), and `error.type` (the reason of the `RedisError`) where it failed.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#metric-dbclientoperationduration
 * @since 0.1.0
 * @category metrics
 */
export const operationDuration: Metric.Metric.Histogram<number> = seconds(
  "db.client.operation.duration",
  "How long round trips to Redis took",
  // Those that the conventions name, and more below 5 ms, where a Redis nearby is.
  [0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
)

/**
 * Connections to Redis that are wanted, and are not there. Tagged with `server.address`, `server.port` and
 * `db.namespace`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const connectionsDown: Metric.Metric.Counter<number> = level(
  "cache.connection.down",
  "Connections to Redis that are down"
)

/**
 * Circuits that are open: operations fail at once, since most of the latest had no answer. Tagged with
 * `server.address`, `server.port` and `db.namespace`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const circuitsOpen: Metric.Metric.Counter<number> = level(
  "cache.circuit.open",
  "Open circuits: operations fail without being sent"
)
