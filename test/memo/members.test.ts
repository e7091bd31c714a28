import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Option, Stream, TestClock } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"

const make = () => {
  let runs = 0
  return Memo.cached(function getUser(_id: number) {
    return Effect.sync(() => ++runs)
  }, "1 minute")
}

const fresh = () => Effect.provide(RedisLayer.layerMemoryServer(RedisLayer.memoryServer(), { prefix: "app:" }))

describe("Members of memoized functions", () => {
  it.effect("bust forgets the result of these arguments, and returns whether there was one", () =>
    Effect.gen(function*() {
      const getUser = make()
      assert.isFalse(yield* getUser.bust(1))
      yield* getUser(1)
      yield* getUser(2)
      assert.isTrue(yield* getUser.bust(1))
      assert.isFalse(yield* getUser.bust(1))
      assert.strictEqual(yield* getUser(1), 3)
      assert.strictEqual(yield* getUser(2), 2)
      yield* TestClock.adjust("1 minute")
      assert.isFalse(yield* getUser.bust(1), "expired")
    }).pipe(fresh()))

  it.effect("refresh computes now and stores", () =>
    Effect.gen(function*() {
      const getUser = make()
      assert.strictEqual(yield* getUser(1), 1)
      assert.strictEqual(yield* getUser.refresh(1), 2)
      assert.strictEqual(yield* getUser(1), 2)
      yield* TestClock.adjust("59 seconds")
      yield* getUser.refresh(1)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* getUser(1), 3, "with a new life")
    }).pipe(fresh()))

  it.effect("peek never computes", () =>
    Effect.gen(function*() {
      const getUser = make()
      assert.deepStrictEqual(yield* getUser.peek(1), Option.none())
      yield* getUser(1)
      assert.deepStrictEqual(yield* getUser.peek(1), Option.some(1))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* getUser.peek(1), Option.none())
      assert.strictEqual((yield* Cache.stats(getUser.cache)).loads, 1)
    }).pipe(fresh()))

  it.effect("key is the Redis key, including the prefix", () =>
    Effect.gen(function*() {
      const getUser = make()
      const key = yield* getUser.key(42)
      assert.strictEqual(key, "app:getUser:[42]")
      assert.strictEqual((yield* Cache.explain(getUser.cache, [42])).redisKey, key)
    }).pipe(fresh()))

  it.effect("cache is the cache behind it: stats, keys, get, explain, flush", () =>
    Effect.gen(function*() {
      const getUser = make()
      yield* getUser(1)
      yield* getUser(1)
      yield* getUser(2)
      const stats = yield* Cache.stats(getUser.cache)
      assert.deepStrictEqual([stats.hits, stats.misses, stats.loads, stats.writes], [1, 2, 2, 2])
      const keys = yield* Stream.runCollect(Cache.keys(getUser.cache))
      assert.deepStrictEqual(Chunk.toArray(keys).sort(), ["[1]", "[2]"])
      assert.deepStrictEqual(yield* Cache.get(getUser.cache, [2]), Option.some(2))
      yield* Cache.set(getUser.cache, [3], 33)
      assert.strictEqual(yield* getUser(3), 33)
      assert.strictEqual((yield* Cache.explain(getUser.cache, [3])).state, "Fresh")
      assert.strictEqual(yield* Cache.flush(getUser.cache), 3)
      assert.strictEqual(yield* getUser(1), 3)
    }).pipe(fresh()))
})
