/** A load over an entry that is about to expire keeps its lease until it has filled. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"

describe("a lease in the slot of an entry", () => {
  it.effect("outlasts the entry: the load's value is stored", () =>
    Effect.gen(function*() {
      const users = Cache.make({ name: "users", timeToLive: "1 second" })
      yield* Cache.set(users, "42", "old")
      yield* TestClock.adjust("900 millis")
      const refreshed = yield* Effect.fork(
        Cache.refresh(users, "42", Effect.delay(Effect.succeed("new"), "500 millis"))
      )
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(refreshed), "new")
      assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.some("new"))
      assert.strictEqual((yield* Cache.stats(users)).refusedFills, 0)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("hides the old value from no caller before its end, and shows it to none after", () =>
    Effect.gen(function*() {
      const users = Cache.make({ name: "users", timeToLive: "1 second" })
      yield* Cache.set(users, "42", "old")
      yield* TestClock.adjust("900 millis")
      const refreshed = yield* Effect.fork(
        Cache.refresh(users, "42", Effect.delay(Effect.succeed("new"), "1 minute"))
      )
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.some("old"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.none())
      yield* Fiber.interrupt(refreshed)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("is held by one of two processes until the end of the windows, and beyond", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const users = Cache.make({ name: "users", timeToLive: "1 second", staleIfError: "1 second" })
      let loads = 0
      const load = Effect.delay(Effect.sync(() => `v${++loads}`), "500 millis")
      const call = Effect.provide(Cache.getOrSet(users, "42", load), RedisLayer.layerMemoryServer(server))
      yield* Effect.provide(Cache.set(users, "42", "old"), RedisLayer.layerMemoryServer(server))
      yield* TestClock.adjust("1900 millis")
      const first = yield* Effect.fork(call)
      yield* TestClock.adjust("150 millis")
      const second = yield* Effect.fork(call)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["v1", "v1"])
      assert.strictEqual(loads, 1)
    }))
})
