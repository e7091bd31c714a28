/** Two processes on a cluster whose masters are killed, stopped and replaced, and whose slots move. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Option, Random, Schema } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { slotOf } from "../../src/internal/store/ioredis/slots.js"
import * as RedisCluster from "../support/redisCluster.js"
import { uniquePrefix } from "../support/sharedRedis.js"
import * as Fleet from "./fleet.js"
import { type MixedReport, now } from "./protocol.js"

const forMillis = Number(process.env.CLUSTER_MILLIS ?? 60_000)
const maxStaleness = 500
const commandTimeout = 500
const keys = 40
/**
 * What a master acknowledged so long before it was killed may not have reached its replica. Redis's replication takes
 * milliseconds here; what is lost that is older than this would be a mistake of ours.
 */
const replicationWindow = 1_000

interface Window {
  readonly from: number
  readonly to: number
}

layer(Fleet.layer, { excludeTestServices: true })("a fleet on a cluster", (it) => {
  it.scoped(
    "keeps what was acknowledged, is not stale beyond the bound, and answers in time, whatever happens to servers",
    () =>
      Effect.gen(function*() {
        const fleet = yield* Fleet.Fleet
        const cluster = yield* RedisCluster.make()
        const prefix = uniquePrefix()
        const cache = { name: "versions", near: { capacity: 1_000, maxStaleness } }
        const workers = yield* fleet.connect(2, { nodes: cluster.addresses, prefix, cache, commandTimeout })
        const loading = yield* Effect.fork(Fleet.everyone(workers, (owner) => ({
          op: "mixed",
          forMillis,
          keys,
          owner,
          owners: workers.length,
          commandTimeout
        })))

        const windows: Array<Window> = []
        const done = new Map<string, number>()
        const someMaster = async () => {
          const masters = await cluster.masters()
          return masters[Math.floor(Math.random() * masters.length)]!
        }
        /** Until a replica has taken its place. */
        const lose = (node: RedisCluster.Node, act: () => unknown) => {
          const at = now()
          windows.push({ from: at - replicationWindow, to: at })
          return Promise.resolve(act()).then(() => cluster.replaced(node))
        }
        const faults = {
          "killed a master": async () => {
            const master = await someMaster()
            await lose(master, () => master.server.kill())
            await master.server.restart()
          },
          "stopped a master until it was replaced": async () => {
            const master = await someMaster()
            await lose(master, () => master.server.pause())
            master.server.resume()
          },
          "promoted a replica": async () => {
            const masters = await cluster.masters()
            await cluster.promote(cluster.nodes.find((node) => !masters.includes(node))!)
          },
          "moved slots and back": async () => {
            const slots = Array.from({ length: 8 }, (_, key) => slotOf(`${prefix}versions:${key}`))
            const homes = await Promise.all(slots.map((slot) => cluster.masterOf(slot)))
            const masters = await cluster.masters()
            for (const [i, slot] of slots.entries()) {
              const pause = () => new Promise((resolve) => setTimeout(resolve, 50))
              await cluster.move(slot, masters.find((node) => node !== homes[i])!, pause)
            }
            for (const [i, slot] of slots.entries()) await cluster.move(slot, homes[i]!)
          }
        }
        const trouble = Effect.gen(function*() {
          for (let round = 0;; round++) {
            for (const [name, fault] of yield* Random.shuffle(Object.entries(faults))) {
              yield* Effect.sleep("1 second")
              yield* Effect.uninterruptible(Effect.promise(() => fault().then(cluster.settled)))
              done.set(name, (done.get(name) ?? 0) + 1)
            }
          }
        })
        const troubling = yield* Effect.fork(trouble)
        const reports = yield* Fiber.join(loading)
        yield* Fiber.interrupt(troubling)

        const told = [...done].map(([name, count]) => `${name} ${count}x`).join(", ")
        console.log(`${forMillis / 1000} s: ${told || "nothing happened"}`)
        judge(reports, windows)

        // What is there now is what was acknowledged last, or something later.
        const versions = Cache.make({ name: "versions", schema: Schema.String })
        const counts = Cache.counter({ name: "counts" })
        const reader = RedisLayer.layerCluster(cluster.addresses, { prefix })
        const found = yield* Cache.getMany(versions, Array.from({ length: keys }, (_, key) => String(key))).pipe(
          Effect.provide(reader)
        )
        for (const [key, acknowledged] of solid(reports, windows)) {
          assert.isAtLeast(Number(found.get(String(key))), acknowledged.at(-1)!.version, `key ${key}`)
        }
        const counters = reports.flatMap((report) => report.counters)
        let lost = 0
        for (const { acknowledged, attempts, key } of counters) {
          const value = Option.getOrElse(yield* Effect.provide(Cache.get(counts, key), reader), () => 0)
          assert.isAtMost(value, attempts, `counter ${key} was incremented more often than anybody asked`)
          lost += Math.max(0, acknowledged - value)
        }
        console.log(`${counters.length} counters: ${lost} acknowledged increments lost by failovers`)
        assert.isAtMost(lost, windows.length * counters.length * 50)
      }),
    forMillis + 120_000
  )
})

type Acknowledged = ReadonlyArray<{ readonly version: number; readonly acknowledged: number }>

const inWindow = (windows: ReadonlyArray<Window>, at: number): boolean =>
  windows.some(({ from, to }) => from <= at && at <= to)

/** By key, what Redis's replication cannot have lost, in the order of versions. */
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

const judge = (reports: ReadonlyArray<MixedReport>, windows: ReadonlyArray<Window>): void => {
  const kept = solid(reports, windows)
  const staleness = reports.flatMap((report) => report.seen).flatMap(({ key, lastBegan, version }) => {
    const next = kept.get(key)?.find((one) => one.version > version)
    return next === undefined ? [] : [Math.max(0, lastBegan - next.acknowledged)]
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
    kept.get(key)?.some(({ acknowledged }) => acknowledged < began)
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
      `${at(staleness, 0.5)}, 99% ${at(staleness, 0.99)}, at most ${at(staleness, 1)}. Lost by failovers, all in the ` +
      `second before: ${lost.length} writes, ${resurrected.length - wrong.length} invalidations`
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

const at = (sorted: ReadonlyArray<number>, part: number): string =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(1)
