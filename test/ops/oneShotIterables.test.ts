import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"

const users = Cache.make({ name: "users", timeToLive: "1 minute" })

/** The first call of this operation fails, as if the answer had not come in time. */
const failingOnce = (operation: string) =>
  RedisLayer.layerFaulty({
    script: (called, _, call) => called === operation && call === 1 ? { fail: "Timeout" } : undefined
  }).pipe(Layer.provide(RedisLayer.layerMemory))

describe("a one-shot iterator, in an effect that is retried", () => {
  it.effect("deletes on the second attempt what it would have deleted on the first", () =>
    Effect.gen(function*() {
      yield* Cache.setMany(users, { ada: 1, bob: 2 })
      const keys = new Set(["ada", "bob"]).values()
      assert.strictEqual(yield* Effect.retry(Cache.deleteMany(users, keys), { times: 1 }), 2)
      assert.deepStrictEqual(yield* Cache.get(users, "ada"), Option.none())
    }).pipe(Effect.provide(failingOnce("remove"))))

  it.effect("writes, reads and loads in the same way", () =>
    Effect.gen(function*() {
      const pairs = new Map([["ada", 1], ["bob", 2]]).entries()
      yield* Effect.retry(Cache.setMany(users, pairs), { times: 1 })
      const found = Cache.getMany(users, new Set(["ada", "bob"]).values())
      assert.strictEqual((yield* found).size, 2)
      assert.strictEqual((yield* found).size, 2)
      const loaded = Cache.getOrSetMany(users, new Set(["ada", "eve"]).values(), (absent) =>
        Effect.succeed(absent.map((key) =>
          [key, 3] as const
        )))
      assert.strictEqual((yield* loaded).size, 2)
      assert.strictEqual((yield* loaded).size, 2)
    }).pipe(Effect.provide(failingOnce("setMany"))))
})
