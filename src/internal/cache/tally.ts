/**
 * The figures of all caches of a process on one `Redis`, by name, if the process publishes them. Caches that are made
 * on the fly come and go: only their figures stay.
 */
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { InFlightTable } from "../inFlight/table.js"
import type { Recorder } from "./recorder.js"

/** The most names that are distinguished. A program that generates names would fill the store with figures. */
const maxNames = 500

/** Stands for all further names. No cache has a name with a colon in it. */
export const otherNames = ":others"

/** The numeric fields of a recorder, summed over all recorders of a name. */
export type Sums = Map<string, number>

export interface Totals {
  readonly sums: Sums
  readonly loadTimes: Array<number>
}

interface Kept {
  /** Weak: it lives as long as its definition does. */
  readonly instance: WeakRef<object>
  readonly recorder: Recorder
}

const nothing = (): Totals => ({ sums: new Map(), loadTimes: [] })

const add = ({ loadTimes, sums }: Totals, recorder: Recorder): void => {
  for (const [field, value] of Object.entries(recorder)) {
    if (typeof value !== "number") continue
    const sum = sums.get(field) ?? 0
    sums.set(field, field === "longestLoadMillis" ? Math.max(sum, value) : sum + value)
  }
  for (const [i, count] of recorder.loadTimes.entries()) loadTimes[i] = (loadTimes[i] ?? 0) + count
}

class Cache {
  private readonly gone = nothing()
  private live: Array<Kept> = []

  keep(kept: Kept): void {
    this.live.push(kept)
  }

  totals(): Totals {
    const live = []
    for (const kept of this.live) {
      if (kept.instance.deref() === undefined) add(this.gone, kept.recorder)
      else live.push(kept)
    }
    this.live = live
    const { loadTimes, sums } = this.gone
    const all = { sums: new Map(sums), loadTimes: [...loadTimes] }
    for (const { recorder } of live) add(all, recorder)
    return all
  }
}

export class Tally {
  private readonly caches = new Map<string, Cache>()
  private readonly tables = new Set<InFlightTable>()
  /** Tokens of this process's leases end with it, which shows which process they belong to. */
  readonly mark: Uint8Array

  constructor(random: RandomBytes) {
    this.mark = random.make(3)
  }

  /** Counts the loads of a `Redis` that has this tally. */
  watch(table: InFlightTable): void {
    this.tables.add(table)
  }

  keep(name: string, instance: object, recorder: Recorder): void {
    const known = this.caches.get(name) ?? (this.caches.size < maxNames ? undefined : this.caches.get(otherNames))
    const cache = known ?? new Cache()
    if (known === undefined) this.caches.set(this.caches.size < maxNames ? name : otherNames, cache)
    cache.keep({ instance: new WeakRef(instance), recorder })
  }

  totals(): ReadonlyArray<readonly [name: string, totals: Totals]> {
    return [...this.caches].map(([name, cache]) => [name, cache.totals()])
  }

  /** How many keys are being loaded. */
  get loading(): number {
    let loading = 0
    for (const table of this.tables) loading += table.size
    return loading
  }
}
