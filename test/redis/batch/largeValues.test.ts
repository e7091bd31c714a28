/** Values are read together as long as their bytes can be answered in time, and other reads do not wait behind them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Cache, type CacheError, Codec, type Redis, RedisLayer } from "effect-redis-cache"
import { large as threshold, maxExpected, Sizes } from "../../../src/internal/redis/batch/sizes.js"
import { open } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"
import { type Commands, watch } from "../../support/wire.js"

const large = Cache.make({ name: "large", codec: Codec.structural<Uint8Array>() })
const small = Cache.make({ name: "small" })

const size = 2 * 1024 * 1024

const keys = Array.from({ length: 40 }, (_, i) => `${i}`)

/** The most keys of one MGET of large values, as the server counts them. */
const largestRead = (commands: Commands): number =>
  Math.max(...commands.map((words) => words.filter((word) => word.startsWith("large:")).length))

type Read = Effect.Effect<number, CacheError.RedisError | CacheError.CodecError, Redis.Redis>

const reads: Readonly<Record<string, Read>> = {
  "asked for one by one in one tick": Effect.map(
    Effect.all(keys.map((key) => Cache.get(large, key)), { concurrency: "unbounded" }),
    (found) => found.filter((value) => value._tag === "Some").length
  ),
  "asked for in one call": Effect.map(Cache.getMany(large, keys), (found) => found.size)
}

const fill = Effect.forEach(keys, (key) => Cache.set(large, key, Buffer.alloc(size, key)), { discard: true })

describe("large values", () => {
  for (const [how, read] of Object.entries(reads)) {
    it.scopedLive(`${how}, are all read, a few at a time, once one of them was read`, () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const writer = yield* open(RedisLayer.layer(server.url))
        yield* writer.run(fill)
        const { run } = yield* open(RedisLayer.layer({ url: server.url, commandTimeout: "20 seconds" }))
        yield* run(Cache.get(large, "1"))
        const { sentBy } = yield* watch(server.url)
        const [commands, found] = yield* run(sentBy(read))
        assert.strictEqual(found, keys.length)
        assert.isAtMost(largestRead(commands), maxExpected / size)
      }), 30_000)
  }

  it.scopedLive(
    "wait for each other, and small values do not wait for them",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const { run } = yield* open(RedisLayer.layer({ url: server.url, commandTimeout: "20 seconds" }))
        yield* run(Cache.set(small, "a", 1))
        yield* run(fill)
        let answered = 0
        const counted = keys.map((key) => Effect.map(Cache.get(large, key), () => void answered++))
        const reading = yield* Effect.fork(run(Effect.all(counted, { concurrency: "unbounded" })))
        yield* Effect.sleep(1)
        assert.isTrue(yield* run(Cache.has(small, "a")))
        assert.isBelow(answered, keys.length)
        yield* Fiber.join(reading)
        assert.strictEqual(answered, keys.length)
      }),
    30_000
  )
})

describe("the size of values", () => {
  it("is learned for each cache with large ones, and forgotten slowly", () => {
    const sizes = new Sizes("app:")
    assert.strictEqual(sizes.of("app:users:1"), 0)
    sizes.learn(["mget", "app:users:1", "app:users:2", "app:files:1"], [
      new Uint8Array(10),
      null,
      new Uint8Array(1_000_000)
    ])
    assert.strictEqual(sizes.of("app:users:3"), 0)
    assert.strictEqual(sizes.of("app:files:2"), 1_000_000)
    sizes.learn(["mget", "app:files:2"], [new Uint8Array(10)])
    assert.isAbove(sizes.of("app:files:2"), 500_000)
    for (let i = 0; i < 20; i++) sizes.learn(["mget", "app:files:2"], [null])
    assert.isFalse(sizes.any)
    sizes.saw("app:files:2", threshold)
    assert.isFalse(sizes.any)
    sizes.saw("app:files:2", threshold + 1)
    assert.strictEqual(sizes.of("app:files:2"), threshold + 1)
  })

  it("is kept for at most a thousand caches", () => {
    const sizes = new Sizes("")
    for (let i = 0; i < 3_000; i++) sizes.saw(`cache${i}:a`, threshold + i + 1)
    assert.strictEqual(sizes.of("cache2999:a"), threshold + 3_000)
    assert.strictEqual(sizes.of("cache0:a"), 0)
  })
})
