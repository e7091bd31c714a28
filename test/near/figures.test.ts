/** The number of near copies, as metrics show it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, type MetricState } from "effect"
import { Cache, CacheMetrics, RedisLayer } from "effect-redis-cache"
import { collectGarbage } from "../support/collectGarbage.js"
import { until } from "../support/onRedis.js"

const count = (metric: Metric.Metric.Counter<number>, cache: string): Effect.Effect<number> =>
  Effect.map(
    Metric.value(Metric.tagged(Metric.tagged(metric, "cache", cache), "tier", "near")),
    ({ count }: MetricState.MetricState.Counter<number>) => count
  )

const fill = (cache: Cache.Cache<string, unknown>, keys: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* Cache.setMany(cache, keys.map((key) => [key, key] as const))
    // The first read asks for a proof that changes arrive.
    yield* until(Effect.map(
      Effect.zipRight(Effect.forEach(keys, (key) => Cache.get(cache, key)), Cache.stats(cache)),
      ({ nearHits }) => nearHits > 0
    ))
  })

describe("near copies in metrics", () => {
  it.live("are counted as they come and go, and are zero once the layer has closed", () =>
    Effect.gen(function*() {
      const cache = Cache.make({ name: "sized", near: { capacity: 2 } })
      yield* Effect.gen(function*() {
        yield* fill(cache, ["a", "b"])
        assert.strictEqual(yield* count(CacheMetrics.nearEntries, "sized"), 2)
        assert.strictEqual(yield* count(CacheMetrics.nearEvictions, "sized"), 0)
        yield* Cache.set(cache, "c", "c")
        yield* Cache.get(cache, "c")
        assert.strictEqual(yield* count(CacheMetrics.nearEntries, "sized"), 2)
        assert.strictEqual(yield* count(CacheMetrics.nearEvictions, "sized"), 1)
        yield* Cache.delete(cache, "c")
        assert.strictEqual(yield* count(CacheMetrics.nearEntries, "sized"), 1)
      }).pipe(Effect.provide(RedisLayer.layerMemory))
      assert.strictEqual(yield* count(CacheMetrics.nearEntries, "sized"), 0)
    }))

  it.live("have a size if it is bounded", () =>
    Effect.gen(function*() {
      const cache = Cache.make({ name: "weighed", near: { maxBytes: 100_000 } })
      yield* fill(cache, ["a", "b"])
      assert.isAbove(yield* count(CacheMetrics.nearBytes, "weighed"), 300)
      yield* Cache.flush(cache)
      assert.strictEqual(yield* count(CacheMetrics.nearBytes, "weighed"), 0)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.live("of caches made on the fly do not accumulate", () =>
    Effect.gen(function*() {
      // Caches of one name share copies, unless they decode the same bytes differently.
      for (let version = 1; version <= 50; version++) {
        yield* fill(Cache.make({ name: "fleeting", version, near: { capacity: 2 } }), ["a"])
      }
      yield* until(Effect.map(
        Effect.zipRight(Effect.sync(collectGarbage), count(CacheMetrics.nearEntries, "fleeting")),
        (left) => left < 10
      ))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
