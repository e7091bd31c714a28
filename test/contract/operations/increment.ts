/** `increment` and counters. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { collect, failsWith, look, short, type Subject } from "../subject.js"

export const increment = ({ counts, outlive, test }: Subject): void => {
  describe("increment", () => {
    test("adds, and get reads it", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Cache.increment(counts, "a"), 1)
        assert.strictEqual(yield* Cache.increment(counts, "a", 41), 42)
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(42))
        assert.strictEqual((yield* look("counts", "a"))!.text, "42")
        assert.strictEqual(yield* Cache.increment(counts, "a", -43), -1)
        assert.strictEqual((yield* look("counts", "a"))!.text, "-1")
        assert.strictEqual(yield* Cache.increment(counts, "a", 1), 0)
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(0))
        assert.isTrue(Object.is(yield* Cache.increment(counts, "b", -0), 0))
        yield* Cache.set(counts, "a", 7)
        assert.strictEqual(yield* Cache.increment(counts, "a"), 8)
        assert.deepStrictEqual(yield* collect(counts), ["a", "b"])
        assert.deepStrictEqual(yield* Cache.take(counts, "a"), Option.some(8))
      }))

    test("all increments count", () =>
      Effect.gen(function*() {
        const sums = yield* Effect.all(Array.from({ length: 100 }, () => Cache.increment(counts, "a")), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([...sums].sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1))
      }))

    test("the TTL is set with the first", () =>
      Effect.gen(function*() {
        const hourly = Cache.counter({ name: "hits", timeToLive: "1 hour" })
        const daily = Cache.counter({ name: "hits", timeToLive: "1 day" })
        yield* Cache.increment(hourly, "a")
        assert.strictEqual(yield* Cache.increment(daily, "a"), 2)
        assert.closeTo((yield* look("hits", "a"))!.life!, 3_600_000, 5_000)
        const brieflyCounted = Cache.counter({ name: "hits", timeToLive: short })
        yield* Cache.increment(brieflyCounted, "b")
        yield* outlive(short)
        assert.isFalse(yield* Cache.has(brieflyCounted, "b"))
        assert.strictEqual(yield* Cache.increment(daily, "b"), 1)
      }))

    test("a TTL of zero: nothing is stored", () =>
      Effect.gen(function*() {
        const never = Cache.counter({ name: "counts", timeToLive: () => 0 })
        assert.strictEqual(yield* Cache.increment(never, "a", 5), 5)
        assert.isFalse(yield* Cache.has(never, "a"))
      }))

    test("sums stay whole and exact", () =>
      Effect.gen(function*() {
        yield* failsWith(Cache.increment(counts, "a", 1.5), /^Cache "counts": .* by a whole number between/)
        yield* failsWith(Cache.increment(counts, "a", NaN), /^Cache "counts": .* by a whole number between/)
        yield* failsWith(Cache.set(counts, "a", 1.5), /in cache "counts".*safe integer/)
        yield* Cache.set(counts, "a", Number.MAX_SAFE_INTEGER - 1)
        assert.strictEqual(yield* Cache.increment(counts, "a", 1), Number.MAX_SAFE_INTEGER)
        yield* failsWith(Cache.increment(counts, "a", 1), /overflow/)
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(Number.MAX_SAFE_INTEGER))
        assert.strictEqual(yield* Cache.increment(counts, "b", -Number.MAX_SAFE_INTEGER), -Number.MAX_SAFE_INTEGER)
        yield* failsWith(Cache.increment(counts, "b", -1), /overflow/)
      }))
  })
}
