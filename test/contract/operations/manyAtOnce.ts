/** `getMany`, `setMany` and `deleteMany`. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Cache } from "effect-redis-cache"
import { look, plantLease, short, type Subject } from "../subject.js"

export const manyAtOnce = ({ lasting, outlive, staling, test, things }: Subject): void => {
  describe("many at once", () => {
    test("getMany returns the hits, each key once", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(things, { a: 1, b: undefined, c: 3 })
        assert.deepStrictEqual(
          [...yield* Cache.getMany(things, ["c", "x", "a", "b", "a"])],
          [["c", 3], ["a", 1], ["b", undefined]]
        )
        assert.deepStrictEqual(yield* Cache.getMany(things, new Set(["a"])), new Map([["a", 1]]))
        assert.deepStrictEqual(yield* Cache.getMany(things, []), new Map())
      }))

    test("setMany takes pairs, maps and records; the last value of a key wins", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(things, [["a", 1], ["b", 1], ["a", 2]])
        yield* Cache.setMany(things, new Map([["c", 3]]))
        yield* Cache.setMany(things, { d: 4, ["__proto__"]: 5 })
        yield* Cache.setMany(things, [])
        yield* Cache.setMany(things, {})
        const expected = new Map([["a", 2], ["b", 1], ["c", 3], ["d", 4], ["__proto__", 5]])
        assert.deepStrictEqual(yield* Cache.getMany(things, expected.keys()), expected)
      }))

    test("setMany gives every value its TTL", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(lasting, { a: 1, b: 2 })
        for (const key of ["a", "b"]) {
          assert.closeTo((yield* look("lasting", key))!.life!, 3_600_000, 5_000)
        }
        yield* Cache.setMany(lasting, { a: 1 }, { timeToLive: "2 hours" })
        assert.closeTo((yield* look("lasting", "a"))!.life!, 7_200_000, 5_000)
      }))

    test("deleteMany counts fresh values, each once", () =>
      Effect.gen(function*() {
        yield* Cache.set(staling, "stale", 1)
        yield* outlive(short)
        yield* Cache.setMany(staling, { a: 1, b: 2 }, { timeToLive: "1 hour" })
        yield* plantLease("staling", "leased")
        assert.strictEqual(yield* Cache.deleteMany(staling, ["a", "b", "a", "stale", "leased", "x"]), 2)
        assert.strictEqual(yield* Cache.deleteMany(staling, []), 0)
        assert.isUndefined(yield* look("staling", "stale"))
        assert.isUndefined(yield* look("staling", "leased"))
      }))
  })
}
