import type { Context, Scope } from "effect"
import { Effect, type Stream } from "effect"
import type { Metric } from "effect"
import { type CacheError, type CacheMetrics, type Driver, Redis } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

declare const driver: Driver.Driver

describe("Redis", () => {
  it("is a tag", () => {
    expect(Effect.map(Redis.Redis, (redis) => redis)).type.toBe<Effect.Effect<Redis.Service, never, Redis.Redis>>()
    expect<Context.Tag.Service<typeof Redis.Redis>>().type.toBe<Redis.Service>()
    expect(Effect.map(Redis.Redis, (redis) => redis.driver)).type.toBe<
      Effect.Effect<Driver.Driver, never, Redis.Redis>
    >()
  })

  it("make needs a scope, for what runs in the background", () => {
    expect(Redis.make(driver)).type.toBe<Effect.Effect<Redis.Service, never, Scope.Scope>>()
  })
})

describe("Driver", () => {
  it("its operations fail with RedisError alone", () => {
    expect(driver.take([])).type.toBe<
      Effect.Effect<ReadonlyArray<Uint8Array | undefined>, CacheError.RedisError>
    >()
    expect(driver.lease([], "entry")).type.toBe<
      Effect.Effect<ReadonlyArray<Driver.LeaseReply>, CacheError.RedisError>
    >()
    expect(driver.scan("a")).type.toBe<Stream.Stream<ReadonlyArray<string>, CacheError.RedisError>>()
    expect<Driver.LeaseReply["_tag"]>().type.toBe<"Granted" | "Held" | "Found">()
    expect<Driver.Kind>().type.toBe<"entry" | "counter">()
  })

  it("hot ones end as their reply says", () => {
    const reply = {} as Driver.Reply<Uint8Array | undefined, number, "Failed", "Needed">
    expect(driver.get("a", reply)).type.toBe<Effect.Effect<number, "Failed", "Needed">>()
  })
})

describe("CacheMetrics", () => {
  it("are Effect's", () => {
    expect<typeof CacheMetrics.hits>().type.toBe<Metric.Metric.Counter<number>>()
    expect<typeof CacheMetrics.loadDuration>().type.toBe<Metric.Metric.Histogram<number>>()
  })
})
