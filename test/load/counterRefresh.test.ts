import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"

const hits = Cache.counter({ name: "hits", timeToLive: "1 day" })

describe("refreshing a counter", () => {
  it.effect("replaces the count with the computed one", () =>
    Effect.gen(function*() {
      yield* Cache.increment(hits, "home", 41)
      assert.strictEqual(yield* Cache.refresh(hits, "home", Effect.succeed(7)), 7)
      assert.deepStrictEqual(yield* Cache.get(hits, "home"), Option.some(7))
      assert.strictEqual(yield* Cache.refresh(hits, "new", Effect.succeed(1)), 1)
      assert.deepStrictEqual(yield* Cache.get(hits, "new"), Option.some(1))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("removes the count if the new one is not to be stored", () =>
    Effect.gen(function*() {
      const low = Cache.counter({ name: "low", timeToLive: (count) => count > 5 ? 0 : "1 day" })
      yield* Cache.increment(low, "home", 3)
      assert.strictEqual(yield* Cache.refresh(low, "home", Effect.succeed(10)), 10)
      assert.deepStrictEqual(yield* Cache.get(low, "home"), Option.none())
      assert.strictEqual((yield* Cache.stats(low)).writes, 1)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("keeps the count if the load fails", () =>
    Effect.gen(function*() {
      yield* Cache.increment(hits, "home", 41)
      assert.strictEqual(yield* Effect.flip(Cache.refresh(hits, "home", Effect.fail("down"))), "down")
      assert.deepStrictEqual(yield* Cache.get(hits, "home"), Option.some(41))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("keeps an increment that came during the load", () =>
    Effect.gen(function*() {
      yield* Cache.increment(hits, "home", 41)
      const refreshed = yield* Effect.fork(
        Cache.refresh(hits, "home", Effect.delay(Effect.succeed(7), "1 second"))
      )
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Cache.increment(hits, "home", 1), 42)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(refreshed), 7)
      assert.deepStrictEqual(yield* Cache.get(hits, "home"), Option.some(42))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
