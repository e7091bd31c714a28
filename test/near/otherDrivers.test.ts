/** How near copies behave over custom drivers, and over stores that change their mind. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Option, TestClock } from "effect"
import { Cache, CacheError, Redis, RedisLayer } from "effect-redis-cache"
import { makeService } from "../../src/internal/cache/runtime.js"
import type { Driver } from "../../src/internal/driver/driver.js"
import { settle } from "../load/memoryInstances.js"

const users = Cache.make({ name: "users", timeToLive: "1 minute", near: { capacity: 100 } })

/** A `Redis` in memory whose driver is replaced. */
const over = (change: (driver: Driver) => Partial<Driver>) =>
  Effect.map(
    Layer.build(
      Layer.scoped(
        Redis.Redis,
        Effect.flatMap(Redis.Redis, ({ driver }) => makeService({ ...driver, ...change(driver) }))
      )
        .pipe(Layer.provide(RedisLayer.layerMemory))
    ),
    (context) => Context.get(context, Redis.Redis)
  )

const nearHits = Effect.map(Cache.stats(users), (stats) => stats.nearHits)

const warm = Effect.forEach([1, 2, 3], () => Effect.zipRight(Cache.get(users, "42"), settle), { discard: true })

describe("near copies over another driver", () => {
  it.scoped("end with their TTL, whatever its clocks show, even without a heartbeat to measure them", () =>
    Effect.gen(function*() {
      const service = yield* over(() => ({ unsafeMonotonic: (clock) => clock.unsafeCurrentTimeMillis() - 1e9 }))
      yield* Effect.gen(function*() {
        yield* Cache.set(users, "42", "Ada")
        yield* warm
        assert.isAbove(yield* nearHits, 0)
        yield* TestClock.adjust("59 seconds")
        const before = yield* nearHits
        assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.some("Ada"))
        assert.strictEqual(yield* nearHits, before + 1)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.none())
      }).pipe(Effect.provideService(Redis.Redis, service))
    }))

  it.scoped("begin once a store that refused tracking permits it, and each refusal is logged once", () =>
    Effect.gen(function*() {
      let asked = 0
      const refusal = new CacheError.RedisError({ reason: "Auth", operation: "watch", cause: new Error("NOPERM") })
      const warnings: Array<string> = []
      const logger = Logger.make(({ message }) => void warnings.push(String(message)))
      const service = yield* Effect.provide(
        over((driver) => ({ watch: (watcher) => ++asked <= 3 ? Effect.fail(refusal) : driver.watch(watcher) })),
        Logger.replace(Logger.defaultLogger, logger)
      )
      yield* Effect.gen(function*() {
        yield* Cache.set(users, "42", "Ada")
        yield* warm
        assert.strictEqual(yield* nearHits, 0)
        for (let minute = 0; minute < 3; minute++) yield* TestClock.adjust("1 minute")
        assert.strictEqual(asked, 4)
        assert.strictEqual(warnings.length, 1)
        yield* Cache.set(users, "42", "Ada")
        yield* warm
        assert.isAbove(yield* nearHits, 0)
      }).pipe(Effect.provideService(Redis.Redis, service))
    }))
})
