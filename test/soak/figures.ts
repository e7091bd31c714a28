/** What a soak counted, and how it is printed. */
import type { Batch, TargetName, Told } from "./protocol.js"
import { invariants, type Verdicts } from "./verdicts.js"

const add = (sums: Map<string, number>, name: string, count: number): void =>
  void sums.set(name, (sums.get(name) ?? 0) + count)

export class Figures {
  private readonly operations = new Map<string, number>()
  private readonly failures = new Map<string, number>()
  private readonly badInputs = new Map<string, number>()
  private readonly faults = new Map<string, number>()
  private readonly longestGap: Record<TargetName, number> = { single: 0, cluster: 0 }
  private readonly lag = new Map<number, number>()
  private readonly heaps = new Map<number, Array<number>>()
  private nearHits = 0

  hear({ by, heap, lag, told }: Batch): void {
    this.hearTold("single", told.single)
    this.hearTold("cluster", told.cluster)
    this.lag.set(by, lag)
    if (heap !== undefined) this.heaps.set(by, [...this.heaps.get(by) ?? [], heap])
  }

  private hearTold(target: TargetName, told: Told): void {
    for (const [kind, count] of Object.entries(told.operations)) add(this.operations, kind, count)
    for (const [kind, count] of Object.entries(told.badInputs)) add(this.badInputs, kind, count)
    for (const { count, reason } of told.failures) add(this.failures, reason, count)
    this.longestGap[target] = Math.max(this.longestGap[target], told.longestGap)
    this.nearHits += told.nearHits
  }

  fault(target: string, name: string): void {
    add(this.faults, `${target}: ${name}`, 1)
  }

  get totals() {
    const sum = (counts: Map<string, number>) => [...counts.values()].reduce((total, count) => total + count, 0)
    return {
      operations: sum(this.operations),
      failures: sum(this.failures),
      faults: sum(this.faults),
      badInputs: sum(this.badInputs)
    }
  }

  /**
   * By process: how much the heap has grown from the second quarter of its measurements, when everything that it will
   * load is loaded, to the last one.
   */
  heapGrowth(): ReadonlyArray<{ readonly by: number; readonly early: number; readonly late: number }> {
    const mean = (all: ReadonlyArray<number>) => all.reduce((sum, one) => sum + one, 0) / all.length
    return [...this.heaps].filter(([, all]) => all.length > 1).map(([by, all]) => {
      const quarter = Math.max(1, Math.floor(all.length / 4))
      return { by, early: mean(all.slice(quarter, 2 * quarter)), late: mean(all.slice(-quarter)) }
    })
  }

  table(seconds: number, staleness: Readonly<Record<TargetName, ReadonlyArray<number>>>, evicted: number): string {
    const { badInputs, failures, faults, operations } = this.totals
    const counts = (all: Map<string, number>) =>
      [...all].sort(([, a], [, b]) => b - a).map(([name, count]) =>
        `  ${count.toLocaleString("en").padStart(10)} ${name}`
      )
    const staleLine = (name: TargetName) => {
      const counted = staleness[name]
      const at = (part: number) => percentile(counted, part)
      return `  ${name}: ${total(counted).toLocaleString("en")} reads of a version that had been replaced; half ` +
        `${at(0.5)}, 99% ${at(0.99)}, 99.9% ${at(0.999)}, at most ${at(1)} ms after`
    }
    return [
      `operations: ${operations.toLocaleString("en")} in ${seconds.toFixed(0)} s, ` +
      `${Math.round(operations / seconds).toLocaleString("en")} a second; ` +
      `${this.nearHits.toLocaleString("en")} reads from near copies`,
      ...counts(this.operations),
      `failed: ${failures.toLocaleString("en")} (${(100 * failures / operations).toFixed(2)}%)`,
      ...counts(this.failures),
      `faults: ${faults.toLocaleString("en")}`,
      ...counts(this.faults),
      `  ${evicted.toLocaleString("en").padStart(10)} keys evicted`,
      `bad inputs: ${badInputs.toLocaleString("en")}`,
      ...counts(this.badInputs),
      "staleness of near copies:",
      staleLine("single"),
      staleLine("cluster"),
      `longest time between two acknowledged writes of a key: single ${this.longestGap.single.toFixed(0)} ms, ` +
      `cluster ${this.longestGap.cluster.toFixed(0)} ms`,
      ...this.heapGrowth().map(({ by, early, late }) =>
        `heap of process ${by}: ${megabytes(early)} early, ${megabytes(late)} late; it stood still for up to ` +
        `${this.lag.get(by)?.toFixed(0)} ms`
      )
    ].join("\n")
  }
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const total = (counted: ReadonlyArray<number>): number => counted.reduce((sum, count) => sum + (count ?? 0), 0)

/** A quantile from the number of values per whole ms. */
const percentile = (counted: ReadonlyArray<number>, part: number): string => {
  const all = total(counted)
  if (all === 0) return "-"
  let sum = 0
  for (const [millis, count] of counted.entries()) {
    sum += count ?? 0
    if (sum >= all * part) return String(millis)
  }
  return String(counted.length - 1)
}

/** A line for each invariant, and its violations; the closing line comes last. */
export const closing = (verdicts: Verdicts): string => {
  const lines: Array<string> = ["invariants:"]
  let passed = 0
  for (const [name, { checks, told, wrong }] of verdicts.all) {
    const holds = verdicts.passes(name)
    if (holds) passed++
    lines.push(`  ${holds ? "ok    " : "FAILED"} ${invariants[name]}: ${describe(checks, wrong)}`)
    for (const detail of told) lines.push(`           ${detail}`)
  }
  return [...lines, `${passed} passed, ${verdicts.all.size - passed} failed`].join("\n")
}

const describe = (checks: number, wrong: number): string =>
  `looked at ${checks.toLocaleString("en")} times${wrong === 0 ? "" : `, wrong ${wrong.toLocaleString("en")} times`}`
