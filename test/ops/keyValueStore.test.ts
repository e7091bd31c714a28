/** Platform's `KeyValueStore` over a `Redis`, in memory and on a real one. */
import { KeyValueStore } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema, TestClock } from "effect"
import { Cache, type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import { freePort } from "../support/freePort.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const store = RedisLayer.layerKeyValueStore({ name: "store" })

const suite = (
  name: string,
  redis: () => Layer.Layer<Redis.Redis, CacheError.RedisError>
): void => {
  const test = <E>(
    behaviour: string,
    body: (kv: KeyValueStore.KeyValueStore) => Effect.Effect<void, E, Redis.Redis>
  ): void =>
    it.live(
      behaviour,
      () => Effect.flatMap(KeyValueStore.KeyValueStore, body).pipe(Effect.provide(Layer.provideMerge(store, redis())))
    )

  describe(name, () => {
    test("gets what was set, and nothing else", (kv) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* kv.get("a"), Option.none())
        assert.isFalse(yield* kv.has("a"))
        yield* kv.set("a", "text 😀")
        yield* kv.set("empty", "")
        assert.deepStrictEqual(yield* kv.get("a"), Option.some("text 😀"))
        assert.deepStrictEqual(yield* kv.get("empty"), Option.some(""))
        assert.isTrue(yield* kv.has("a"))
        assert.isTrue(yield* kv.has("empty"))
      }))

    test("removes, clears, and tells its size", (kv) =>
      Effect.gen(function*() {
        assert.isTrue(yield* kv.isEmpty)
        yield* kv.remove("a")
        yield* kv.set("a", "1")
        yield* kv.set("b", "2")
        yield* kv.set("b", "3")
        assert.strictEqual(yield* kv.size, 2)
        yield* kv.remove("a")
        assert.isFalse(yield* kv.has("a"))
        assert.strictEqual(yield* kv.size, 1)
        yield* kv.clear
        assert.strictEqual(yield* kv.size, 0)
        yield* kv.clear
        assert.isTrue(yield* kv.isEmpty)
      }))

    test("keeps bytes as they are", (kv) =>
      Effect.gen(function*() {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        yield* kv.set("bytes", bytes)
        const found = Option.getOrThrow(yield* kv.getUint8Array("bytes"))
        assert.deepStrictEqual(Uint8Array.from(found), bytes)
        // What is handed out is the caller's to change.
        found.fill(0)
        assert.deepStrictEqual(Uint8Array.from(Option.getOrThrow(yield* kv.getUint8Array("bytes"))), bytes)
        yield* kv.set("text", "é")
        assert.deepStrictEqual(
          Uint8Array.from(Option.getOrThrow(yield* kv.getUint8Array("text"))),
          Uint8Array.of(0xc3, 0xa9)
        )
        assert.deepStrictEqual(yield* kv.getUint8Array("nothing"), Option.none())
      }))

    test("modifies what is there", (kv) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* kv.modify("a", (value) => `${value}!`), Option.none())
        assert.isFalse(yield* kv.has("a"))
        yield* kv.set("a", "hey")
        assert.deepStrictEqual(yield* kv.modify("a", (value) => `${value}!`), Option.some("hey!"))
        assert.deepStrictEqual(yield* kv.get("a"), Option.some("hey!"))
        yield* kv.modifyUint8Array("a", (value) => value.slice(0, 1))
        assert.deepStrictEqual(yield* kv.get("a"), Option.some("h"))
      }))

    test("serves stores of a schema, and prefixed ones", (kv) =>
      Effect.gen(function*() {
        const users = kv.forSchema(Schema.Struct({ name: Schema.String, born: Schema.Date }))
        const ada = { name: "Ada", born: new Date("1815-12-10T00:00:00Z") }
        yield* users.set("ada", ada)
        assert.deepStrictEqual(yield* users.get("ada"), Option.some(ada))
        assert.deepStrictEqual(
          yield* users.modify("ada", (user) => ({ ...user, name: "Lovelace" })),
          Option.some({
            ...ada,
            name: "Lovelace"
          })
        )
        yield* KeyValueStore.prefix(kv, "app/").set("a", "1")
        assert.deepStrictEqual(yield* kv.get("app/a"), Option.some("1"))
      }))

    test("is a cache of its name: no other's keys are its own", (kv) =>
      Effect.gen(function*() {
        const other = Cache.make({ name: "storeAbc" })
        yield* Cache.set(other, "a", 1)
        yield* kv.set("a", "1")
        assert.strictEqual((yield* Cache.explain(Cache.make({ name: "store" }), "a")).size > 0, true)
        assert.strictEqual(yield* kv.size, 1)
        yield* kv.clear
        assert.isTrue(yield* Cache.has(other, "a"))
      }))

    test("tells what cannot be stored", (kv) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(kv.set("\ud800", "1"))
        assert.strictEqual(error._tag, "SystemError")
        assert.match(error.message, /surrogate/)
      }))
  })
}

suite("a KeyValueStore in memory", () => RedisLayer.layerMemory)
suite("a KeyValueStore on Redis", () => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() }))

describe("a KeyValueStore", () => {
  it.effect("with a time to live forgets", () =>
    Effect.gen(function*() {
      const kv = yield* KeyValueStore.KeyValueStore
      yield* kv.set("a", "1")
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(yield* kv.has("a"))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* kv.has("a"))
      assert.isTrue(yield* kv.isEmpty)
    }).pipe(
      Effect.provide(RedisLayer.layerKeyValueStore({ name: "store", timeToLive: "1 minute" })),
      Effect.provide(RedisLayer.layerMemory)
    ))

  it.live("fails with platform's errors where Redis is away", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = RedisLayer.layer({ host: "127.0.0.1", port, lazy: true })
      const errors = yield* Effect.flatMap(KeyValueStore.KeyValueStore, (kv) =>
        Effect.all([kv.get("a"), kv.set("a", "1"), kv.remove("a"), kv.clear, kv.size].map((each) =>
          Effect.flip(Effect.asVoid<unknown, PlatformError, never>(each))
        ))).pipe(Effect.provide(Layer.provide(store, redis)))
      for (const error of errors) {
        assert.strictEqual(error._tag, "SystemError")
        assert.match(error.message, /KeyValueStore.*Connection/s)
      }
    }))
})
