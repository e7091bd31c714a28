/** Near copies on a cluster: the feed listens to every master, and follows when masters change. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { Cluster } from "ioredis"
import { afterAll } from "vitest"
import { slotOf } from "../../../src/internal/redis/cluster/slots.js"
import { nearCopies, untilCopied, users } from "../../contract/nearCopies.js"
import { open, until } from "../../support/onRedis.js"
import { startCluster } from "../../support/redisCluster.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const cluster = await startCluster()
const { addresses } = cluster
afterAll(() => cluster.stop())

const clusterClient = Effect.acquireRelease(
  Effect.sync(() => new Cluster([...addresses])),
  (opened) => Effect.sync(() => opened.disconnect())
)

nearCopies("layerCluster", (prefix) => RedisLayer.layerCluster(addresses, { prefix }), clusterClient)
nearCopies(
  "layerFromClient of a Cluster",
  (prefix) =>
    Layer.unwrapScoped(Effect.map(clusterClient, (borrowed) => RedisLayer.layerFromClient(borrowed, { prefix }))),
  clusterClient
)

/** Keys of the cache `users` in the slots of all masters. */
const spread = Array.from({ length: 30 }, (_, i) => `k${i}`)

describe("near copies on a cluster", () => {
  const setUp = Effect.gen(function*() {
    const prefix = uniquePrefix()
    const layer = RedisLayer.layerCluster(addresses, { prefix, commandTimeout: "500 millis" })
    const reader = yield* open(layer)
    const writer = yield* open(layer)
    const write = (value: unknown) =>
      Effect.forEach(
        spread,
        (key) => Effect.eventually(writer.run(Cache.set(users, key, value))),
        { concurrency: "unbounded" }
      )
    const copied = Effect.forEach(spread, (key) => untilCopied(users, key, reader.run), { concurrency: "unbounded" })
    /** Reads all keys until memory answers, whichever master has them. */
    const reads = (value: unknown) =>
      Effect.forEach(spread, (key) =>
        until(Effect.map(
          Effect.option(reader.run(Cache.get(users, key))),
          (found) => Option.getOrUndefined(Option.flatten(found)) === value
        )), { concurrency: "unbounded" })
    return { prefix, reader, writer, write, copied, reads }
  })

  it.scopedLive("are kept of the keys of all masters", () =>
    Effect.gen(function*() {
      const { copied, prefix, reads, write } = yield* setUp
      const masters = new Set(
        yield* Effect.promise(() => Promise.all(spread.map((key) => cluster.masterOf(slotOf(`${prefix}users:${key}`)))))
      )
      assert.strictEqual(masters.size, 3)
      for (let n = 0; n < 5; n++) {
        yield* write(n)
        yield* copied
        yield* write(`${n}!`)
        yield* reads(`${n}!`)
      }
    }), 20_000)

  it.scopedLive("are not served while one master is silent, and come back with it", () =>
    Effect.gen(function*() {
      const { copied, reader: { run }, write } = yield* setUp
      yield* write(1)
      yield* copied
      const silent = (yield* Effect.promise(() => cluster.masters())).at(-1)
      silent!.server.pause()
      const nearHits = Effect.map(run(Cache.stats(users)), (stats) => stats.nearHits)
      yield* until(Effect.gen(function*() {
        const before = yield* nearHits
        yield* Effect.forEach(spread, (key) => Effect.option(run(Cache.get(users, key))), { concurrency: "unbounded" })
        return (yield* nearHits) === before
      }))
      silent!.server.resume()
      yield* Effect.promise(() => cluster.settled())
      yield* copied
    }), 30_000)

  it.scopedLive("follow slots that move, and a replica that is promoted", () =>
    Effect.gen(function*() {
      const { copied, prefix, reads, write } = yield* setUp
      const slot = slotOf(`${prefix}users:k0`)
      for (let n = 0; n < 3; n++) {
        yield* write(n)
        yield* copied
        const from = yield* Effect.promise(() => cluster.masterOf(slot))
        yield* Effect.promise(async () =>
          cluster.move(slot, (await cluster.masters()).find((master) => master !== from)!)
        )
        // Only the writer has sent anything since.
        yield* write(`${n}!`)
        yield* reads(`${n}!`)
      }
      yield* copied
      const masters = yield* Effect.promise(() => cluster.masters())
      const replica = cluster.nodes.find((node) => !masters.includes(node))!
      yield* Effect.promise(() => cluster.promote(replica))
      yield* write("promoted")
      yield* reads("promoted")
      yield* copied
      yield* write("heard")
      yield* reads("heard")
      // No process listens to the former master any more.
      const now = yield* Effect.promise(() => cluster.masters())
      yield* Effect.promise(() => masters.find((master) => !now.includes(master))!.server.kill())
      yield* copied
    }), 30_000)
})
