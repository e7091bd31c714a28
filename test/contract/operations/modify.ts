/** `modify` reads, decides and writes, and no other write comes between. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option, Ref } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { failureOf, minutes, short, type Subject } from "../subject.js"

export const modify = ({ outlive, staling, test }: Subject): void => {
  describe("modify", () => {
    test("replaces, stores and deletes", () =>
      Effect.gen(function*() {
        const numbers = Cache.make({ name: "numbers", codec: Codec.structural<number>() })
        const next = (found: Option.Option<number>) => Option.some(Option.getOrElse(found, () => 0) + 1)
        assert.deepStrictEqual(yield* Cache.modify(numbers, "a", next), Option.some(1))
        assert.deepStrictEqual(
          yield* Cache.modify(numbers, "a", (found) => Effect.succeed(next(found))),
          Option.some(2)
        )
        assert.deepStrictEqual(
          yield* Cache.modify(numbers, "a", (found) => Option.map(found, (n) => n * 10)),
          Option.some(20)
        )
        assert.deepStrictEqual(yield* Cache.modify(numbers, "a", () => Option.none()), Option.none())
        assert.isFalse(yield* Cache.has(numbers, "a"))
        assert.deepStrictEqual(yield* Cache.modify(numbers, "a", (found) => found), Option.none())
        yield* Cache.modify(numbers, "a", next, { timeToLive: "1 hour" })
        assert.closeTo(minutes(yield* Cache.timeToLive(numbers, "a")), 60, 1)
      }))

    test("sees fresh values only, and fails with what the function fails with", () =>
      Effect.gen(function*() {
        yield* Cache.set(staling, "a", 1)
        yield* outlive(short)
        const seen = yield* Ref.make<Option.Option<unknown>>(Option.some("nothing seen"))
        yield* Cache.modify(staling, "a", (found) => Effect.as(Ref.set(seen, found), Option.some(2)), {
          timeToLive: "1 hour"
        })
        assert.deepStrictEqual(yield* Ref.get(seen), Option.none())
        assert.strictEqual(yield* failureOf(Cache.modify(staling, "a", () => Effect.fail("no"))), "no")
        assert.deepStrictEqual(yield* Cache.get(staling, "a"), Option.some(2))
      }))

    test("concurrent ones all count", () =>
      Effect.gen(function*() {
        const numbers = Cache.make({ name: "numbers", codec: Codec.structural<number>() })
        const one = Cache.modify(numbers, "a", (found) =>
          Effect.as(
            Effect.yieldNow(),
            Option.some(Option.getOrElse(found, () => 0) + 1)
          ))
        yield* Effect.all(Array.from({ length: 25 }, () => one), { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* Cache.get(numbers, "a"), Option.some(25))
      }))
  })
}
