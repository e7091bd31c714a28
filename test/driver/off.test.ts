/** Caching switched off: the program behaves the same, without a cache. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { Cache, type CacheError, Memo, type Redis, RedisLayer } from "effect-redis-cache"

const things = Cache.make({ name: "things", timeToLive: "1 hour", tags: () => ["t"], valueTags: () => ["v"] })
const plain = Cache.make({ name: "plain", staleIfError: "1 hour" })
const counts = Cache.counter({ name: "counts", timeToLive: "1 hour" })

describe("layerOff", () => {
  for (const cache of [things, plain]) {
    describe(`a cache ${cache.name === "things" ? "with" : "without"} tags`, () => {
      it.effect("reads miss", () =>
        Effect.gen(function*() {
          yield* Cache.set(cache, "a", 1)
          yield* Cache.setMany(cache, { a: 1, b: 2 })
          assert.deepStrictEqual(yield* Cache.get(cache, "a"), Option.none())
          assert.isFalse(yield* Cache.has(cache, "a"))
          assert.deepStrictEqual(yield* Cache.getMany(cache, ["a", "b"]), new Map())
          assert.deepStrictEqual(yield* Cache.take(cache, "a"), Option.none())
          assert.deepStrictEqual(yield* Cache.timeToLive(cache, "a"), Option.none())
          assert.strictEqual(yield* Stream.runCount(Cache.keys(cache)), 0)
          assert.strictEqual((yield* Cache.explain(cache, "a")).state, "Missing")
        }).pipe(Effect.provide(RedisLayer.layerOff)))

      it.effect("writes succeed and are dropped", () =>
        Effect.gen(function*() {
          assert.isTrue(yield* Cache.setIfAbsent(cache, "a", 1))
          assert.isTrue(yield* Cache.setIfAbsent(cache, "a", 1))
          assert.isFalse(yield* Cache.touch(cache, "a", "1 hour"))
          assert.isFalse(yield* Cache.delete(cache, "a"))
          assert.strictEqual(yield* Cache.deleteMany(cache, ["a", "b"]), 0)
          assert.strictEqual(yield* Cache.flush(cache), 0)
          yield* Cache.invalidateTags(cache, ["t"])
          const seen: Array<Option.Option<unknown>> = []
          const modified = yield* Cache.modify(cache, "a", (found) => {
            seen.push(found)
            return Option.some(1)
          })
          assert.deepStrictEqual(modified, Option.some(1))
          assert.deepStrictEqual(seen, [Option.none()])
        }).pipe(Effect.provide(RedisLayer.layerOff)))

      it.effect("loads compute every time", () =>
        Effect.gen(function*() {
          let runs = 0
          const load = Effect.sync(() => ++runs)
          assert.strictEqual(yield* Cache.getOrSet(cache, "a", load), 1)
          assert.strictEqual(yield* Cache.getOrSet(cache, "a", load), 2)
          assert.strictEqual(yield* Cache.refresh(cache, "a", load), 3)
          assert.deepStrictEqual(
            yield* Cache.getOrSetMany(cache, ["a", "b"], (keys) => Effect.succeed(keys.map((key) => [key, key]))),
            new Map([["a", "a"], ["b", "b"]])
          )
          assert.strictEqual(yield* Effect.flip(Cache.getOrSet(cache, "a", Effect.fail("no"))), "no")
          const { hits, loads, misses } = yield* Cache.stats(cache)
          assert.deepStrictEqual([hits, loads, misses], [0, 5, 5])
        }).pipe(Effect.provide(RedisLayer.layerOff)))
    })
  }

  it.effect("concurrent callers still share one computation", () =>
    Effect.gen(function*() {
      let runs = 0
      const load = Effect.zipRight(Effect.yieldNow(), Effect.sync(() => ++runs))
      yield* Effect.all(Array.from({ length: 20 }, () => Cache.getOrSet(plain, "a", load)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(RedisLayer.layerOff)))

  it.effect("an increment returns its delta", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Cache.increment(counts, "a"), 1)
      assert.strictEqual(yield* Cache.increment(counts, "a", 5), 5)
      assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.none())
    }).pipe(Effect.provide(RedisLayer.layerOff)))

  it.effect("values that cannot be stored are still refused", () =>
    Effect.gen(function*() {
      const refused: ReadonlyArray<
        Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>
      > = [
        Cache.set(plain, "a", () => 1),
        Cache.set(plain, "\ud800", 1),
        Cache.set(plain, "a", 1, { timeToLive: 0 }),
        Cache.getOrSet(plain, "a", Effect.succeed(() => 1))
      ]
      for (const each of refused) assert.strictEqual((yield* Effect.flip(each))._tag, "CodecError")
    }).pipe(Effect.provide(RedisLayer.layerOff)))

  it.effect("memoized functions run every time", () =>
    Effect.gen(function*() {
      let runs = 0
      const next = Memo.cached((step: number) => Effect.sync(() => runs += step), {
        name: "next",
        timeToLive: "1 hour"
      })
      assert.strictEqual(yield* next(1), 1)
      assert.strictEqual(yield* next(1), 2)
      assert.isFalse(yield* next.bust(1))
      assert.deepStrictEqual(yield* next.peek(1), Option.none())
    }).pipe(Effect.provide(RedisLayer.layerOff)))
})
