/** Loads are told what was there, and may leave it as it was. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { collect, look, short, type Subject } from "../subject.js"

const kept = Cache.make({ name: "kept", timeToLive: short, retain: "1 hour", tags: (key) => [`tag:${key}`] })

const unchanged = (_: unknown, previous: Option.Option<Cache.Previous<unknown>>) =>
  Effect.succeed(Option.isSome(previous) ? Cache.unchanged : "loaded")

export const previous = ({ outlive, test }: Subject): void => {
  describe("what a load is told of", () => {
    test("is what is kept past its windows, which nothing else is given", () =>
      Effect.gen(function*() {
        yield* Cache.set(kept, "a", { of: "old" })
        const before = yield* look("kept", "a")
        yield* outlive(short)
        assert.deepStrictEqual(yield* Cache.get(kept, "a"), Option.none())
        assert.deepStrictEqual(yield* collect(kept), [])
        assert.isFalse(yield* Cache.touch(kept, "a", "1 hour"))
        assert.deepStrictEqual(
          yield* Cache.getOrSet(kept, "a", unchanged, { timeToLive: "1 hour" }),
          { of: "old" }
        )
        assert.deepStrictEqual(yield* Cache.get(kept, "a"), Option.some({ of: "old" }))
        const after = yield* look("kept", "a")
        assert.notStrictEqual(after?.text, before?.text)
      }))

    test("is not what was deleted or invalidated", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(kept, { a: "old", b: "old", c: "old" })
        yield* outlive(short)
        yield* Cache.delete(kept, "a")
        yield* Cache.invalidateTags(kept, ["tag:b"])
        for (const [key, value] of [["a", "loaded"], ["b", "loaded"], ["c", "old"]] as const) {
          assert.strictEqual(yield* Cache.getOrSet(kept, key, unchanged), value)
        }
      }))

    test("is what stands there where the load is forced, and of each of many keys", () =>
      Effect.gen(function*() {
        yield* Cache.set(kept, "a", "old", { timeToLive: "1 hour" })
        assert.strictEqual(yield* Cache.refresh(kept, "a", unchanged), "old")
        yield* Cache.set(kept, "b", "old")
        yield* outlive(short)
        const values = yield* Cache.getOrSetMany(kept, ["b", "c"], (keys, told) =>
          Effect.succeed(keys.map((key) =>
            [key, told.has(key) ? Cache.unchanged : "loaded"] as const
          )))
        assert.deepStrictEqual([...values], [["b", "old"], ["c", "loaded"]])
      }))
  })
}
