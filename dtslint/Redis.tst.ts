import type { Context, Metric } from "effect"
import { Effect } from "effect"
import { type CacheMetrics, Redis } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

describe("Redis", () => {
  it("is a tag", () => {
    expect(Effect.map(Redis.Redis, (redis) => redis)).type.toBe<Effect.Effect<Redis.Service, never, Redis.Redis>>()
    expect<Context.Tag.Service<typeof Redis.Redis>>().type.toBe<Redis.Service>()
  })

  it("only layers create one", () => {
    expect(Redis).type.not.toHaveProperty("make")
  })
})

describe("CacheMetrics", () => {
  it("are Effect's", () => {
    expect<typeof CacheMetrics.hits>().type.toBe<Metric.Metric.Counter<number>>()
    expect<typeof CacheMetrics.loadDuration>().type.toBe<Metric.Metric.Histogram<number>>()
  })
})
