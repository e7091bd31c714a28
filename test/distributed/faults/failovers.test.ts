/** Two processes under a mixed load while masters are killed, suspended and replaced, and slots move. */
import { layer } from "@effect/vitest"
import { Effect, Fiber, type Layer, Random } from "effect"
import { type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import { clusterFaults } from "../../support/cluster/clusterFaults.js"
import { replicationWindow, type Window } from "../../support/cluster/lossWindows.js"
import { now } from "../../support/processes/now.js"
import * as RedisCluster from "../../support/redisCluster.js"
import * as RedisSentinel from "../../support/redisSentinel.js"
import { uniquePrefix } from "../../support/sharedRedis.js"
import * as Fleet from "../processes/fleet.js"
import type { Target } from "../processes/fleetProtocol.js"
import { judge } from "./mixedJudge.js"

const forMillis = Number(process.env.FAILOVER_MILLIS ?? 45_000)
const maxStaleness = 500
const commandTimeout = 500
const keys = 40

/**
 * How long processes may take, in ms, to hear of a new master that every sentinel already names. Until then, the old
 * master acknowledges writes that will be lost, and is empty if it was restarted.
 */
const hearingWindow = 1_000

/** A fault of the servers, by name. Each one ends when the servers are healthy again. */
type Faults = (prefix: string, windows: Array<Window>) => Readonly<Record<string, () => Promise<void>>>

/** Puts two processes under load, runs all faults in random order, and judges what the processes saw. */
const through = (
  target: Target,
  faults: Faults,
  reader: (prefix: string) => Layer.Layer<Redis.Redis, CacheError.RedisError>
) =>
  Effect.gen(function*() {
    const fleet = yield* Fleet.Fleet
    const prefix = uniquePrefix()
    const cache = { name: "versions", near: { capacity: 1_000, maxStaleness } }
    const workers = yield* fleet.connect(2, { ...target, prefix, cache })
    const owners = workers.length
    const loading = yield* Effect.fork(
      Fleet.everyone(workers, (owner) => ({ op: "mixed", forMillis, keys, owner, owners, commandTimeout }))
    )
    const windows: Array<Window> = []
    const done = new Map<string, number>()
    const troubling = yield* Effect.fork(Effect.forever(Effect.gen(function*() {
      for (const [name, fault] of yield* Random.shuffle(Object.entries(faults(prefix, windows)))) {
        yield* Effect.sleep("1 second")
        yield* Effect.uninterruptible(Effect.promise(fault))
        done.set(name, (done.get(name) ?? 0) + 1)
      }
    })))
    const reports = yield* Fiber.join(loading)
    yield* Fiber.interrupt(troubling)
    console.log(`${forMillis / 1000} s: ${[...done].map(([name, count]) => `${name} ${count}x`).join(", ")}`)
    yield* Effect.provide(judge(reports, windows, { maxStaleness, keys }), reader(prefix))
  })

const promise =
  "keeps acknowledged writes, is not stale beyond the bound, and answers in time, whatever happens to the servers"

layer(Fleet.layer, { excludeTestServices: true })("a fleet on a cluster", (it) => {
  it.scoped(promise, () =>
    Effect.gen(function*() {
      const cluster = yield* RedisCluster.make()
      const faults: Faults = (prefix, windows) =>
        clusterFaults(cluster, Array.from({ length: 8 }, (_, key) => `${prefix}versions:${key}`), windows)
      yield* through(
        { nodes: cluster.addresses, commandTimeout },
        faults,
        (prefix) => RedisLayer.layerCluster(cluster.addresses, { prefix })
      )
    }), forMillis + 120_000)
})

layer(Fleet.layer, { excludeTestServices: true })("a fleet behind sentinels", (it) => {
  it.scoped(promise, () =>
    Effect.gen(function*() {
      const sentinel = yield* RedisSentinel.make()
      const faults: Faults = (_, windows) => {
        /** Until another server is the master, and processes have heard of it. */
        const lose = async (act: () => unknown, mend: () => unknown) => {
          const window = { from: now() - replicationWindow, to: Infinity }
          windows.push(window)
          const before = await sentinel.master()
          await act()
          await sentinel.replaced(before)
          window.to = now() + hearingWindow
          await mend()
          await sentinel.settled()
        }
        return {
          "killed the master": async () => {
            const master = await sentinel.master()
            await lose(() => master.kill(), () => master.restart())
          },
          "stopped the master until it was replaced": async () => {
            const master = await sentinel.master()
            await lose(() => master.pause(), () => master.resume())
          },
          "handed over by hand": () => lose(() => sentinel.failover(), () => {})
        }
      }
      yield* through(
        { ...sentinel.options, commandTimeout },
        faults,
        (prefix) => RedisLayer.layer({ ...sentinel.options, prefix })
      )
    }), forMillis + 120_000)
})
