import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, pipe, Schedule, TestClock } from "effect"
import { CacheError, Memo, Pending, type Redis, RedisLayer } from "effect-redis-cache"

const settle = TestClock.adjust(0)

/** A pending, and its outcomes. */
const pendingOf = <A, E>(
  outcome: Effect.Effect<A, E>
): Effect.Effect<Pending.Pending<A, E | CacheError.RedisError | CacheError.CodecError>, never, Redis.Redis> =>
  Memo.cachedAsync(() => outcome, { name: "work" })()

const memory = Effect.provide(RedisLayer.layerMemory)

describe("Pending", () => {
  it.effect("is an effect that waits", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.delay(Effect.succeed(1), "5 seconds"))
      assert.isTrue(Effect.isEffect(pending))
      assert.isTrue(Pending.isPending(pending))
      const readers = yield* Effect.all([
        Effect.fork(pending),
        Effect.fork(Pending.await(pending)),
        Effect.fork(Effect.map(pending, (n) => n)),
        Effect.fork(pending.pipe(Effect.retry(Schedule.recurs(1))))
      ])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(readers)), [1, 1, 1, 1])
    }).pipe(memory))

  it("isPending recognizes it", () => {
    for (const other of [undefined, null, 1, {}, Effect.void, () => 1]) assert.isFalse(Pending.isPending(other))
  })

  it.effect("poll never waits: Empty NotReady, then the outcome", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.delay(Effect.succeed(1), "5 seconds"))
      for (let i = 0; i < 2; i++) {
        const error = yield* Effect.flip(Pending.poll(pending))
        assert.instanceOf(error, CacheError.Empty)
        if (error._tag === "Empty") {
          assert.strictEqual(error.reason, "NotReady")
          assert.strictEqual(error.key, "work:[]")
          assert.deepStrictEqual(error.waited, Duration.zero)
          assert.strictEqual(
            error.message,
            "No value yet for work:[]: its computation is still running. Poll again, or wait for it"
          )
        }
        yield* TestClock.adjust("2 seconds")
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Pending.poll(pending), 1)
      assert.strictEqual(yield* Pending.poll(pending), 1)
    }).pipe(memory))

  it.effect("within waits for the given time: Empty TimedOut, or the outcome", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.delay(Effect.succeed(1), "5 seconds"))
      const short = yield* Effect.fork(Effect.flip(Pending.within(pending, "4 seconds")))
      const long = yield* Effect.fork(pipe(pending, Pending.within("6 seconds")))
      yield* TestClock.adjust("4 seconds")
      const error = yield* Fiber.join(short)
      assert.strictEqual(error._tag === "Empty" && error.reason, "TimedOut")
      assert.strictEqual(error.message, "No value for work:[] after 4s: it is still being computed")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(long), 1)
      assert.strictEqual(yield* Pending.within(pending, 0), 1, "it is there: no time is needed")
      assert.strictEqual(yield* Pending.within(pending, Duration.infinity), 1)
    }).pipe(memory))

  it.effect("within zero is Empty while the computation runs", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.never)
      const reader = yield* Effect.fork(Effect.flip(Pending.within(pending, 0)))
      yield* settle
      const error = yield* Fiber.join(reader)
      assert.strictEqual(error._tag === "Empty" && error.reason, "TimedOut")
    }).pipe(memory))

  it.effect("any number of readers, at any time, get the same outcome", () =>
    Effect.gen(function*() {
      let runs = 0
      const value = { the: "same" }
      const pending = yield* pendingOf(Effect.delay(
        Effect.sync(() => {
          runs++
          return value
        }),
        "1 second"
      ))
      const early = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.fork(pending))
      yield* TestClock.adjust("1 second")
      const late = yield* Effect.forEach(Array.from({ length: 100 }), () => pending, { concurrency: "unbounded" })
      for (const read of [...(yield* Fiber.join(Fiber.all(early))), ...late]) assert.strictEqual(read, value)
      assert.strictEqual(runs, 1)
    }).pipe(memory))

  it.effect("a waiting reader can be interrupted without affecting others", () =>
    Effect.gen(function*() {
      let interrupted = false
      const gate = yield* Deferred.make<number>()
      const pending = yield* pendingOf(
        Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => interrupted = true))
      )
      const readers = yield* Effect.all([
        Effect.fork(pending),
        Effect.fork(Pending.within(pending, "1 hour")),
        Effect.fork(Effect.exit(Effect.timeout(pending, "1 second")))
      ])
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.interruptAll(readers)
      yield* settle
      assert.isFalse(interrupted)
      yield* Deferred.succeed(gate, 7)
      assert.strictEqual(yield* pending, 7)
    }).pipe(memory))

  it.effect("a failure, a defect and an interruption end it with that cause", () =>
    Effect.gen(function*() {
      const failed = yield* pendingOf(Effect.fail("failed"))
      assert.deepStrictEqual(yield* Effect.exit(failed), Exit.fail("failed"))
      assert.deepStrictEqual(yield* Effect.exit(Pending.poll(failed)), Exit.fail("failed"))
    }).pipe(memory))

  it.effect("a defect ends it", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.die("dead"))
      for (const read of [pending, Pending.within(pending, "1 second")]) {
        const exit = yield* Effect.exit(read)
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      }
    }).pipe(memory))

  it.effect("an interruption ends it, and no reader waits forever", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.interrupt)
      for (const read of [pending, Pending.within(pending, "1 second"), Pending.poll(pending)]) {
        const exit = yield* Effect.exit(read)
        assert.isTrue(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause))
      }
    }).pipe(memory))

  it.effect("cancel ends it once, and does nothing afterwards", () =>
    Effect.gen(function*() {
      const pending = yield* pendingOf(Effect.never)
      const reader = yield* Effect.fork(Effect.exit(pending))
      yield* settle
      yield* Pending.cancel(pending)
      yield* Pending.cancel(pending)
      const exit = yield* Fiber.join(reader)
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      const again = yield* Effect.exit(Pending.poll(pending))
      assert.isTrue(Exit.isFailure(again) && Cause.isInterruptedOnly(again.cause))
    }).pipe(memory))
})
