/** Tags of keys, of values and of single writes. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { collect, failsWith, type Subject } from "../../subject.js"

export const invalidateTags = ({ lasting, test, things }: Subject): void => {
  describe("tags", () => {
    const team = Cache.make({
      name: "team",
      codec: Codec.structural<{ readonly by: string }>(),
      timeToLive: "1 hour",
      tags: (key) => [`team:${key[0]}`],
      valueTags: (value) => [`by:${value.by}`]
    })

    test("of key, value and write invalidate exactly the entries that have them", () =>
      Effect.gen(function*() {
        const fill = Effect.gen(function*() {
          yield* Cache.set(team, "a1", { by: "ada" }, { tags: ["odd: {*} 😀"] })
          yield* Cache.setMany(team, { a2: { by: "bob" }, b1: { by: "ada" } })
          yield* Cache.getOrSet(team, "b2", Effect.succeed({ by: "bob" }))
          assert.deepStrictEqual(yield* collect(team), ["a1", "a2", "b1", "b2"])
        })
        const left: ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<string>]> = [
          [["team:a"], ["b1", "b2"]],
          [["by:ada"], ["a2", "b2"]],
          [["odd: {*} 😀"], ["a2", "b1", "b2"]],
          [["team:a", "by:bob"], ["b1"]],
          [["nobody has it"], ["a1", "a2", "b1", "b2"]],
          [[], ["a1", "a2", "b1", "b2"]]
        ]
        for (const [tags, keys] of left) {
          yield* fill
          yield* Cache.invalidateTags(team, tags)
          assert.deepStrictEqual(yield* collect(team), keys)
          assert.deepStrictEqual([...(yield* Cache.getMany(team, ["a1", "a2", "b1", "b2"])).keys()], keys)
          for (const key of ["a1", "a2", "b1", "b2"]) {
            assert.strictEqual(yield* Cache.has(team, key), keys.includes(key))
            assert.strictEqual(Option.isSome(yield* Cache.timeToLive(team, key)), keys.includes(key))
            assert.strictEqual(yield* Cache.touch(team, key, "2 hours"), keys.includes(key))
            assert.strictEqual(yield* Cache.delete(team, key), keys.includes(key))
          }
        }
      }))

    test("invalidated entries are loaded, written and modified anew", () =>
      Effect.gen(function*() {
        const invalidated = Effect.zipRight(
          Cache.set(team, "a1", { by: "ada" }),
          Cache.invalidateTags(team, ["team:a"])
        )
        yield* invalidated
        assert.deepStrictEqual(yield* Cache.getOrSet(team, "a1", Effect.succeed({ by: "eve" })), { by: "eve" })
        assert.deepStrictEqual(yield* Cache.get(team, "a1"), Option.some({ by: "eve" }))
        yield* invalidated
        assert.isTrue(yield* Cache.setIfAbsent(team, "a1", { by: "eve" }))
        yield* invalidated
        assert.deepStrictEqual(
          yield* Cache.modify(team, "a1", (found) => Option.isNone(found) ? Option.some({ by: "eve" }) : found),
          Option.some({ by: "eve" })
        )
        yield* invalidated
        assert.deepStrictEqual(yield* Cache.take(team, "a1"), Option.none())
      }))

    test("belong to one cache each", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1, { tags: ["t"] })
        yield* Cache.set(lasting, "a", 1, { tags: ["t"] })
        yield* Cache.invalidateTags(things, ["t"])
        assert.isFalse(yield* Cache.has(things, "a"))
        assert.isTrue(yield* Cache.has(lasting, "a"))
      }))

    test("that an entry cannot hold are refused", () =>
      Effect.gen(function*() {
        for (const tags of [[""], ["x".repeat(256)], ["\ud800"], Array.from({ length: 256 }, (_, i) => `${i}`)]) {
          yield* failsWith(Cache.set(things, "a", 1, { tags }), /^Cache "things": tags must /)
          yield* failsWith(
            Cache.getOrSet(things, "a", Effect.succeed(1), { tags }),
            /^Cache "things": tags must /
          )
          yield* failsWith(Cache.invalidateTags(things, tags), /^Cache "things": tags must /)
        }
        assert.deepStrictEqual(yield* collect(things), [])
        const most = Array.from({ length: 255 }, (_, i) => `${i}`.padStart(255, "x"))
        yield* Cache.set(things, "a", 1, { tags: most })
        assert.isTrue(yield* Cache.has(things, "a"))
        assert.deepStrictEqual(yield* collect(things), ["a"])
      }))
  })
}
