/** Every promise of a driver, on a cluster of three masters and three replicas. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { Cluster } from "ioredis"
import { afterAll } from "vitest"
import { drain } from "../../contract/drain.js"
import { contract } from "../../contract/suite.js"
import { patientTimeout, startCluster } from "../../support/redisCluster.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const cluster = await startCluster(patientTimeout)
const client = new Cluster([...cluster.addresses])
afterAll(async () => {
  client.disconnect()
  await cluster.stop()
})

contract("RedisLayer.layerCluster", (prefix) => RedisLayer.layerCluster(cluster.addresses, { prefix }), "server")
contract(
  "RedisLayer.layerFromClient of a Cluster",
  (prefix) => RedisLayer.layerFromClient(client, { prefix }),
  "server"
)

drain("a cluster", (prefix) => RedisLayer.layerCluster(cluster.addresses, { prefix }))

describe("a Cluster client on which its owner has an open MULTI to one of the nodes", () => {
  it.scopedLive("fails the commands that go to that node, says why, and works again after it", () =>
    Effect.gen(function*() {
      const things = Cache.make({ name: "things" })
      const keys = Array.from({ length: 30 }, (_, i) => `${i}`)
      const each = <E, R>(effect: (key: string) => Effect.Effect<unknown, E, R>) =>
        Effect.forEach(keys, (key) => Effect.either(effect(key)), { concurrency: "unbounded" })
      yield* Effect.gen(function*() {
        yield* Cache.setMany(things, keys.map((key) => [key, 1]))
        const node = client.nodes("master")[0]!
        yield* Effect.promise(() => node.multi({ pipeline: false }))
        for (
          const results of [
            yield* each((key) => Cache.get(things, key)),
            yield* each((key) => Cache.set(things, key, 2)),
            yield* each((key) => Cache.getOrSet(things, `${key}!`, Effect.succeed(1)))
          ]
        ) {
          const failures = results.filter(Either.isLeft).map(({ left }) => left)
          assert.isTrue(failures.length > 0 && failures.length < keys.length, `${failures.length}`)
          for (const error of failures) assert.match(error.message, /Command.*QUEUED.*MULTI/)
        }
        yield* Effect.promise(() => node.discard())
        for (const result of yield* each((key) => Cache.get(things, key))) assert.isTrue(Either.isRight(result))
      }).pipe(
        Effect.provide(RedisLayer.layerFromClient(client, { prefix: uniquePrefix(), commandTimeout: "20 seconds" }))
      )
    }))
})
