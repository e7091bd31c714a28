/** A cluster whose user has exactly the rights that `docs/operations/security.md` lists for clusters. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { readFileSync } from "node:fs"
import { afterAll } from "vitest"
import { slotOf } from "../../../src/internal/redis/cluster/slots.js"
import { patientTimeout, startCluster } from "../../support/redisCluster.js"

const cluster = await startCluster(patientTimeout)
afterAll(() => cluster.stop())

const lines =
  readFileSync(new URL("../../../docs/operations/security.md", import.meta.url), "utf8").match(/^user app .*$/gm) ?? []
const rules = lines.find((line) => line.includes("cluster|slots"))!.split(" ").slice(2)

const userWithout = async (name: string, ...commands: ReadonlyArray<string>): Promise<void> => {
  for (const { client } of cluster.nodes) {
    await client.call("ACL", "SETUSER", name, ...rules.filter((rule) => !commands.includes(rule)))
  }
}

const as = (username: string, options: RedisLayer.ClusterOptions = {}) =>
  RedisLayer.layerCluster(cluster.addresses, { username, password: "secret", prefix: "app:", ...options })

const things = Cache.make({ name: "things", near: { capacity: 100 } })

describe("a user of a cluster with only the required rights", () => {
  it.scopedLive("can run all operations, and near copies", () =>
    Effect.gen(function*() {
      yield* Effect.promise(() => userWithout("app"))
      yield* Effect.gen(function*() {
        const keys = Array.from({ length: 20 }, (_, i) => `${i}`)
        yield* Cache.setMany(things, keys.map((key) => [key, key]))
        assert.strictEqual((yield* Cache.getMany(things, keys)).size, 20)
        assert.strictEqual(yield* Cache.getOrSet(things, "loaded", Effect.succeed(1)), 1)
        assert.deepStrictEqual(yield* Cache.modify(things, "0", () => Option.some("x")), Option.some("x"))
        yield* Effect.repeat(Effect.delay(Cache.get(things, "1"), 5), {
          until: () => Effect.map(Cache.stats(things), ({ nearHits }) => nearHits > 2)
        })
        assert.strictEqual(yield* Stream.runCount(Cache.keys(things)), 21)
        assert.strictEqual(yield* Cache.flush(things), 21)
      }).pipe(Effect.provide(as("app", { tracking: "required" })))
    }), 30_000)

  it.scopedLive("lists keys twice if it cannot see whether they move", () =>
    Effect.gen(function*() {
      yield* Effect.promise(() => userWithout("blind", "+cluster|nodes"))
      yield* Effect.gen(function*() {
        yield* Cache.setMany(things, [["a", 1], ["b", 2]])
        assert.deepStrictEqual([...yield* Stream.runCollect(Cache.keys(things))].sort(), ["a", "a", "b", "b"])
        assert.strictEqual(yield* Cache.flush(things), 2)
      }).pipe(Effect.provide(as("blind")))
    }), 30_000)

  it.scopedLive("needs the right to read the cluster's map", () =>
    Effect.gen(function*() {
      yield* Effect.promise(() => userWithout("mapless", "+cluster|slots"))
      const error = yield* Effect.flip(Layer.build(as("mapless")))
      assert.strictEqual(error.reason, "Auth")
    }), 30_000)

  it.scopedLive("needs the right to ask where a slot moves to", () =>
    Effect.gen(function*() {
      yield* Effect.promise(() => userWithout("shy", "+asking"))
      const bold = yield* Layer.build(as("app"))
      const shy = yield* Layer.build(as("shy"))
      const slot = slotOf("app:things:a")
      const from = yield* Effect.promise(() => cluster.masterOf(slot))
      const to = (yield* Effect.promise(cluster.masters)).find(({ id }) => id !== from.id)!
      const reads: Array<string> = []
      // The key is not there, so the server that gives the slot away redirects the client to the other one.
      const read = (redis: typeof bold) =>
        Effect.runPromise(
          Effect.match(Effect.provide(Cache.get(Cache.make({ name: "things" }), "a"), redis), {
            onFailure: ({ message }) => message,
            onSuccess: String
          })
        )
      yield* Effect.promise(() =>
        cluster.move(slot, to, async () => void reads.push(await read(bold), await read(shy)))
      )
      assert.match(reads[0]!, /None/)
      // The servers redirect it back and forth until its time is over: which of the two is last depends on chance.
      assert.match(reads[1]!, /\(Connection\): (ASK|MOVED)/)
    }), 30_000)
})
