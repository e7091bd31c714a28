import type { ConfigError, Layer } from "effect"
import { Config, type Context, Effect, type Redacted } from "effect"
import { type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import type { Redis as Client } from "ioredis"
import { describe, expect, it } from "tstyche"

describe("RedisLayer", () => {
  it("layer", () => {
    expect(RedisLayer.layer("redis://localhost")).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
    expect(
      RedisLayer.layer({
        host: "localhost",
        port: 6379,
        prefix: "app:",
        commandTimeout: "500 millis",
        connectTimeout: "1 second",
        lazy: true
      })
    ).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
  })

  it("layer has no ioredis options that this library sets itself", () => {
    // @ts-expect-error: Object literal may only specify known properties
    RedisLayer.layer({ keyPrefix: "app:" })
    // @ts-expect-error: Object literal may only specify known properties
    RedisLayer.layer({ maxRetriesPerRequest: 3 })
    // @ts-expect-error: Object literal may only specify known properties
    RedisLayer.layer({ lazyConnect: true })
    // @ts-expect-error: Object literal may only specify known properties
    RedisLayer.layer({ enableOfflineQueue: true })
    // @ts-expect-error: Object literal may only specify known properties
    RedisLayer.layer({ autoResendUnfulfilledCommands: true })
  })

  it("layerConfig can fail with ConfigError too", () => {
    expect(
      RedisLayer.layerConfig({
        host: Config.string("REDIS_HOST"),
        password: Config.redacted("REDIS_PASSWORD"),
        port: Config.integer("REDIS_PORT")
      })
    ).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError | ConfigError.ConfigError>>()
    expect(RedisLayer.layerConfig({ url: Config.redacted("REDIS_URL") })).type.toBe<
      Layer.Layer<Redis.Redis, CacheError.RedisError | ConfigError.ConfigError>
    >()
    // A password is redacted.
    // @ts-expect-error: Type 'Config<string>' is not assignable
    RedisLayer.layerConfig({ password: Config.string("REDIS_PASSWORD") })
  })

  it("layerFromClient", () => {
    const client = {} as Client
    expect(RedisLayer.layerFromClient(client)).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
    expect(RedisLayer.layerFromClient(client, { prefix: "app:", commandTimeout: 100 })).type.toBe<
      Layer.Layer<Redis.Redis, CacheError.RedisError>
    >()
  })

  it("credentials may need services, and may fail with anything", () => {
    const plain = Effect.succeed({ username: "app", password: "secret" })
    expect(RedisLayer.layer({ credentials: plain })).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
    const vault = {} as Context.Tag<"Vault", { readonly password: Redacted.Redacted }>
    expect(RedisLayer.layer({ host: "localhost", credentials: vault })).type.toBe<
      Layer.Layer<Redis.Redis, CacheError.RedisError, "Vault">
    >()
    expect(RedisLayer.layerCluster(["redis://localhost"], { credentials: Effect.zipRight(Effect.fail("no"), vault) }))
      .type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError, "Vault">>()
    expect(RedisLayer.layerCluster(["redis://localhost"])).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
    expect(RedisLayer.layerConfig({ url: Config.string("REDIS_URL"), credentials: Config.succeed(plain) })).type.toBe<
      Layer.Layer<Redis.Redis, CacheError.RedisError | ConfigError.ConfigError>
    >()
    // @ts-expect-error: Property 'password' is missing in type
    RedisLayer.layer({ credentials: Effect.succeed({ username: "app" }) })
    // @ts-expect-error: Object literal may only specify known properties
    RedisLayer.layerFromClient({} as Client, { credentials: plain })
  })

  it("background work is waited for", () => {
    expect(RedisLayer.drain).type.toBe<Effect.Effect<void, never, Redis.Redis>>()
    expect(RedisLayer.layer({ grace: "2 seconds" })).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
    expect(RedisLayer.layerMemoryServer(RedisLayer.memoryServer(), { grace: 0 })).type.toBe<Layer.Layer<Redis.Redis>>()
  })

  it("near copies may be required", () => {
    expect(RedisLayer.layer({ tracking: "required" })).type.toBe<Layer.Layer<Redis.Redis, CacheError.RedisError>>()
    // @ts-expect-error: Type '"always"' is not assignable
    RedisLayer.layer({ tracking: "always" })
  })

  it("layers without a server cannot fail", () => {
    expect(RedisLayer.layerMemory).type.toBe<Layer.Layer<Redis.Redis>>()
    expect(RedisLayer.layerOff).type.toBe<Layer.Layer<Redis.Redis>>()
    expect(RedisLayer.memoryServer()).type.toBe<RedisLayer.InMemoryServer>()
    expect(RedisLayer.layerMemoryServer(RedisLayer.memoryServer(), { prefix: "app:" })).type.toBe<
      Layer.Layer<Redis.Redis>
    >()
  })
})
