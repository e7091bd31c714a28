/** `delete` and `take` report a fresh value, and report it once. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { look, short, type Subject } from "../../subject.js"

export const deleteAndTake = ({ outlive, staling, test, things }: Subject): void => {
  describe("delete and take", () => {
    test("report whether there was a value, once", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(things, { a: 1, b: 2 })
        assert.isTrue(yield* Cache.delete(things, "a"))
        assert.isFalse(yield* Cache.delete(things, "a"))
        assert.deepStrictEqual(yield* Cache.take(things, "b"), Option.some(2))
        assert.deepStrictEqual(yield* Cache.take(things, "b"), Option.none())
      }))

    test("only one of many callers takes a value", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        const taken = yield* Effect.all(Array.from({ length: 20 }, () => Cache.take(things, "a")), {
          concurrency: "unbounded"
        })
        assert.strictEqual(taken.filter(Option.isSome).length, 1)
      }))

    test("remove stale values without counting them", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(staling, { a: 1, b: 2 })
        yield* outlive(short)
        assert.isDefined(yield* look("staling", "a"))
        assert.isFalse(yield* Cache.delete(staling, "a"))
        assert.deepStrictEqual(yield* Cache.take(staling, "b"), Option.none())
        assert.isUndefined(yield* look("staling", "a"))
        assert.isUndefined(yield* look("staling", "b"))
      }))
  })
}
