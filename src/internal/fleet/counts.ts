/** The figures of a cache, in one process or in many. */
import type { Recorder } from "../cache/recorder.js"
import type { Stats } from "../ops/stats.js"

/** The figures of `Cache.stats`, of one process or of many together. */
export interface Counts extends Omit<Stats, "loadTime" | "remembered"> {
  /** All loads together, in ms. */
  readonly loadMillis: number
  readonly longestLoadMillis: number
  /**
   * How many loads took at most as long as each of `Fleet.loadTimeBounds`, but longer than the bound before it; the last
   * number is of longer ones. They can be added up, as percentiles cannot.
   */
  readonly loadTimes: ReadonlyArray<number>
}

type Counter = Exclude<keyof Counts, "loadTimes">

/** The field of a recorder for each figure. */
const counters: { readonly [Name in Counter]: keyof Recorder } = {
  hits: "hits",
  nearHits: "nearHits",
  misses: "misses",
  writes: "writes",
  loads: "loads",
  coalesced: "coalesced",
  staleServed: "staleServed",
  failures: "loadFailures",
  refusedFills: "refusedFills",
  undecodable: "undecodable",
  bypassed: "bypassed",
  skippedRefreshes: "skippedRefreshes",
  barredLoads: "barredLoads",
  updates: "updates",
  failedEnds: "failedEnds",
  held: "held",
  deletes: "deletes",
  invalidations: "invalidations",
  loadMillis: "loadMillis",
  longestLoadMillis: "longestLoadMillis"
}

// All that the object above has.
const names = Object.keys(counters) as ReadonlyArray<Counter>

const combine = (each: (name: Counter) => number, loadTimes: ReadonlyArray<number>): Counts => ({
  // The fields are those that `counters` has, which is all of them.
  ...Object.fromEntries(names.map((name) => [name, each(name)])) as Omit<Counts, "loadTimes">,
  loadTimes
})

/** From the fields of recorders to figures. A figure that a process of another release does not count is 0. */
export const toCounts = (fieldOf: (field: string) => number | undefined, loadTimes: ReadonlyArray<number>): Counts =>
  combine((name) => fieldOf(counters[name]) ?? 0, loadTimes)

const zip = (a: ReadonlyArray<number>, b: ReadonlyArray<number>, f: (a: number, b: number) => number) =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) => f(a[i] ?? 0, b[i] ?? 0))

export const none: Counts = combine(() => 0, [])

export const sum = (a: Counts, b: Counts): Counts =>
  combine(
    (name) => name === "longestLoadMillis" ? Math.max(a[name], b[name]) : a[name] + b[name],
    zip(a.loadTimes, b.loadTimes, (x, y) => x + y)
  )

/** The difference between two readings of one process. The longest load since then is not known. */
export const since = (after: Counts, before: Counts): Counts =>
  combine(
    (name) => name === "longestLoadMillis" ? after[name] : Math.max(0, after[name] - before[name]),
    zip(after.loadTimes, before.loadTimes, (x, y) => Math.max(0, x - y))
  )

export const scale = (counts: Counts, factor: number): Counts =>
  combine(
    (name) => name === "longestLoadMillis" ? counts[name] : counts[name] * factor,
    counts.loadTimes.map((count) => count * factor)
  )
