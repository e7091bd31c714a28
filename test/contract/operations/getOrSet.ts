/** Loads: `getOrSet`, `getOrSetMany` and `refresh`. */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Option, Ref } from "effect"
import { Cache } from "effect-redis-cache"
import { collect, failureOf, look, minutes, type Subject } from "../subject.js"

export const getOrSet = ({ counts, lasting, test, things }: Subject): void => {
  describe("loads", () => {
    test("getOrSet computes an absent value once, and stores it", () =>
      Effect.gen(function*() {
        const runs = yield* Ref.make(0)
        const load = (key: string) => Effect.map(Ref.updateAndGet(runs, (n) => n + 1), (n) => `${key}${n}`)
        assert.strictEqual(yield* Cache.getOrSet(lasting, "a", load), "a1")
        assert.strictEqual(yield* Cache.getOrSet(lasting, "a", load), "a1")
        assert.closeTo(minutes(yield* Cache.timeToLive(lasting, "a")), 60, 1)
        const together = yield* Effect.all(
          Array.from(
            { length: 50 },
            () => Cache.getOrSet(lasting, "b", Effect.zipLeft(load("b"), Effect.yieldNow()))
          ),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual([...new Set(together)], ["b2"])
        yield* Cache.getOrSet(lasting, "c", load, { timeToLive: "2 hours", tags: ["t"] })
        assert.closeTo(minutes(yield* Cache.timeToLive(lasting, "c")), 120, 1)
        yield* Cache.invalidateTags(lasting, ["t"])
        assert.strictEqual(yield* Cache.getOrSet(lasting, "c", load), "c4")
      }))

    test("a failure is not stored, and leaves nothing behind", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* failureOf(Cache.getOrSet(things, "a", Effect.fail("no"))), "no")
        const died = yield* Effect.exit(Cache.getOrSet(things, "a", Effect.die("worse")))
        assert.isTrue(Exit.isFailure(died))
        assert.isUndefined(yield* look("things", "a"))
        assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed(1)), 1)
      }))

    test("a load has a scope of its own, which closes when it ends", () =>
      Effect.gen(function*() {
        const events: Array<string> = []
        const load = Effect.acquireRelease(
          Effect.sync(() => events.push("opened")),
          () => Effect.sync(() => events.push("closed"))
        )
        yield* Cache.getOrSet(things, "a", load)
        assert.deepStrictEqual(events, ["opened", "closed"])
      }))

    test("refresh and forceRefresh load, whatever is stored", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        assert.strictEqual(yield* Cache.refresh(things, "a", Effect.succeed(2)), 2)
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(2))
        assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed(3), { forceRefresh: true }), 3)
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(3))
        assert.strictEqual(yield* failureOf(Cache.refresh(things, "a", Effect.fail("no"))), "no")
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(3))
        assert.strictEqual(yield* Cache.refresh(counts, "a", Effect.succeed(4)), 4)
        assert.strictEqual(yield* Cache.refresh(counts, "a", Effect.succeed(5)), 5)
        assert.strictEqual((yield* look("counts", "a"))!.text, "5")
      }))

    test("getOrSetMany loads all absent keys in one call", () =>
      Effect.gen(function*() {
        const asked: Array<ReadonlyArray<string>> = []
        const load = (keys: ReadonlyArray<string>) => {
          asked.push(keys)
          return Effect.succeed(keys.filter((key) => key !== "unknown").map((key) => [key, `new ${key}`] as const))
        }
        yield* Cache.setMany(lasting, { a: "a", b: "b" })
        assert.deepStrictEqual(
          [...yield* Cache.getOrSetMany(lasting, ["c", "a", "unknown", "b", "d", "a", "c"], load)],
          [["c", "new c"], ["a", "a"], ["b", "b"], ["d", "new d"]]
        )
        assert.deepStrictEqual(asked, [["c", "unknown", "d"]])
        assert.deepStrictEqual(yield* collect(lasting), ["a", "b", "c", "d"])
        assert.isUndefined(yield* look("lasting", "unknown"))
        assert.deepStrictEqual(yield* Cache.getOrSetMany(lasting, ["a"], load), new Map([["a", "a"]]))
        assert.deepStrictEqual(yield* Cache.getOrSetMany(lasting, [], load), new Map())
        assert.strictEqual(asked.length, 1)
        assert.strictEqual(yield* failureOf(Cache.getOrSetMany(lasting, ["x"], () => Effect.fail("no"))), "no")
        assert.isUndefined(yield* look("lasting", "x"))
      }))

    test("getOrSet of a counter stores plain text", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Cache.getOrSet(counts, "a", Effect.succeed(41)), 41)
        assert.strictEqual(yield* Cache.increment(counts, "a"), 42)
      }))

    test("a delete during a load is not undone", () =>
      Effect.gen(function*() {
        const value = yield* Cache.getOrSet(things, "a", Effect.as(Cache.delete(things, "a"), "old"))
        assert.strictEqual(value, "old")
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.none())
        yield* Cache.getOrSet(things, "a", Effect.as(Cache.set(things, "a", "newer"), "old"))
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some("newer"))
        assert.strictEqual((yield* Cache.stats(things)).refusedFills, 2)
      }))
  })
}
