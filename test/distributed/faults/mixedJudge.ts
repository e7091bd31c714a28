/** Compares what processes did and saw under a mixed load with what a failover may lose. */
import { assert } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import * as Cache from "../../../src/Cache.js"
import { inWindow, type Window } from "../../support/cluster/lossWindows.js"
import type { MixedReport } from "../processes/fleetProtocol.js"
import { countPause } from "./mixedLoad.js"

export interface Limits {
  /** In ms. */
  readonly maxStaleness: number
  readonly keys: number
}

type Acknowledged = ReadonlyArray<{ readonly version: number; readonly acknowledged: number }>

/** By key, the writes that Redis's replication cannot have lost, in the order of versions. */
const solid = (
  reports: ReadonlyArray<MixedReport>,
  windows: ReadonlyArray<Window>
): ReadonlyMap<number, Acknowledged> => {
  const byKey = new Map<number, Array<Acknowledged[number]>>()
  for (const { acknowledged, key, version } of reports.flatMap((report) => report.written)) {
    if (inWindow(windows, acknowledged)) continue
    const versions = byKey.get(key) ?? []
    byKey.set(key, versions)
    versions.push({ version, acknowledged })
  }
  return byKey
}

const judgeReports = (
  reports: ReadonlyArray<MixedReport>,
  windows: ReadonlyArray<Window>,
  { maxStaleness }: Limits
): void => {
  const kept = solid(reports, windows)
  const staleness = reports.flatMap((report) => report.seen).flatMap(({ key, lastBegan, version }) => {
    const next = kept.get(key)?.find((one) => one.version > version)
    // While two servers both believe that they are the master, either may answer with what it has.
    return next === undefined || inWindow(windows, lastBegan) ? [] : [Math.max(0, lastBegan - next.acknowledged)]
  }).sort((a, b) => a - b)
  const lost = reports.flatMap((report) => report.written).filter(({ acknowledged, key, version }) =>
    inWindow(windows, acknowledged) &&
    reports.some((report) =>
      report.seen.some((seen) =>
        seen.key === key && seen.version < version && seen.lastBegan > acknowledged + maxStaleness
      )
    )
  )
  const vanished = reports.flatMap((report) => report.missed).filter(({ began, key }) =>
    !inWindow(windows, began) && kept.get(key)?.some(({ acknowledged }) => acknowledged < began)
  )
  const resurrected = reports.flatMap((report) => report.resurrected)
  const wrong = resurrected.filter(({ acknowledged }) => !inWindow(windows, acknowledged))

  for (const [i, report] of reports.entries()) {
    const failures = Object.entries(report.failures).map(([reason, count]) => `${count} ${reason}`).join(", ")
    const latest = Math.max(0, ...report.late.map(({ millis }) => millis))
    console.log(
      `process ${i}: ${report.operations} operations, ${report.nearHits} reads from memory; ` +
        `failed: ${failures || "none"}; longest without an acknowledged write of a key ${
          report.longestGap.toFixed(0)
        } ms; ` +
        `late by up to ${latest.toFixed(0)} ms, where the process itself stood still for up to ${
          report.lag.toFixed(0)
        } ms`
    )
  }
  console.log(
    `${staleness.length} versions were replaced; the last read began so long after, in ms: half ` +
      `${at(staleness, 0.5)}, 99% ${at(staleness, 0.99)}, at most ${at(staleness, 1)}. Lost by failovers: ` +
      `${lost.length} writes, ${resurrected.length - wrong.length} invalidations`
  )
  for (const report of reports) {
    assert.deepStrictEqual(report.unhandled, [])
    assert.isAbove(report.nearHits, 0)
    for (const { millis, name } of report.late) {
      assert.isBelow(millis, report.lag + 100, `ms by which a ${name} was late`)
    }
  }
  assert.isAbove(staleness.length, 100)
  assert.isBelow(staleness.at(-1)!, maxStaleness, "ms of staleness")
  assert.deepStrictEqual(vanished, [])
  assert.deepStrictEqual(wrong, [])
}

/** Also reads what is stored now. */
export const judge = (reports: ReadonlyArray<MixedReport>, windows: ReadonlyArray<Window>, limits: Limits) =>
  Effect.gen(function*() {
    judgeReports(reports, windows, limits)
    // The stored value is the last acknowledged one, or a later one.
    const versions = Cache.make({ name: "versions", schema: Schema.String })
    const found = yield* Cache.getMany(versions, Array.from({ length: limits.keys }, (_, key) => String(key)))
    for (const [key, acknowledged] of solid(reports, windows)) {
      assert.isAtLeast(Number(found.get(String(key))), acknowledged.at(-1)!.version, `key ${key}`)
    }
    const counts = Cache.counter({ name: "counts" })
    const counters = reports.flatMap((report) => report.counters)
    let lost = 0
    for (const { acknowledged, attempts, key } of counters) {
      const value = Option.getOrElse(yield* Cache.get(counts, key), () => 0)
      assert.isAtMost(value, attempts, `counter ${key} was incremented more often than requested`)
      lost += Math.max(0, acknowledged - value)
    }
    const millis = windows.reduce((sum, { from, to }) => sum + to - from, 0)
    console.log(`${counters.length} counters: ${lost} acknowledged increments lost by failovers`)
    assert.isAtMost(lost, (millis / countPause) * counters.length)
  })

const at = (sorted: ReadonlyArray<number>, part: number): string =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(1)
