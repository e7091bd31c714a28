import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, pipe, Scope, TestClock } from "effect"
import { Cache, CacheError, Memo, Pending, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

const settle = TestClock.adjust(0)

const slow = () => {
  const seen = { runs: 0, interrupted: 0 }
  const report = Memo.cachedAsync((_id: number) =>
    Effect.delay(Effect.sync(() => seen.runs), "5 seconds").pipe(
      Effect.zipLeft(Effect.void),
      (effect) => Effect.zipRight(Effect.sync(() => seen.runs++), effect),
      Effect.onInterrupt(() => Effect.sync(() => seen.interrupted++))
    ), { name: "report", timeToLive: "1 minute" })
  return { report, seen }
}

describe("Memo.cachedAsync", () => {
  it.effect("returns a pending at once", () =>
    Effect.gen(function*() {
      const { report } = slow()
      const pending = yield* report(1)
      assert.isTrue(Pending.isPending(pending))
      assert.strictEqual(pending.key, "report:[1]")
      assert.instanceOf(yield* Effect.flip(Pending.poll(pending)), CacheError.Empty)
    }).pipe(Effect.provide(memory)))

  it.effect("takes the function last, too", () =>
    Effect.gen(function*() {
      const double = pipe((n: number) => Effect.succeed(n * 2), Memo.cachedAsync({ name: "double" }))
      const pending = yield* double(21)
      assert.strictEqual(yield* pending, 42)
      const named = pipe(function triple(n: number) {
        return Effect.succeed(n * 3)
      }, Memo.cachedAsync("1 minute"))
      assert.strictEqual(yield* Effect.flatten(named(3)), 9)
    }).pipe(Effect.provide(memory)))

  it.effect("the same arguments share one computation, in flight and stored", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const pendings = yield* Effect.forEach(Array.from({ length: 100 }), () => report(1))
      yield* TestClock.adjust("5 seconds")
      for (const pending of pendings) assert.strictEqual(yield* pending, 1)
      assert.strictEqual(yield* Effect.flatten(report(1)), 1)
      assert.strictEqual(seen.runs, 1)
      assert.strictEqual((yield* Cache.stats(report.cache)).coalesced, 99)
    }).pipe(Effect.provide(memory)))

  it.effect("goes on after its caller has ended", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const asking = yield* Effect.fork(Effect.flatMap(report(1), Pending.await))
      yield* settle
      yield* Fiber.interrupt(asking)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* report.peek(1), Option.some(1))
      assert.deepStrictEqual(seen, { runs: 1, interrupted: 0 })
    }).pipe(Effect.provide(memory)))

  it.effect("a failure, a defect and an interruption end the pending, for every reader, and are not stored", () =>
    Effect.gen(function*() {
      const end = Memo.cachedAsync((how: "fail" | "die" | "interrupt" | "throw") => {
        if (how === "throw") throw new Error("thrown")
        return Effect.zipRight(
          Effect.sleep("1 second"),
          how === "fail" ? Effect.fail("failed") : how === "die" ? Effect.die("dead") : Effect.interrupt
        )
      }, { name: "end" })
      for (const how of ["fail", "die", "interrupt", "throw"] as const) {
        const pending = yield* end(how)
        const early = yield* Effect.fork(Effect.exit(pending))
        yield* TestClock.adjust("1 second")
        const exits = [
          yield* Fiber.join(early),
          yield* Effect.exit(pending),
          yield* Effect.exit(Pending.poll(pending)),
          yield* Effect.exit(Pending.within(pending, "1 second"))
        ]
        for (const exit of exits) {
          assert.isTrue(Exit.isFailure(exit), how)
          if (Exit.isSuccess(exit)) continue
          if (how === "fail") assert.deepStrictEqual(Cause.failureOption(exit.cause), Option.some("failed"))
          else if (how === "interrupt") assert.isTrue(Cause.isInterrupted(exit.cause))
          else assert.isTrue(Cause.isDie(exit.cause))
        }
        assert.deepStrictEqual(yield* end.peek(how), Option.none())
      }
    }).pipe(Effect.provide(memory)))

  it.effect("arguments that cannot be a key end the pending with a CodecError", () =>
    Effect.gen(function*() {
      let runs = 0
      const f = Memo.cachedAsync((_: unknown) => Effect.sync(() => ++runs), { name: "f" })
      const pending = yield* f(() => 1)
      assert.instanceOf(yield* Effect.flip(pending), CacheError.CodecError)
      assert.strictEqual(runs, 0)
    }).pipe(Effect.provide(memory)))

  it.effect("cancel interrupts the pending's readers, and does not affect others", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const cancelled = yield* report(1)
      const other = yield* report(1)
      const reader = yield* Effect.fork(Effect.exit(cancelled))
      yield* settle
      yield* Pending.cancel(cancelled)
      const exit = yield* Fiber.join(reader)
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* other, 1)
      assert.deepStrictEqual(seen, { runs: 1, interrupted: 0 })
      yield* Pending.cancel(other)
      assert.strictEqual(yield* other, 1, "it had ended")
    }).pipe(Effect.provide(memory)))

  it.effect("cancelling the only pending ends the computation", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const pending = yield* report(1)
      yield* settle
      yield* Pending.cancel(pending)
      yield* settle
      assert.deepStrictEqual(seen, { runs: 1, interrupted: 1 })
      const next = yield* report(1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* next, 2)
    }).pipe(Effect.provide(memory)))

  it.effect("closing the layer ends running computations, and their pendings", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(memory, scope)
      const pending = yield* Effect.provide(report(1), context)
      const reader = yield* Effect.fork(Effect.exit(pending))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      for (const exit of [yield* Fiber.join(reader), yield* Effect.exit(Pending.poll(pending))]) {
        assert.isTrue(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause))
      }
      assert.deepStrictEqual(seen, { runs: 1, interrupted: 1 })
      const late = yield* Effect.provide(report(2), context)
      const exit = yield* Effect.exit(late)
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause), "asked for after the end")
      assert.strictEqual(seen.runs, 1)
    }))

  it.effect("outlives an uninterruptible region of its caller, and is interruptible itself", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const pending = yield* Effect.uninterruptible(report(1))
      yield* settle
      yield* Pending.cancel(pending)
      yield* settle
      assert.strictEqual(seen.interrupted, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("has bust, refresh, peek, key and cache", () =>
    Effect.gen(function*() {
      const { report, seen } = slow()
      const gate = yield* Deferred.make<number>()
      assert.deepStrictEqual(yield* report.peek(1), Option.none())
      const refreshing = yield* Effect.fork(report.refresh(1))
      yield* TestClock.adjust("5 seconds")
      yield* Deferred.succeed(gate, yield* Fiber.join(refreshing))
      assert.strictEqual(yield* Deferred.await(gate), 1)
      assert.strictEqual(yield* Effect.flatten(report(1)), 1)
      assert.strictEqual(yield* report.key(1), "report:[1]")
      assert.isTrue(yield* report.bust(1))
      assert.isFalse(yield* Cache.has(report.cache, [1]))
      assert.strictEqual(seen.runs, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("a bust while it runs: the pending gets its value, which is not stored", () =>
    Effect.gen(function*() {
      const { report } = slow()
      const pending = yield* report(1)
      yield* settle
      yield* report.bust(1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* pending, 1)
      assert.deepStrictEqual(yield* report.peek(1), Option.none())
    }).pipe(Effect.provide(memory)))
})
