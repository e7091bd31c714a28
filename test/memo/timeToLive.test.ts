import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Option, TestClock } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory
const succeed = () => Effect.succeed(1)

describe("The time to live of results", () => {
  it("zero, negative, NaN and anything else that is not a duration are refused at definition", () => {
    for (const bad of [0, -1, NaN, -Infinity, "0 seconds", "-1 seconds", Duration.zero, [0, 0], 0n] as const) {
      assert.throws(() => Memo.cached(succeed, { name: "f", timeToLive: bad }), RangeError, "timeToLive")
    }
    assert.throws(
      () =>
        Memo.cached(function f() {
          return Effect.succeed(1)
        }, 0),
      RangeError,
      "timeToLive"
    )
    // @ts-expect-error: no duration
    assert.throws(() => Memo.cached(succeed, { name: "f", timeToLive: "soon" }), RangeError, "timeToLive")
    assert.throws(() => Memo.cached(succeed, { name: "f", timeout: 0 }), RangeError, "timeout")
    assert.throws(() => Memo.cached(succeed, { name: "f", staleIfError: -1 }), RangeError, "staleIfError")
    assert.throws(() => Memo.cached(succeed, { name: "f", jitter: 2 }), RangeError, "jitter")
  })

  it.effect("accepts a duration in any of its forms", () =>
    Effect.gen(function*() {
      const forms = [2000, "2 seconds", Duration.seconds(2), [2, 0], 2_000_000_000n] as const
      for (const [i, form] of forms.entries()) {
        const f = Memo.cached(() => Effect.succeed(1), { name: `f${i}`, timeToLive: form })
        yield* f()
        assert.deepStrictEqual(yield* Cache.timeToLive(f.cache, []), Option.some(Duration.seconds(2)))
      }
    }).pipe(Effect.provide(memory)))

  it.effect("may depend on the exit of the computation; zero or less is not stored", () =>
    Effect.gen(function*() {
      let runs = 0
      const lives: Record<string, Duration.DurationInput> = { short: "1 second", long: "1 hour", never: 0, less: -5 }
      const f = Memo.cached(function f(which: string) {
        return Effect.sync(() => {
          runs++
          return which
        })
      }, { timeToLive: (exit) => Exit.isSuccess(exit) ? lives[exit.value]! : "1 day" })
      for (const which of Object.keys(lives)) yield* f(which)
      assert.deepStrictEqual(yield* Cache.timeToLive(f.cache, ["short"]), Option.some(Duration.seconds(1)))
      assert.deepStrictEqual(yield* Cache.timeToLive(f.cache, ["long"]), Option.some(Duration.hours(1)))
      assert.deepStrictEqual(yield* Cache.timeToLive(f.cache, ["never"]), Option.none())
      assert.deepStrictEqual(yield* Cache.timeToLive(f.cache, ["less"]), Option.none())
      assert.strictEqual(runs, 4)
      yield* TestClock.adjust("1 second")
      for (const which of Object.keys(lives)) yield* f(which)
      assert.strictEqual(runs, 7, "all but the long one anew")
    }).pipe(Effect.provide(memory)))

  it.effect("begins when the computation has ended", () =>
    Effect.gen(function*() {
      const f = Memo.cached(() => Effect.delay(Effect.succeed(1), "5 seconds"), { name: "f", timeToLive: "10 seconds" })
      const fiber = yield* Effect.fork(f())
      yield* TestClock.adjust("5 seconds")
      yield* fiber
      assert.deepStrictEqual(yield* Cache.timeToLive(f.cache, []), Option.some(Duration.seconds(10)))
    }).pipe(Effect.provide(memory)))
})
