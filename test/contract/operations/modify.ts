/** `modify` reads, decides and writes, with no other write in between. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Ref } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { failureOf, header, look, minutes, plant, short, type Subject } from "../subject.js"

export const modify = ({ outlive, staling, test, things }: Subject): void => {
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

    test("sees fresh values only, and fails if its function fails", () =>
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

    describe("to none", () => {
      const down = Cache.getOrSet(staling, "a", Effect.fail("down"))

      test("removes a stale value, which is served no more", () =>
        Effect.gen(function*() {
          yield* Cache.set(staling, "a", "old")
          yield* outlive(short)
          assert.deepStrictEqual(yield* Cache.modify(staling, "a", () => Option.none()), Option.none())
          assert.isUndefined(yield* look("staling", "a"))
          assert.strictEqual(yield* failureOf(down), "down")
        }))

      test("removes an entry of another version, and one that does not decode", () =>
        Effect.gen(function*() {
          const next = Cache.make({ name: "things", version: 2 })
          yield* Cache.set(things, "a", "of another version")
          yield* plant("things", "b", header(0, 0xc1))
          yield* plant("things", "c", "foreign")
          for (const key of ["a", "b", "c"]) {
            yield* Cache.modify(next, key, () => Option.none())
            assert.isUndefined(yield* look("things", key), key)
          }
        }))

      for (const stale of [false, true]) {
        test(`prevents a load in flight over ${stale ? "a stale value" : "nothing"} from storing its value`, () =>
          Effect.gen(function*() {
            if (stale) {
              yield* Cache.set(staling, "a", "old")
              yield* outlive(short)
            }
            const begun = yield* Deferred.make<void>()
            const end = yield* Deferred.make<string>()
            const load = Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(end))
            const loading = yield* Effect.fork(Cache.getOrSet(staling, "a", load))
            yield* Deferred.await(begun)
            yield* Cache.modify(staling, "a", () => Option.none())
            yield* Deferred.succeed(end, "before")
            assert.strictEqual(yield* Fiber.join(loading), "before")
            assert.isUndefined(yield* look("staling", "a"))
          }))
      }

      test("does not remove a value that was written meanwhile: it decides again", () =>
        Effect.gen(function*() {
          const seen: Array<Option.Option<unknown>> = []
          const answer = yield* Cache.modify(things, "a", (found) => {
            seen.push(found)
            return Option.isSome(found) ? Option.some("kept") : Effect.as(Cache.set(things, "a", 1), Option.none())
          })
          assert.deepStrictEqual(answer, Option.some("kept"))
          assert.deepStrictEqual(seen, [Option.none(), Option.some(1)])
        }))
    })
  })
}
