/** Loads receive the previous value, and may keep it. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { collect, look, short, type Subject } from "../subject.js"

const kept = Cache.make({ name: "kept", timeToLive: short, retain: "1 hour", tags: (key) => [`tag:${key}`] })

const unchanged = (_: unknown, previous: Option.Option<Cache.Previous<unknown>>) =>
  Effect.succeed(Option.isSome(previous) ? Cache.unchanged : "loaded")

export const previous = ({ outlive, test }: Subject): void => {
  describe("the previous value that a load receives", () => {
    test("can be a value past its windows, which nothing else returns", () =>
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

    test("is never a deleted or invalidated value", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(kept, { a: "old", b: "old", c: "old" })
        yield* outlive(short)
        yield* Cache.delete(kept, "a")
        yield* Cache.invalidateTags(kept, ["tag:b"])
        for (const [key, value] of [["a", "loaded"], ["b", "loaded"], ["c", "old"]] as const) {
          assert.strictEqual(yield* Cache.getOrSet(kept, key, unchanged), value)
        }
      }))

    test("is the stored value if the load is forced, for each of many keys", () =>
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
