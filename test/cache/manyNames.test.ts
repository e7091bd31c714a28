/** Programs that generate cache names do not fill their own memory or that of their metrics backend. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Metric } from "effect"
import { Cache, Redis, RedisLayer } from "effect-redis-cache"
import { collectGarbage } from "../support/collectGarbage.js"

const namesInMetrics = (prefix: string): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const { metricKey } of Metric.unsafeSnapshot()) {
    const cache = metricKey.tags.find(({ key }) => key === "cache")?.value
    if (cache?.startsWith(prefix) === true || cache === "(other)") names.add(cache)
  }
  return [...names]
}

describe("caches with many different names", () => {
  it.effect("share one name in metrics beyond 1,000, with one warning; each still has its own stats", () => {
    const warnings: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel.label === "WARN") warnings.push(String(message))
    })
    return Effect.gen(function*() {
      const use = (i: number) =>
        Effect.gen(function*() {
          const cache = Cache.make({ name: `tenant-${i}` })
          yield* Cache.get(cache, "a")
          return yield* Cache.stats(cache)
        })
      for (let i = 0; i < 1_200; i++) assert.strictEqual((yield* use(i)).misses, 1)
      assert.strictEqual(namesInMetrics("tenant-").length, 1_001)
      assert.include(namesInMetrics("tenant-"), "(other)")
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], "tenant-1000")
      assert.include(warnings[0], "cache=\"(other)\"")
      // The caches that got a name of their own keep it.
      yield* use(0)
      assert.strictEqual(namesInMetrics("tenant-").length, 1_001)
    }).pipe(Effect.provide([RedisLayer.layerMemory, Logger.replace(Logger.defaultLogger, logger)]))
  })

  it.effect("also share one name in what an outage leaves behind, beyond the same limit", () => {
    const away = RedisLayer.layerFaulty({ script: () => ({ fail: "Connection" }) }).pipe(
      Layer.provide(RedisLayer.layerMemory)
    )
    return Effect.gen(function*() {
      for (let i = 0; i < 1_200; i++) {
        yield* Cache.set(Cache.make({ name: `missed-${i}`, onRedisError: "bypass" }), "a", "1")
      }
      const counted = Metric.unsafeSnapshot().filter(({ metricKey }) =>
        metricKey.name === "cache.remembered" && metricKey.tags.some(({ value }) => value.startsWith("missed-"))
      )
      assert.strictEqual(counted.length, 1_000)
      // Each cache has its own stats.
      const last = Cache.make({ name: "missed-1199", onRedisError: "bypass" })
      assert.strictEqual((yield* Cache.stats(last)).remembered, 1)
    }).pipe(Effect.provide(away), Logger.withMinimumLogLevel(LogLevel.None))
  })

  it.effect("leave no state of their load limits behind", () =>
    Effect.gen(function*() {
      const { runtime } = yield* Redis.Redis
      const kept = Cache.make({ name: "kept", maxConcurrentLoads: 1 })
      yield* Cache.getOrSet(kept, "a", Effect.succeed("1"))
      let most = 0
      for (let turn = 0; turn < 8; turn++) {
        for (let i = 0; i < 100; i++) {
          const cache = Cache.make({ name: `tenant-${turn}-${i}`, maxConcurrentLoads: 2 })
          yield* Cache.getOrSet(cache, "a", Effect.succeed("1"))
        }
        // Whatever one turn of the event loop has looked up is kept until that turn is over.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        collectGarbage()
        most = Math.max(most, runtime.permits.size)
      }
      assert.isAtMost(most, 400)
      // A cache that is used again gets the same limit back.
      const permits = runtime.permits.of("kept", 1)
      yield* Cache.getOrSet(kept, "b", Effect.succeed("1"))
      assert.strictEqual(runtime.permits.of("kept", 1), permits)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
