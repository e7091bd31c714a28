/** Each cache lists and flushes its own keys and no others, whatever its name. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, Redis } from "effect-redis-cache"
import { uniquePrefix } from "../../../support/sharedRedis.js"
import { collect, look, plant, plantLease, type Subject } from "../../subject.js"

export const flush = ({ layer, run, test, things }: Subject): void => {
  describe("caches", () => {
    // Names that would match others if names and prefixes were patterns.
    const names = [
      "users",
      "usersAbc",
      "user",
      "a*",
      "ab",
      "abc",
      "a?",
      "[ab]",
      "a",
      "b\\c",
      "bc",
      "b\\\\c",
      "^",
      "tag"
    ]
    const caches = names.map((each) => Cache.make({ name: each }))

    test("list and flush their own keys, whatever their names", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        const besides = [`${driver.prefix}users`, `${driver.prefix}:tag:users:a`, `x${driver.prefix}users:1`]
        for (const key of besides) {
          yield* driver.set({ key, bytes: Uint8Array.of(1), life: undefined }, {
            onSuccess: () => Effect.void,
            onFailure: (error) => Effect.fail(error)
          })
        }
        const expected = (cache: string) => [`${cache}:1`, `${cache}:2`, "1"].sort()
        for (const cache of caches) {
          yield* Cache.setMany(cache, expected(cache.name).map((key) => [key, cache.name]))
        }
        const left = new Set(names)
        for (const cache of caches) {
          assert.deepStrictEqual(yield* collect(cache), expected(cache.name))
          assert.strictEqual(yield* Cache.flush(cache), 3)
          left.delete(cache.name)
          for (const other of caches) {
            assert.deepStrictEqual(yield* collect(other), left.has(other.name) ? expected(other.name) : [])
          }
        }
        assert.deepStrictEqual((yield* driver.heads(besides, 1)).map((head) => head?.[0]), [1, 1, 1])
        yield* driver.take(besides)
      }))

    run("of other prefixes are not touched, whatever the prefixes", () =>
      Effect.gen(function*() {
        const root = uniquePrefix()
        const prefixes = ["a*:", "ab:", "a?:", "a[b]:", "a\\*:", "a", ""]
        const on = <A, E>(prefix: string, effect: Effect.Effect<A, E, Redis.Redis>) =>
          Effect.provide(effect, layer(`${root}${prefix}`))
        for (const prefix of prefixes) yield* on(prefix, Cache.setMany(things, { a: 1, b: prefix }))
        for (const [index, prefix] of prefixes.entries()) {
          assert.strictEqual(yield* on(prefix, Cache.flush(things)), 2)
          for (const other of prefixes.slice(index + 1)) {
            assert.deepStrictEqual(yield* on(other, collect(things)), ["a", "b"])
          }
        }
      }))

    test("many keys are listed and flushed completely", () =>
      Effect.gen(function*() {
        const keys = Array.from({ length: 2_500 }, (_, i) => `${i}`)
        yield* Cache.setMany(things, keys.map((key) => [key, 1]))
        assert.deepStrictEqual([...new Set(yield* collect(things))], [...keys].sort())
        assert.strictEqual(yield* Cache.flush(things), 2_500)
        assert.strictEqual(yield* Cache.flush(things), 0)
        assert.deepStrictEqual(yield* collect(things), [])
      }))

    test("flush markers and foreign bytes too, and count all of them", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        yield* plantLease("things", "leased")
        yield* plant("things", "garbage", "text")
        assert.strictEqual(yield* Cache.flush(things), 3)
        assert.isUndefined(yield* look("things", "leased"))
        assert.isUndefined(yield* look("things", "garbage"))
      }))

    test("of one name and different versions do not see each other's values", () =>
      Effect.gen(function*() {
        const first = Cache.make({ name: "versions", version: 1 })
        const second = Cache.make({ name: "versions", version: 2 })
        yield* Cache.set(first, "a", "one")
        assert.isFalse(yield* Cache.has(second, "a"))
        assert.deepStrictEqual(yield* Cache.getMany(second, ["a"]), new Map())
        assert.deepStrictEqual(yield* collect(second), [])
        assert.deepStrictEqual(yield* Cache.timeToLive(second, "a"), Option.none())
        assert.isFalse(yield* Cache.touch(second, "a", "1 hour"))
        assert.deepStrictEqual(yield* Cache.get(first, "a"), Option.some("one"))
        assert.isTrue(yield* Cache.setIfAbsent(second, "a", "two"))
        assert.deepStrictEqual(yield* Cache.get(second, "a"), Option.some("two"))
        assert.isFalse(yield* Cache.has(first, "a"))
        assert.strictEqual(yield* Cache.getOrSet(first, "a", Effect.succeed("new")), "new")
        assert.isFalse(yield* Cache.delete(second, "a"))
        assert.isFalse(yield* Cache.has(first, "a"))
      }))
  })
}
