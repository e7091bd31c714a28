/** `explain` tells why a `get` hits or misses. */
import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Option, Schema } from "effect"
import { Cache, Memo } from "effect-redis-cache"
import { collect, failureOf, header, minutes, plant, plantLease, redisKey, short, type Subject } from "../subject.js"

export const explain = ({ counts, outlive, staling, test, things }: Subject): void => {
  describe("explain", () => {
    const teller = Cache.make({ name: "teller", timeToLive: "1 hour", staleIfError: "1 hour" })

    test("describes a fresh value", () =>
      Effect.gen(function*() {
        yield* Cache.set(teller, "a", "value", { tags: ["t"] })
        const found = yield* Cache.explain(teller, "a")
        assert.strictEqual(found.state, "Fresh")
        assert.strictEqual(found.redisKey, yield* redisKey("teller", "a"))
        assert.closeTo(minutes(found.timeToLive), 60, 1)
        assert.closeTo(minutes(found.life), 120, 1)
        assert.closeTo(minutes(found.age), 0, 1)
        assert.isAbove(found.size, 16)
        assert.isAbove(Option.getOrThrow(found.memory), found.size)
        assert.deepStrictEqual(found.version, Option.some(0))
        assert.deepStrictEqual(found.lease, Option.none())
        assert.deepStrictEqual(found.tags, [{ name: "t", holds: true, held: false }])
        yield* Cache.set(things, "a", 1)
        assert.deepStrictEqual((yield* Cache.explain(things, "a")).timeToLive, Option.some(Duration.infinity))
      }))

    test("says why a get would miss", () =>
      Effect.gen(function*() {
        const states: Record<string, string> = {}
        const state = <V, E>(what: string, cache: Cache.Cache<string, V, E>, key = what) =>
          Effect.map(Cache.explain(cache, key), (found) => {
            states[what] = found.state
            assert.isNotEmpty(found.reason)
          })
        yield* state("missing", teller)
        yield* Cache.set(staling, "stale", 1)
        yield* outlive(short)
        yield* state("stale", staling)
        yield* plantLease("teller", "leased")
        yield* state("leased", teller)
        assert.isTrue(Option.isSome((yield* Cache.explain(teller, "leased")).lease))
        yield* Cache.set(teller, "invalidated", 1, { tags: ["t"] })
        yield* Cache.invalidateTags(teller, ["t"])
        yield* state("invalidated", teller)
        yield* Cache.set(Cache.make({ name: "teller", version: 3 }), "versioned", 1)
        yield* state("versioned", teller)
        yield* plant("teller", "undecodable", header(0, 0xc1))
        yield* state("undecodable", teller)
        yield* plant("teller", "foreign", "text")
        yield* state("foreign", teller)
        yield* plant("counts", "foreign counter", "text")
        yield* state("foreign counter", counts)
        yield* Cache.increment(counts, "counter")
        yield* state("counter", counts)
        assert.deepStrictEqual(states, {
          "missing": "Missing",
          "stale": "Stale",
          "leased": "Leased",
          "invalidated": "Invalidated",
          "versioned": "OtherVersion",
          "undecodable": "Undecodable",
          "foreign": "Foreign",
          "foreign counter": "Foreign",
          "counter": "Fresh"
        })
      }))

    test("describes a cached failure, which is not a value", () =>
      Effect.gen(function*() {
        const failing = Memo.cached(
          (_id: number): Effect.Effect<string, string> => Effect.fail("no such user"),
          { name: "failing", errors: { schema: Schema.String, timeToLive: "1 hour" } }
        )
        assert.strictEqual(yield* failureOf(failing(1)), "no such user")
        assert.strictEqual((yield* Cache.explain(failing.cache, [1])).state, "Failure")
        assert.deepStrictEqual(yield* failing.peek(1), Option.none())
        assert.deepStrictEqual(yield* collect(failing.cache), [])
        assert.isFalse(yield* failing.bust(1))
        assert.strictEqual((yield* Cache.explain(failing.cache, [1])).state, "Missing")
      }))
  })
}
