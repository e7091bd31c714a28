/** `setIfAbsent` stores only if there is no fresh value. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { minutes, short, type Subject } from "../subject.js"

export const setIfAbsent = ({ lasting, outlive, staling, test, things }: Subject): void => {
  describe("setIfAbsent", () => {
    test("stores an absent key, with its TTL", () =>
      Effect.gen(function*() {
        assert.isTrue(yield* Cache.setIfAbsent(lasting, "a", 1))
        assert.isFalse(yield* Cache.setIfAbsent(lasting, "a", 2))
        assert.deepStrictEqual(yield* Cache.get(lasting, "a"), Option.some(1))
        assert.closeTo(minutes(yield* Cache.timeToLive(lasting, "a")), 60, 1)
        assert.isTrue(yield* Cache.setIfAbsent(lasting, "b", 1, { timeToLive: short }))
        yield* outlive(short)
        assert.isTrue(yield* Cache.setIfAbsent(lasting, "b", 2))
      }))

    test("stores over a stale value", () =>
      Effect.gen(function*() {
        yield* Cache.set(staling, "a", 1)
        yield* outlive(short)
        assert.isTrue(yield* Cache.setIfAbsent(staling, "a", 2, { timeToLive: "1 hour" }))
        assert.deepStrictEqual(yield* Cache.get(staling, "a"), Option.some(2))
      }))

    test("one of many concurrent calls succeeds", () =>
      Effect.gen(function*() {
        const stored = yield* Effect.all(
          Array.from({ length: 20 }, (_, i) => Cache.setIfAbsent(things, "a", i)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(stored.filter((each) => each).length, 1)
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(stored.indexOf(true)))
      }))
  })
}
