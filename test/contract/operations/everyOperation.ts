/** What holds for all operations alike. */
import { assert } from "@effect/vitest"
import { Chunk, Duration, Effect, Option, pipe, Stream } from "effect"
import { Cache } from "effect-redis-cache"
import { collect, failsWith, look, type Subject } from "../subject.js"

export const everyOperation = ({ counts, test, things }: Subject): void => {
  test("stats count only this instance's operations", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Cache.stats(things)).hits, 0)
      yield* Cache.set(things, "a", 1)
      yield* Cache.setMany(things, { b: 1, c: 1 })
      yield* Cache.get(things, "a")
      yield* Cache.get(things, "x")
      yield* Cache.getMany(things, ["a", "b", "y"])
      yield* Cache.getOrSet(things, "a", Effect.succeed(1))
      yield* Cache.getOrSet(things, "d", Effect.succeed(1))
      yield* Effect.ignore(Cache.getOrSet(things, "e", Effect.fail("no")))
      const { loadTime, ...found } = yield* Cache.stats(things)
      assert.deepStrictEqual(found, {
        hits: 4,
        nearHits: 0,
        misses: 4,
        writes: 4,
        loads: 2,
        coalesced: 0,
        staleServed: 0,
        failures: 1,
        refusedFills: 0,
        undecodable: 0,
        bypassed: 0,
        skippedRefreshes: 0,
        barredLoads: 0,
        updates: 0,
        failedEnds: 0,
        held: 0,
        deletes: 0,
        invalidations: 0,
        remembered: 0
      })
      assert.isTrue(Duration.lessThanOrEqualTo(loadTime.mean, loadTime.max))
      // Another cache of the same name counts for itself.
      assert.strictEqual((yield* Cache.stats(Cache.make({ name: "things" }))).hits, 0)
    }))

  test("onRedisError: \"bypass\" changes nothing while Redis answers", () =>
    Effect.gen(function*() {
      const lenient = Cache.make({ name: "lenient", onRedisError: "bypass" })
      yield* Cache.set(lenient, "a", 1)
      assert.deepStrictEqual(yield* Cache.get(lenient, "a"), Option.some(1))
      assert.isTrue(yield* Cache.setIfAbsent(lenient, "b", 2))
      assert.isFalse(yield* Cache.setIfAbsent(lenient, "b", 3))
      assert.isTrue(yield* Cache.touch(lenient, "a", "1 hour"))
      yield* Cache.setMany(lenient, { c: 3 })
      assert.strictEqual(yield* Cache.getOrSet(lenient, "d", Effect.succeed(4)), 4)
      assert.deepStrictEqual(yield* collect(lenient), ["a", "b", "c", "d"])
      assert.isTrue(yield* Cache.delete(lenient, "a"))
      assert.strictEqual((yield* Cache.stats(lenient)).bypassed, 0)
    }))

  test("every operation can be piped", () =>
    Effect.gen(function*() {
      yield* things.pipe(Cache.set("a", 1))
      yield* pipe(things, Cache.set("b", 2, { timeToLive: "1 hour" }))
      assert.deepStrictEqual(yield* things.pipe(Cache.get("a")), Option.some(1))
      assert.isTrue(yield* things.pipe(Cache.has("a")))
      assert.deepStrictEqual(yield* things.pipe(Cache.getMany(["a"])), new Map([["a", 1]]))
      yield* things.pipe(Cache.setMany([["c", 3]]))
      yield* things.pipe(Cache.setMany({ d: 4 }, { timeToLive: "1 hour" }))
      assert.isFalse(yield* things.pipe(Cache.setIfAbsent("a", 1)))
      assert.isTrue(yield* things.pipe(Cache.setIfAbsent("e", 1, { timeToLive: "1 hour" })))
      assert.isTrue(yield* things.pipe(Cache.touch("a", "1 hour")))
      assert.isTrue(Option.isSome(yield* things.pipe(Cache.timeToLive("a"))))
      assert.deepStrictEqual(yield* things.pipe(Cache.modify("a", () => Option.some(5))), Option.some(5))
      assert.strictEqual(yield* counts.pipe(Cache.increment("a")), 1)
      assert.strictEqual(yield* counts.pipe(Cache.increment("a", 2)), 3)
      assert.strictEqual(yield* things.pipe(Cache.getOrSet("a", Effect.succeed(6))), 5)
      assert.strictEqual(yield* things.pipe(Cache.getOrSet("a", Effect.succeed(6), { forceRefresh: true })), 6)
      assert.deepStrictEqual(
        yield* things.pipe(Cache.getOrSetMany(["a"], () => Effect.succeed([]))),
        new Map([["a", 6]])
      )
      assert.strictEqual(yield* things.pipe(Cache.refresh("a", Effect.succeed(7))), 7)
      assert.strictEqual((yield* things.pipe(Cache.explain("a"))).state, "Fresh")
      yield* things.pipe(Cache.invalidateTags(["t"]))
      yield* things.pipe(Cache.expireTags(["t"]))
      assert.isTrue(yield* things.pipe(Cache.expire("c")))
      assert.strictEqual(yield* things.pipe(Cache.expireMany(["d", "x"])), 1)
      assert.deepStrictEqual(yield* things.pipe(Cache.take("a")), Option.some(7))
      assert.isTrue(yield* things.pipe(Cache.delete("b")))
      assert.strictEqual(yield* things.pipe(Cache.deleteMany(["e", "x"])), 1)
      assert.strictEqual((yield* things.pipe(Cache.stats)).bypassed, 0)
      assert.strictEqual(yield* things.pipe(Cache.flush), 0)
      assert.deepStrictEqual(yield* things.pipe(Cache.keys, Stream.runCollect), Chunk.empty())
    }))

  test("invalid options of a single call are refused, and nothing is stored", () =>
    Effect.gen(function*() {
      for (const timeToLive of [0, -1, NaN, "soon" as "1 second"]) {
        const refused = /^Cache "things": timeToLive must be a duration longer than zero/
        yield* failsWith(Cache.set(things, "a", 1, { timeToLive }), refused)
        yield* failsWith(Cache.setMany(things, { a: 1 }, { timeToLive }), refused)
        yield* failsWith(Cache.setIfAbsent(things, "a", 1, { timeToLive }), refused)
        yield* failsWith(Cache.modify(things, "a", () => Option.some(1), { timeToLive }), refused)
        yield* failsWith(Cache.touch(things, "a", timeToLive), refused)
        yield* failsWith(Cache.getOrSet(things, "a", Effect.die("it ran"), { timeToLive }), refused)
        yield* failsWith(Cache.getOrSetMany(things, ["a"], () => Effect.die("it ran"), { timeToLive }), refused)
        yield* failsWith(
          Cache.getOrSet(things, "a", Effect.die("it ran"), { timeout: timeToLive }),
          /^Cache "things": timeout must be a duration longer than zero/
        )
      }
      assert.isUndefined(yield* look("things", "a"))
    }))
}
