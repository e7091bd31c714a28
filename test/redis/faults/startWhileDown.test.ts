/** A program that starts before its Redis does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, ManagedRuntime, Option } from "effect"
import { Cache, Memo, type Redis, RedisLayer } from "effect-redis-cache"
import { until } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"

describe("a ManagedRuntime with a lazy layer", () => {
  it.scopedLive("starts while Redis is down, and caches once Redis is up", () =>
    Effect.gen(function*() {
      // Its port is known before it listens.
      const server = yield* RedisServer.make()
      yield* Effect.promise(() => server.kill())
      const runtime = yield* Effect.acquireRelease(
        Effect.sync(() => ManagedRuntime.make(RedisLayer.layer({ url: server.url, lazy: true }))),
        (made) => made.disposeEffect
      )
      const promise = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
        Effect.promise(() => runtime.runPromise(effect))
      let loads = 0
      const square = Memo.cached((n: number) => Effect.sync(() => (loads++, n * n)), {
        name: "square",
        timeToLive: "1 minute",
        onRedisError: "bypass"
      })
      assert.strictEqual(yield* promise(square(12)), 144)
      assert.strictEqual(yield* promise(square(12)), 144)
      assert.strictEqual(loads, 2)
      // Operations without bypass fail with a typed error, and the runtime continues to work.
      const strict = Cache.make({ name: "strict" })
      assert.strictEqual((yield* promise(Effect.flip(Cache.get(strict, "a"))))._tag, "RedisError")

      yield* Effect.promise(() => server.restart())
      yield* until(Effect.map(promise(Effect.option(Cache.set(strict, "a", "1"))), Option.isSome))
      yield* promise(square(12))
      const before = loads
      assert.strictEqual(yield* promise(square(12)), 144)
      assert.strictEqual(loads, before)
      assert.deepStrictEqual(yield* promise(Cache.get(strict, "a")), Option.some("1"))
    }))
})
