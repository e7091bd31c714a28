import type { Effect, Either, Option, Stream } from "effect"
import { type CacheError, Fleet, type Redis } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

describe("Fleet", () => {
  it("fails as Redis does, and needs a Redis", () => {
    expect(Fleet.caches()).type.toBe<Effect.Effect<Fleet.Survey, CacheError.RedisError, Redis.Redis>>()
    expect(Fleet.keys("users", { contains: "4" })).type.toBe<
      Stream.Stream<ReadonlyArray<Fleet.KeySummary>, CacheError.RedisError, Redis.Redis>
    >()
    expect(Fleet.explain("users", "42")).type.toBe<Effect.Effect<Fleet.Look, CacheError.RedisError, Redis.Redis>>()
    expect(Fleet.get("users", "42")).type.toBe<
      Effect.Effect<Option.Option<Fleet.Told>, CacheError.RedisError, Redis.Redis>
    >()
    expect(Fleet.delete("users", "42")).type.toBe<Effect.Effect<boolean, CacheError.RedisError, Redis.Redis>>()
    expect(Fleet.expire("users", "42")).type.toBe<Effect.Effect<boolean, CacheError.RedisError, Redis.Redis>>()
    expect(Fleet.changes()).type.toBe<Stream.Stream<Fleet.Change, CacheError.RedisError, Redis.Redis>>()
    expect(Fleet.doctor).type.toBe<Effect.Effect<ReadonlyArray<Fleet.Finding>, never, Redis.Redis>>()
    expect(Fleet.flush("users")).type.toBe<Effect.Effect<number, CacheError.RedisError, Redis.Redis>>()
    expect(Fleet.invalidateTags("users", ["t"])).type.toBe<
      Effect.Effect<void, CacheError.RedisError | CacheError.CodecError, Redis.Redis>
    >()
  })

  it("adds up figures", () => {
    expect(Fleet.stats).type.toBe<Effect.Effect<Fleet.FleetStats, CacheError.RedisError, Redis.Redis>>()
    expect<ReturnType<typeof Fleet.rates>>().type.toBe<ReadonlyMap<string, Fleet.Rates>>()
    expect<Fleet.Rates["hitRatio"]>().type.toBe<Option.Option<number>>()
  })

  it("gives keys without a Redis", () => {
    expect(Fleet.stringKey("users", "42")).type.toBe<Either.Either<string, CacheError.CodecError>>()
    expect(Fleet.structuredKey("getUser", [42], ["tenant"])).type.toBe<Either.Either<string, CacheError.CodecError>>()
  })
})
