import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Ref, Scope, TestClock } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

/** A slow function whose runs are numbered, and end when the test says so. */
const gated = Effect.map(Deferred.make<void>(), (gate) => {
  const seen = { runs: 0, interrupted: 0 }
  const load = Memo.cached((_key: string) =>
    Effect.suspend(() => {
      const run = ++seen.runs
      return Effect.as(Deferred.await(gate), run).pipe(
        Effect.onInterrupt(() => Effect.sync(() => seen.interrupted++))
      )
    }), { name: "load", timeToLive: "1 minute" })
  return { load, seen, open: Deferred.succeed(gate, undefined) }
})

/** Lets every fiber go as far as it can. */
const settle = TestClock.adjust(0)

describe("Single flight of memoized functions", () => {
  it.effect("a thousand callers, one run", () =>
    Effect.gen(function*() {
      const { load, open, seen } = yield* gated
      const fibers = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.fork(load("a")))
      yield* settle
      yield* open
      const values = yield* Fiber.join(Fiber.all(fibers))
      assert.deepStrictEqual(new Set(values), new Set([1]))
      assert.strictEqual(seen.runs, 1)
      const stats = yield* Cache.stats(load.cache)
      assert.deepStrictEqual([stats.loads, stats.coalesced, stats.writes], [1, 999, 1])
    }).pipe(Effect.provide(memory)))

  it.effect("two memos of one function share one run too, but different arguments do not", () =>
    Effect.gen(function*() {
      let runs = 0
      const run = (_n: number) => Effect.delay(Effect.sync(() => ++runs), 10)
      const [one, other] = [Memo.cached(run, { name: "f" }), Memo.cached(run, { name: "f" })]
      const fiber = yield* Effect.fork(Effect.all([one(1), other(1), one(2)], { concurrency: "unbounded" }))
      yield* TestClock.adjust(10)
      const [a, b, c] = yield* Fiber.join(fiber)
      assert.strictEqual(a, b)
      assert.notStrictEqual(a, c)
      assert.strictEqual(runs, 2)
    }).pipe(Effect.provide(memory)))

  it.effect("the first caller's interruption does not affect the others", () =>
    Effect.gen(function*() {
      const { load, open, seen } = yield* gated
      const first = yield* Effect.fork(load("a"))
      yield* settle
      const others = yield* Effect.forEach([1, 2, 3], () => Effect.fork(load("a")))
      yield* settle
      yield* Fiber.interrupt(first)
      yield* settle
      assert.strictEqual(seen.interrupted, 0)
      yield* open
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(others)), [1, 1, 1])
      assert.strictEqual(seen.runs, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("when the last caller leaves, the load is interrupted and its slot is free at once", () =>
    Effect.gen(function*() {
      const { load, open, seen } = yield* gated
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(load("a")))
      yield* settle
      for (const fiber of fibers) {
        assert.strictEqual(seen.interrupted, 0)
        yield* Fiber.interrupt(fiber)
      }
      const next = yield* Effect.fork(load("a"))
      yield* settle
      assert.strictEqual(seen.interrupted, 1)
      assert.strictEqual(seen.runs, 2)
      yield* open
      yield* settle
      assert.strictEqual(yield* Fiber.join(next), 2)
      assert.strictEqual((yield* Cache.stats(load.cache)).failures, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("a caller may leave through a timeout of its own", () =>
    Effect.gen(function*() {
      const { load, seen } = yield* gated
      const fiber = yield* Effect.fork(Effect.timeoutOption(load("a"), "1 second"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Option.none())
      yield* settle
      assert.strictEqual(seen.interrupted, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("a bust during the load: later callers start a new load, and the old value is not stored", () =>
    Effect.gen(function*() {
      const { load, open, seen } = yield* gated
      const before = yield* Effect.fork(load("a"))
      yield* settle
      yield* load.bust("a")
      const after = yield* Effect.fork(load("a"))
      yield* settle
      assert.strictEqual(seen.runs, 2)
      yield* open
      assert.strictEqual(yield* Fiber.join(before), 1)
      assert.strictEqual(yield* Fiber.join(after), 2)
      assert.deepStrictEqual(yield* load.peek("a"), Option.some(2))
      assert.strictEqual((yield* Cache.stats(load.cache)).refusedFills, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("a bust during the load without later callers leaves nothing behind", () =>
    Effect.gen(function*() {
      const { load, open } = yield* gated
      const before = yield* Effect.fork(load("a"))
      yield* settle
      yield* load.bust("a")
      yield* open
      assert.strictEqual(yield* Fiber.join(before), 1)
      assert.deepStrictEqual(yield* load.peek("a"), Option.none())
      assert.strictEqual(yield* load("a"), 2)
    }).pipe(Effect.provide(memory)))

  it.effect("a set during the load: the store keeps the value of the set", () =>
    Effect.gen(function*() {
      const { load, open, seen } = yield* gated
      const before = yield* Effect.fork(load("a"))
      yield* settle
      yield* Cache.set(load.cache, ["a"], 77)
      assert.strictEqual(yield* load("a"), 77)
      yield* open
      assert.strictEqual(yield* Fiber.join(before), 1)
      assert.strictEqual(yield* load("a"), 77)
      assert.strictEqual(seen.runs, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("a flush and a refresh during the load do the same", () =>
    Effect.gen(function*() {
      const { load, open } = yield* gated
      const flushed = yield* Effect.fork(load("a"))
      yield* settle
      yield* Cache.flush(load.cache)
      const refreshing = yield* Effect.fork(load.refresh("a"))
      yield* settle
      yield* open
      assert.strictEqual(yield* Fiber.join(flushed), 1)
      assert.strictEqual(yield* Fiber.join(refreshing), 2)
      assert.deepStrictEqual(yield* load.peek("a"), Option.some(2))
    }).pipe(Effect.provide(memory)))

  it.effect("the failure of a load that began before a bust is not given to later callers", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const load = Memo.cached(() =>
        Effect.suspend(() => {
          const run = ++runs
          return Effect.zipRight(Deferred.await(gate), run === 1 ? Effect.fail("first") : Effect.succeed(run))
        }), { name: "load" })
      const before = yield* Effect.fork(Effect.exit(load()))
      yield* settle
      yield* load.bust()
      const after = yield* Effect.fork(Effect.exit(load()))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(before), Exit.fail("first"))
      assert.deepStrictEqual(yield* Fiber.join(after), Exit.succeed(2))
    }).pipe(Effect.provide(memory)))

  it.effect("the load has its own scope, which closes when it ends", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const load = Memo.cached(() =>
        Effect.acquireRelease(
          Effect.sync(() => {
            log.push("acquire")
            return "resource"
          }),
          (_, exit) => Effect.sync(() => log.push(`release ${exit._tag}`))
        ).pipe(Effect.tap(() => Effect.sync(() => log.push("use")))), { name: "load" })
      assert.strictEqual(yield* load(), "resource")
      assert.deepStrictEqual(log, ["acquire", "use", "release Success"])
    }).pipe(Effect.provide(memory)))

  it.effect("the load has the first caller's context, services and fiber refs", () =>
    Effect.gen(function*() {
      class Who extends Context.Tag("Who")<Who, string>() {}
      const gate = yield* Deferred.make<void>()
      const load = Memo.cached(() => Effect.zipLeft(Who, Deferred.await(gate)), { name: "load" })
      const first = yield* Effect.fork(Effect.provideService(load(), Who, "first"))
      yield* settle
      const second = yield* Effect.fork(Effect.provideService(load(), Who, "second"))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(Fiber.zip(first, second)), ["first", "first"])
    }).pipe(Effect.provide(memory)))

  it.effect("a nested call of the same key dies and says so, instead of hanging", () =>
    Effect.gen(function*() {
      const self: (n: number) => Effect.Effect<number, unknown, any> = Memo.cached(
        (n: number) => Effect.map(self(n), (value: number) => value + 1),
        { name: "self" }
      )
      const exit = yield* Effect.exit(self(1))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "self:[1] waits for itself")
    }).pipe(Effect.provide(memory)))

  it.effect("so does one that waits through another key, or in a fiber that the load waits for", () =>
    Effect.gen(function*() {
      const around: (n: number) => Effect.Effect<number, unknown, any> = Memo.cached(
        (n: number) => Effect.flatMap(Effect.fork(around((n + 1) % 3)), Fiber.join),
        { name: "around" }
      )
      const exit = yield* Effect.exit(around(0))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "around:[0] waits for itself")
    }).pipe(Effect.provide(memory)))

  it.effect("recursion over different keys works", () =>
    Effect.gen(function*() {
      const runs = yield* Ref.make(0)
      const fibonacci: (n: number) => Effect.Effect<number, unknown, any> = Memo.cached(
        (n: number) =>
          Effect.zipRight(
            Ref.update(runs, (count) => count + 1),
            n < 2 ? Effect.succeed(n) : Effect.zipWith(fibonacci(n - 1), fibonacci(n - 2), (a, b) => a + b)
          ),
        { name: "fibonacci" }
      )
      assert.strictEqual(yield* fibonacci(30), 832040)
      assert.strictEqual(yield* Ref.get(runs), 31)
    }).pipe(Effect.provide(memory)))

  it.effect("closing the layer interrupts a load, and ends its waiters", () =>
    Effect.gen(function*() {
      const { load, seen } = yield* gated
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(memory, scope)
      const waiting = yield* Effect.fork(Effect.exit(Effect.provide(load("a"), context)))
      yield* settle
      assert.strictEqual(seen.runs, 1)
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Fiber.join(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      assert.strictEqual(seen.interrupted, 1)
    }))
})
