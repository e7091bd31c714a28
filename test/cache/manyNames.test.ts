/** Programs that make up names of caches fill neither their memory nor the store of their metrics. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Metric } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"

const namesInMetrics = (prefix: string): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const { metricKey } of Metric.unsafeSnapshot()) {
    const cache = metricKey.tags.find(({ key }) => key === "cache")?.value
    if (cache?.startsWith(prefix) === true || cache === "(other)") names.add(cache)
  }
  return [...names]
}

describe("many names of caches", () => {
  it.effect("share one in metrics beyond 1,000, which is said once; each has its own stats", () => {
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
      // Those that had a name of their own keep it.
      yield* use(0)
      assert.strictEqual(namesInMetrics("tenant-").length, 1_001)
    }).pipe(Effect.provide([RedisLayer.layerMemory, Logger.replace(Logger.defaultLogger, logger)]))
  })
})
