/** Removing operations look at what is stored: they leave holds of updates alone, and tags that other entries need. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, Redis } from "effect-redis-cache"
import { collect, header, look, plant, type Subject } from "../../subject.js"

/** Updates of the source are in progress here. */
const hold = header(1 + 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)

const text = new TextDecoder()

export const removing = ({ lasting, test, things }: Subject): void => {
  describe("removing", () => {
    test("leaves holds in place", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        yield* plant("things", "held", hold)
        yield* Cache.set(things, "a", 1)
        assert.isFalse(yield* Cache.delete(things, "held"))
        assert.strictEqual(yield* Cache.deleteMany(things, ["held", "a"]), 1)
        assert.deepStrictEqual(yield* Cache.take(things, "held"), Option.none())
        yield* Cache.set(things, "a", 1)
        assert.strictEqual(yield* Cache.flush(things), 1)
        assert.deepStrictEqual(yield* collect(things), [])
        assert.strictEqual((yield* look("things", "held"))?.text, text.decode(hold))
        // An explicit write replaces the hold.
        yield* Cache.set(things, "held", 2)
        assert.deepStrictEqual(yield* Cache.take(things, "held"), Option.some(2))
        assert.isUndefined(yield* look("things", "held"))
        yield* driver.take([`${driver.prefix}things:held`])
      }))

    test("leaves holds of tags in place", () =>
      Effect.gen(function*() {
        yield* plant(":tag:things", "t", hold)
        yield* Cache.invalidateTags(things, ["t"])
        yield* Cache.flush(things)
        assert.strictEqual((yield* look(":tag:things", "t"))?.text, text.decode(hold))
      }))

    test("judges the tags of the entries that it removes, however many there are", () =>
      Effect.gen(function*() {
        const many = Array.from({ length: 255 }, (_, i) => `${i}`.padStart(255, "x"))
        for (const tags of [["t"], ["t", "u".repeat(250)], ["t", ...many.slice(1)]]) {
          const put = Cache.set(things, "a", "x".repeat(10_000), { tags })
          yield* put
          assert.isTrue(yield* Cache.delete(things, "a"))
          assert.isFalse(yield* Cache.delete(things, "a"))
          yield* put
          yield* Cache.invalidateTags(things, [tags[tags.length - 1]!])
          assert.strictEqual(yield* Cache.deleteMany(things, ["a", "a"]), 0)
          assert.isUndefined(yield* look("things", "a"))
        }
      }))

    test("of all keys removes the cache's tags, and nothing of any other cache", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1, { tags: ["t", "u"] })
        // No entry has this tag any more.
        yield* Cache.set(things, "b", 1, { tags: ["left behind"] })
        yield* Cache.delete(things, "b")
        yield* Cache.set(lasting, "a", 1, { tags: ["t"] })
        // A key that a cache named "tag" would have, under a prefix that ends in a colon, unlike this one.
        yield* plant(":tag:things", "entry", header(0, 1))
        yield* plant(":tag:things", "counter", "12345678")
        for (const tag of ["t", "u", "left behind"]) assert.isDefined(yield* look(":tag:things", tag))
        assert.strictEqual(yield* Cache.flush(things), 1)
        for (const tag of ["t", "u", "left behind"]) assert.isUndefined(yield* look(":tag:things", tag))
        assert.isDefined(yield* look(":tag:things", "entry"))
        assert.isDefined(yield* look(":tag:things", "counter"))
        assert.deepStrictEqual(yield* Cache.get(lasting, "a"), Option.some(1))
        yield* Cache.set(things, "a", 2, { tags: ["t"] })
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(2))
      }))
  })
}
