/** Which keys remain to be removed, and how many at a time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, TestClock } from "effect"
import { Cache, CacheError, Redis } from "effect-redis-cache"
import { makeService } from "../../../src/internal/cache/runtime.js"
import { memory } from "../../../src/internal/driver/memory.js"
import { MemoryServer } from "../../../src/internal/driver/memoryServer.js"
import { type Doubt, Remembered } from "../../../src/internal/driver/recovery/remembered.js"

/** Commands sent for it over the first connection may still be delivered. */
const doubt = (cache: string): Doubt => ({ cache, now: 0, serverNow: 0, late: true, connections: 1 })

/** With a limit of this many keys, and the sum of what it reported. */
const make = (max: number) => {
  const told = { sum: 0 }
  const remembered = new Remembered("", max, (_, change) => {
    told.sum += change
  })
  /** They are removed, over the second connection. */
  const remove = (now: number, ...keys: ReadonlyArray<string>) => remembered.removed(keys, remembered.begin(), now, 2)
  return { remembered, remove, told }
}

describe("the keys that count", () => {
  it("are the ones not removed yet, without those that are to be removed a second time", () => {
    const { remembered, remove, told } = make(10)
    remembered.remember(["users:a", "users:b"], doubt("users"))
    assert.deepStrictEqual([remembered.count("users"), told.sum], [2, 2])
    remove(100, "users:a", "users:b")
    assert.deepStrictEqual([remembered.count("users"), told.sum, remembered.size], [0, 0, 2])
    assert.isTrue(remembered.isMadeGood)
    assert.isFalse(remembered.hides("users:a"))
    // In doubt once more.
    remembered.remember(["users:a"], doubt("users"))
    assert.deepStrictEqual([remembered.count("users"), told.sum, remembered.size], [1, 1, 2])
    assert.isTrue(remembered.hides("users:a"))
    remembered.wrote(["users:a"], remembered.begin())
    assert.deepStrictEqual([remembered.count("users"), told.sum, remembered.size], [0, 0, 1])
    assert.deepStrictEqual(remembered.due(199), [])
    remove(200, "users:b")
    assert.deepStrictEqual([remembered.count("users"), told.sum, remembered.size], [0, 0, 0])
    assert.isTrue(remembered.idle)
  })

  it("make no room for others if all are to be removed a second time: the next cache is flushed", () => {
    const { remembered, remove, told } = make(1)
    remembered.remember(["users:a"], doubt("users"))
    remove(100, "users:a")
    remembered.remember(["posts:a"], doubt("posts"))
    assert.deepStrictEqual([...remembered.flushes.keys()], ["posts"])
    assert.deepStrictEqual([remembered.count("users"), remembered.count("posts"), told.sum], [0, 0, 0])
  })
})

describe("pages of keys to be removed", () => {
  const plain = Cache.make({ name: "plain", onRedisError: "bypass" })
  const keys = 20_000

  /** How many keys are removed at a time if each answer takes this long. */
  const pages = (millis: number) =>
    Effect.gen(function*() {
      const sizes: Array<number> = []
      const driver = memory(new MemoryServer(), "")
      const error = new CacheError.RedisError({ reason: "Connection", operation: "setMany", cause: new Error("away") })
      const service = yield* makeService({
        ...driver,
        setMany: (writes, reply) => reply.onFailure(error, writes[0]!.key),
        discard: (page) => {
          sizes.push(page.length)
          return Effect.delay(driver.discard(page), millis)
        }
      })
      const pairs = Array.from({ length: keys }, (_, i) => [`k${i}`, i] as const)
      yield* Effect.provideService(Cache.setMany(plain, pairs), Redis.Redis, service)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(sizes.reduce((sum, size) => sum + size, 0), keys)
      assert.isTrue(service.runtime.recovery.remembered.idle)
      return sizes
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

  it.scoped("grow while answers are quick", () =>
    Effect.map(pages(1), (sizes) => assert.deepStrictEqual(sizes, [1_000, 2_000, 4_000, 8_000, 5_000])))

  it.scoped("shrink while answers are slow, so that other commands get their turn", () =>
    Effect.map(pages(300), (sizes) => assert.deepStrictEqual(sizes.slice(0, 5), [1_000, 500, 250, 200, 200])))
})
