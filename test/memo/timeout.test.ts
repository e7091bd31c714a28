import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, TestClock } from "effect"
import { Cache, CacheError, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

describe("The timeout of a memoized function", () => {
  it.effect("fails with Empty, while the load goes on and its value is stored", () =>
    Effect.gen(function*() {
      let runs = 0
      const slow = Memo.cached(function slow(n: number) {
        return Effect.delay(
          Effect.sync(() => {
            runs++
            return n
          }),
          "5 seconds"
        )
      }, { timeToLive: "1 minute", timeout: "1 second" })
      const fiber = yield* Effect.fork(Effect.flip(slow(7)))
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, CacheError.Empty)
      if (error instanceof CacheError.Empty) {
        assert.strictEqual(error.reason, "TimedOut")
        assert.strictEqual(error.key, yield* slow.key(7))
        assert.deepStrictEqual(error.waited, Duration.seconds(1))
      }
      assert.deepStrictEqual(yield* slow.peek(7), Option.none())
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(yield* slow.peek(7), Option.some(7))
      assert.strictEqual(yield* slow(7), 7)
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("belongs to each caller: a later one waits longer", () =>
    Effect.gen(function*() {
      const slow = Memo.cached(function slow() {
        return Effect.delay(Effect.succeed(1), "5 seconds")
      }, { timeout: "3 seconds" })
      const first = yield* Effect.fork(Effect.exit(slow()))
      yield* TestClock.adjust("2500 millis")
      const second = yield* Effect.fork(slow())
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual((yield* Fiber.join(first))._tag, "Failure")
      assert.strictEqual(yield* Fiber.join(second), 1)
    }).pipe(Effect.provide(memory)))

  it.effect("does not affect a hit, nor a load that is fast enough", () =>
    Effect.gen(function*() {
      const quick = Memo.cached(function quick() {
        return Effect.delay(Effect.succeed(1), "1 second")
      }, { timeout: "3 seconds" })
      const fiber = yield* Effect.fork(quick())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      assert.strictEqual(yield* quick(), 1)
    }).pipe(Effect.provide(memory)))

  it.effect("serves a stale value inside a window, instead of Empty", () =>
    Effect.gen(function*() {
      let runs = 0
      const slow = Memo.cached(function slow() {
        return Effect.delay(Effect.sync(() => ++runs), runs === 0 ? 0 : "5 seconds")
      }, { timeToLive: "1 minute", staleIfError: "10 minutes", timeout: "1 second" })
      assert.strictEqual(yield* slow(), 1)
      yield* TestClock.adjust("2 minutes")
      const stale = yield* Effect.fork(slow())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(stale), 1)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* slow(), 2)
      yield* TestClock.adjust("12 minutes")
      const gone = yield* Effect.fork(Effect.flip(slow()))
      yield* TestClock.adjust("1 second")
      assert.instanceOf(yield* Fiber.join(gone), CacheError.Empty)
      assert.strictEqual((yield* Cache.stats(slow.cache)).staleServed, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("of an asynchronous call ends its pending, and not the load", () =>
    Effect.gen(function*() {
      const slow = Memo.cachedAsync(function slow() {
        return Effect.delay(Effect.succeed(1), "5 seconds")
      }, { timeout: "1 second" })
      const pending = yield* slow()
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(pending)
      assert.strictEqual(error._tag === "Empty" && error.reason, "TimedOut")
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(yield* slow.peek(), Option.some(1))
    }).pipe(Effect.provide(memory)))

  it.effect("does not apply to refresh", () =>
    Effect.gen(function*() {
      const slow = Memo.cached(function slow() {
        return Effect.delay(Effect.succeed(1), "5 seconds")
      }, { timeout: "1 second" })
      const fiber = yield* Effect.fork(slow.refresh())
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }).pipe(Effect.provide(memory)))
})
