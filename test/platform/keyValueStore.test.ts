/** Platform's `KeyValueStore` over a `Redis`, in memory and on a real one. */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import { Cache, Codec, type Redis, RedisLayer } from "effect-redis-cache"
import { layer } from "effect-redis-cache/KeyValueStore"
import { freePort } from "../support/freePort.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"
import { operations, storeSuite } from "./storeSuite.js"

const store = layer({ name: "store" })

const onRedis = () => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() })

storeSuite("platform's own store", () => KeyValueStore.layerMemory)
storeSuite("a store in memory", () => Layer.provide(store, RedisLayer.layerMemory))
storeSuite("a store on Redis", () => Layer.provide(store, onRedis()))
storeSuite(
  "a store on Redis with near copies",
  () => Layer.provide(layer({ name: "store", near: { capacity: 10 } }), onRedis())
)

describe("a store over a Redis", () => {
  const inMemory = <E>(
    body: (kv: KeyValueStore.KeyValueStore) => Effect.Effect<void, E, Redis.Redis>,
    options: Parameters<typeof layer>[0] = { name: "store" }
  ) =>
    Effect.flatMap(KeyValueStore.KeyValueStore, body).pipe(
      Effect.provide(Layer.provideMerge(layer(options), RedisLayer.layerMemory))
    )

  it.effect("is a cache of its name: its keys are no other cache's", () =>
    inMemory((kv) =>
      Effect.gen(function*() {
        const other = Cache.make({ name: "storeAbc" })
        yield* Cache.set(other, "a", 1)
        yield* kv.set("a", "1")
        yield* kv.set("b", Uint8Array.of(1))
        const same = Cache.make({ name: "store", codec: Codec.structural<string | Uint8Array>() })
        assert.deepStrictEqual(yield* Cache.get(same, "a"), Option.some("1"))
        assert.deepStrictEqual(yield* Cache.get(same, "b"), Option.some(Uint8Array.of(1)))
        assert.strictEqual(yield* kv.size, 2)
        yield* kv.clear
        assert.isTrue(yield* Cache.has(other, "a"))
      })
    ))

  it.effect("finds nothing under a key where its cache stored something else", () =>
    inMemory((kv) =>
      Effect.gen(function*() {
        yield* Cache.set(Cache.make({ name: "store" }), "a", { neither: "text nor bytes" })
        assert.deepStrictEqual(yield* kv.get("a"), Option.none())
        assert.deepStrictEqual(yield* kv.getUint8Array("a"), Option.none())
      })
    ))

  it.effect("stores any bytes as bytes, and returns copies that the caller may change", () =>
    inMemory(
      (kv) =>
        Effect.gen(function*() {
          yield* kv.set("a", Buffer.from("abc").subarray(1))
          for (let i = 0; i < 3; i++) {
            const found = Option.getOrThrow(yield* kv.getUint8Array("a"))
            assert.deepStrictEqual(found, Uint8Array.of(98, 99))
            found.fill(0)
          }
          yield* kv.modifyUint8Array("a", (bytes) => Buffer.concat([bytes, Buffer.from("d")]))
          assert.deepStrictEqual(yield* kv.getUint8Array("a"), Option.some(Uint8Array.of(98, 99, 100)))
        }),
      { name: "store", near: { capacity: 10 } }
    ))

  it.effect("with a time to live, forgets", () =>
    inMemory((kv) =>
      Effect.gen(function*() {
        yield* kv.set("a", "1")
        yield* TestClock.adjust("59 seconds")
        assert.isTrue(yield* kv.has("a"))
        yield* TestClock.adjust("1 second")
        assert.isFalse(yield* kv.has("a"))
        assert.isTrue(yield* kv.isEmpty)
      }), { name: "store", timeToLive: "1 minute" }))

  it.live("loses no update if several callers modify one key", () =>
    Effect.gen(function*() {
      const kv = yield* KeyValueStore.KeyValueStore
      yield* kv.set("n", "0")
      yield* Effect.all(
        Array.from({ length: 20 }, () => kv.modify("n", (n) => String(Number(n) + 1))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* kv.get("n"), Option.some("20"))
    }).pipe(Effect.provide(Layer.provide(store, onRedis()))))

  it.effect("fails for what cannot be stored", () =>
    inMemory((kv) =>
      Effect.gen(function*() {
        const bad = yield* Effect.flip(kv.set("\ud800", "1"))
        assert.strictEqual(bad._tag === "SystemError" && bad.reason, "InvalidData")
        assert.match(bad.message, /surrogate/)
        const large = yield* Effect.flip(kv.set("a", "12345678901234567890"))
        assert.match(large.message, /maxValueSize/)
      }), { name: "store", maxValueSize: 10 }))

  it.live("fails with platform's errors if Redis is unreachable", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = RedisLayer.layer({ host: "127.0.0.1", port, lazy: true })
      yield* Effect.flatMap(KeyValueStore.KeyValueStore, (kv) =>
        Effect.forEach(operations(kv), ([method, operation]) =>
          Effect.map(Effect.flip(operation), (error) => {
            assert.strictEqual(error._tag, "SystemError")
            assert.strictEqual(error._tag === "SystemError" && error.method, method)
            assert.match(error.message, /KeyValueStore.*Connection/s)
          }))).pipe(Effect.provide(Layer.provide(store, redis)))
    }))
})
