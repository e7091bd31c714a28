/** The limit of concurrent background refreshes: each cache has its own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { instances, settle } from "../memoryInstances.js"

const policy = {
  codec: Codec.structural<string>(),
  timeToLive: "1 second",
  staleWhileRevalidate: "1 hour"
} as const
const hung = Cache.make({ ...policy, name: "hung" })
const well = Cache.make({ ...policy, name: "well" })
const few = Cache.make({ ...policy, name: "few", maxConcurrentRefreshes: 2, refreshTimeout: "3 seconds" })

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`)

const stale = (cache: typeof hung, count: number) =>
  Effect.zipRight(
    Cache.setMany(cache, keysOf(count).map((key) => [key, "stale"] as const)),
    TestClock.adjust("2 seconds")
  )

describe("background refreshes", () => {
  it.scoped("32 hanging ones of one cache do not prevent another cache's", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(stale(hung, 40))
      yield* first(stale(well, 1))
      for (const key of keysOf(40)) {
        assert.strictEqual(yield* first(Cache.getOrSet(hung, key, Effect.never)), "stale")
      }
      yield* settle
      assert.strictEqual((yield* first(Cache.stats(hung))).skippedRefreshes, 8)
      assert.strictEqual(yield* first(Cache.getOrSet(well, "k0", Effect.succeed("new"))), "stale")
      yield* settle
      assert.deepStrictEqual(yield* first(Cache.get(well, "k0")), Option.some("new"))
      assert.strictEqual((yield* first(Cache.stats(well))).skippedRefreshes, 0)
    }))

  for (
    const [how, load] of [["", Effect.never], [
      ", uninterruptible ones too",
      Effect.uninterruptible(Effect.sleep("1 hour"))
    ]] as const
  ) {
    it.scoped(`free their places after refreshTimeout${how}`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        yield* first(stale(few, 4))
        const read = (key: string) => Effect.zipLeft(first(Cache.getOrSet(few, key, Effect.as(load, "late"))), settle)
        for (const key of keysOf(3)) assert.strictEqual(yield* read(key), "stale")
        assert.strictEqual((yield* first(Cache.stats(few))).skippedRefreshes, 1)
        yield* TestClock.adjust("2900 millis")
        yield* read("k2")
        assert.strictEqual((yield* first(Cache.stats(few))).skippedRefreshes, 2)
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(yield* first(Cache.getOrSet(few, "k3", Effect.succeed("new"))), "stale")
        yield* settle
        assert.deepStrictEqual(yield* first(Cache.get(few, "k3")), Option.some("new"))
        assert.strictEqual((yield* first(Cache.stats(few))).skippedRefreshes, 2)
        yield* TestClock.adjust("1 hour")
      }))
  }

  it.scoped("a batch of stale keys takes one place", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(stale(few, 4))
      const all = yield* first(Cache.getOrSetMany(few, keysOf(4), () => Effect.never))
      assert.deepStrictEqual([...new Set(all.values())], ["stale"])
      yield* settle
      yield* first(Cache.set(few, "other", "stale"))
      yield* TestClock.adjust("2 seconds")
      yield* first(Cache.getOrSet(few, "other", Effect.succeed("new")))
      yield* settle
      assert.deepStrictEqual(yield* first(Cache.get(few, "other")), Option.some("new"))
    }))

  it.scoped("invalid definitions are refused", () =>
    Effect.sync(() => {
      for (const options of [{ maxConcurrentRefreshes: 0 }, { maxConcurrentRefreshes: 1.5 }, { refreshTimeout: 0 }]) {
        assert.throws(() => Cache.make({ ...policy, name: "bad", ...options }), RangeError, Object.keys(options)[0])
      }
    }))
})
