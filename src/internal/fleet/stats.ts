/** The figures of all processes that publish them, and their rates. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import { loadTimeBounds } from "../cache/recorder.js"
import { otherNames } from "../cache/tally.js"
import { printing } from "../definition/show.js"
import { directoryKey, reportKey } from "../key/reserved.js"
import { type Counts, none, scale, since, sum, toCounts } from "./counts.js"
import { readAll } from "./readAll.js"
import { fromDirectoryBytes, fromReportBytes, type Report } from "./report.js"

/** What one process publishes. Times are in ms of server time. */
export interface ProcessStats {
  /** A different one for each layer that is built. */
  readonly id: string
  /** The layer's `publish.name`, or its host and process id. */
  readonly name: string
  /** When it began to publish. */
  readonly startedAt: number
  readonly publishedAt: number
  /** How often it publishes. */
  readonly every: Duration.Duration
  /** How many keys it was loading. */
  readonly loading: number
  /** The last bytes of its leases' tokens, in hexadecimal. */
  readonly mark: string
  /** Its figures since it began, by the cache's name. */
  readonly caches: ReadonlyMap<string, Counts>
}

/** The figures of all processes that publish. */
export interface FleetStats {
  /** In ms of server time. */
  readonly at: number
  readonly processes: ReadonlyArray<ProcessStats>
  /** The figures of these processes together, by the cache's name. The figures of a process disappear with it. */
  readonly caches: ReadonlyMap<string, Counts>
}

/** The rates of one cache, per second, in all processes together. */
export interface Rates {
  readonly perSecond: Counts
  /** The part of all reads that found a value, 0 to 1; none if there were no reads. */
  readonly hitRatio: Option.Option<number>
  /** None if there were no loads. Percentiles are as exact as `loadTimeBounds` are close to each other. */
  readonly loadTime: Option.Option<{
    readonly mean: Duration.Duration
    readonly p50: Duration.Duration
    readonly p99: Duration.Duration
  }>
}

const toProcess = ({ caches, everyMillis, id, loading, mark, name, publishedAt, startedAt }: Report): ProcessStats =>
  printing({
    id,
    name,
    startedAt,
    publishedAt,
    every: Duration.millis(everyMillis),
    loading,
    mark,
    caches: new Map(
      caches.map((cache) => [
        cache.name === otherNames ? "(others)" : cache.name,
        toCounts((field) => Object.hasOwn(cache.counts, field) ? cache.counts[field] : undefined, cache.loadTimes)
      ])
    )
  })

const addAll = (all: Iterable<ReadonlyMap<string, Counts>>): ReadonlyMap<string, Counts> => {
  const sums = new Map<string, Counts>()
  for (const caches of all) {
    for (const [name, counts] of caches) sums.set(name, sum(sums.get(name) ?? none, counts))
  }
  return sums
}

export const stats: Effect.Effect<FleetStats, RedisError, Redis> = Effect.gen(function*() {
  const { runtime: { driver } } = yield* baseRedis
  const [directory] = yield* readAll(driver, [directoryKey(driver.prefix)])
  const ids = fromDirectoryBytes(directory)
  const reports = yield* readAll(driver, ids.map((id) => reportKey(driver.prefix, id)))
  const processes = reports.flatMap((bytes) => {
    const report = fromReportBytes(bytes)
    return report === undefined ? [] : [toProcess(report)]
  })
  return printing({
    at: driver.unsafeNow(yield* Effect.clock),
    processes,
    caches: addAll(processes.map(({ caches }) => caches))
  })
})

/** The rates of a process, by cache, since a report or its start; nothing if it has published nothing new. */
const ratesOfProcess = (before: ProcessStats | undefined, after: ProcessStats): ReadonlyMap<string, Counts> => {
  const seconds = (after.publishedAt - (before?.publishedAt ?? after.startedAt)) / 1_000
  if (seconds <= 0) return new Map()
  return new Map(
    [...after.caches].map(([name, counts]) => [
      name,
      scale(since(counts, before?.caches.get(name) ?? none), 1 / seconds)
    ])
  )
}

/** The time that this part of the loads took at most, in ms; between two bounds the times are taken to be spread evenly. */
const percentile = ({ loadTimes, longestLoadMillis }: Counts, part: number): number => {
  const wanted = part * loadTimes.reduce((total, count) => total + count, 0)
  let seen = 0
  for (const [i, count] of loadTimes.entries()) {
    if (count > 0 && seen + count >= wanted) {
      const low = loadTimeBounds[i - 1] ?? 0
      const high = Math.max(low, Math.min(loadTimeBounds[i] ?? longestLoadMillis, longestLoadMillis))
      return low + (high - low) * (wanted - seen) / count
    }
    seen += count
  }
  return longestLoadMillis
}

const toRates = (perSecond: Counts): Rates => {
  const { hits, loadMillis, loadTimes, loads, misses } = perSecond
  return printing({
    perSecond,
    hitRatio: hits + misses > 0 ? Option.some(hits / (hits + misses)) : Option.none(),
    loadTime: loads > 0 && loadTimes.some((count) => count > 0)
      ? Option.some({
        mean: Duration.millis(loadMillis / loads),
        p50: Duration.millis(percentile(perSecond, 0.5)),
        p99: Duration.millis(percentile(perSecond, 0.99))
      })
      : Option.none()
  })
}

export const rates = (readings: ReadonlyArray<FleetStats>): ReadonlyMap<string, Rates> => {
  const [first, last] = [readings[0], readings.at(-1)]
  if (first === undefined || last === undefined) return new Map()
  const earliest = new Map<string, ProcessStats>()
  for (const { processes } of readings) {
    for (const process of processes) if (!earliest.has(process.id)) earliest.set(process.id, process)
  }
  const sums = addAll(last.processes.map((process) => {
    const before = earliest.get(process.id)
    // If it began meanwhile, its figures since its beginning are known.
    return ratesOfProcess(before !== undefined && before.startedAt >= first.at ? undefined : before, process)
  }))
  return new Map([...sums].map(([name, counts]) => [name, toRates(counts)]))
}
