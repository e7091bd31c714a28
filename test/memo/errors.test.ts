import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Equal, Exit, Fiber, Option, Schema, TestClock } from "effect"
import { Cache, Codec, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.Number, at: Schema.Date }) {}

class Down extends Data.TaggedError("Down") {}

describe("Failures of memoized functions", () => {
  it.effect("are not cached, and all waiting callers share them", () =>
    Effect.gen(function*() {
      let runs = 0
      const fail = Memo.cached(function fail(_id: number) {
        return Effect.zipRight(Effect.sleep("1 second"), Effect.suspend(() => Effect.fail(`failure ${++runs}`)))
      }, "1 minute")
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.fork(Effect.exit(fail(1))))
      yield* TestClock.adjust("1 second")
      const exits = yield* Fiber.join(Fiber.all(fibers))
      assert.deepStrictEqual(exits, Array.from({ length: 20 }, () => Exit.fail("failure 1")))
      assert.strictEqual(runs, 1)
      const next = yield* Effect.fork(Effect.exit(fail(1)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(next), Exit.fail("failure 2"))
      const stats = yield* Cache.stats(fail.cache)
      assert.deepStrictEqual([stats.loads, stats.failures, stats.writes], [2, 2, 0])
    }).pipe(Effect.provide(memory)))

  const caching = (runs: { count: number }) =>
    Memo.cached(function find(id: number) {
      return Effect.suspend((): Effect.Effect<string, NotFound> => {
        runs.count++
        return id === 0 ? Effect.fail(new NotFound({ id, at: new Date(runs.count) })) : Effect.succeed(`user ${id}`)
      })
    }, { timeToLive: "10 minutes", errors: { schema: NotFound, timeToLive: "1 minute" } })

  it.effect("are cached through their schema, if there is one, with a TTL of their own", () =>
    Effect.gen(function*() {
      const runs = { count: 0 }
      const find = caching(runs)
      const first = yield* Effect.flip(find(0))
      const second = yield* Effect.flip(find(0))
      assert.strictEqual(runs.count, 1)
      assert.instanceOf(second, NotFound)
      assert.isTrue(Equal.equals(second, first))
      yield* TestClock.adjust("59999 millis")
      yield* Effect.flip(find(0))
      assert.strictEqual(runs.count, 1)
      yield* TestClock.adjust("1 millis")
      yield* Effect.flip(find(0))
      assert.strictEqual(runs.count, 2)

      yield* find(1)
      yield* TestClock.adjust("9 minutes")
      yield* find(1)
      assert.strictEqual(runs.count, 3)
    }).pipe(Effect.provide(memory)))

  it.effect("cached ones are answers: no caller gets a stale value instead", () =>
    Effect.gen(function*() {
      let answer: Effect.Effect<string, NotFound | Down> = Effect.succeed("v1")
      const find = Memo.cached((_id: number) => Effect.zipRight(Effect.sleep(10), Effect.suspend(() => answer)), {
        name: "find",
        timeToLive: "1 second",
        staleIfError: "1 hour",
        errors: { schema: NotFound, timeToLive: "1 minute" }
      })
      const callers = (count: number) =>
        Effect.gen(function*() {
          const fibers = yield* Effect.forEach(
            Array.from({ length: count }),
            () => Effect.fork(Effect.catchTag(find(1), "NotFound", () => Effect.succeed("none")))
          )
          yield* TestClock.adjust(10)
          return yield* Fiber.join(Fiber.all(fibers))
        })
      assert.deepStrictEqual(yield* callers(1), ["v1"])
      yield* TestClock.adjust("1 second")
      answer = Effect.fail(new Down())
      assert.deepStrictEqual(yield* callers(2), ["v1", "v1"])
      answer = Effect.fail(new NotFound({ id: 1, at: new Date(0) }))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* callers(3), ["none", "none", "none"])
      assert.deepStrictEqual(yield* callers(1), ["none"])
      assert.strictEqual((yield* Cache.stats(find.cache)).loads, 3)
    }).pipe(Effect.provide(memory)))

  it.effect("cached ones are also returned by loads through the memo's cache", () =>
    Effect.gen(function*() {
      const runs = { count: 0 }
      const find = caching(runs)
      const failure = yield* Effect.flip(find(0))
      const never = Effect.dieMessage("it is cached")
      const one = yield* Effect.flip(Cache.getOrSet(find.cache, [0], never))
      const many = yield* Effect.flip(Cache.getOrSetMany(find.cache, [[0]], () => never))
      assert.isTrue(Equal.equals<unknown, unknown>(one, failure))
      assert.isTrue(Equal.equals<unknown, unknown>(many, failure))
      assert.strictEqual(runs.count, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("cached ones are not values, but bust and refresh work on them", () =>
    Effect.gen(function*() {
      const runs = { count: 0 }
      const find = caching(runs)
      yield* Effect.flip(find(0))
      assert.deepStrictEqual(yield* find.peek(0), Option.none())
      assert.isFalse(yield* Cache.has(find.cache, [0]))
      yield* find.bust(0)
      yield* Effect.flip(find(0))
      assert.strictEqual(runs.count, 2)
      yield* Effect.flip(find.refresh(0))
      assert.strictEqual(runs.count, 3)
      yield* Effect.flip(find(0))
      assert.strictEqual(runs.count, 3)
    }).pipe(Effect.provide(memory)))

  it.effect("live for `timeToLive` if they have no TTL of their own", () =>
    Effect.gen(function*() {
      let runs = 0
      const find = Memo.cached(function find(id: number) {
        return Effect.suspend(() => {
          runs++
          return id === 0 ? Effect.fail("none") : Effect.succeed(id)
        })
      }, {
        timeToLive: (exit) => Exit.isSuccess(exit) ? "1 hour" : "1 minute",
        errors: { schema: Schema.String }
      })
      yield* Effect.flip(find(0))
      yield* find(1)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* Effect.flip(find(0)), "none")
      assert.strictEqual(runs, 2)
      yield* TestClock.adjust("1 seconds")
      yield* Effect.flip(find(0))
      yield* find(1)
      assert.strictEqual(runs, 3)
      const fixed = Memo.cached(() => Effect.suspend(() => Effect.fail(`${++runs}`)), {
        name: "fixed",
        timeToLive: "1 minute",
        errors: { schema: Schema.String }
      })
      assert.strictEqual(yield* Effect.flip(fixed()), yield* Effect.flip(fixed()))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Effect.flip(fixed()), "5")
    }).pipe(Effect.provide(memory)))

  it.effect("that the schema does not cover still fail the call, and are not cached", () =>
    Effect.gen(function*() {
      let runs = 0
      const find = Memo.cached(function find() {
        return Effect.suspend(() => Effect.fail({ code: -++runs }))
      }, { errors: { schema: Schema.Struct({ code: Schema.NonNegative }), timeToLive: "1 minute" } })
      assert.deepStrictEqual(yield* Effect.exit(find()), Exit.fail({ code: -1 }))
      assert.deepStrictEqual(yield* Effect.exit(find()), Exit.fail({ code: -2 }))
    }).pipe(Effect.provide(memory)))

  it.effect("that the schema covers in part: those are cached, and the others are not", () =>
    Effect.gen(function*() {
      class SqlError extends Data.TaggedError("SqlError")<{ readonly sql: string }> {}
      const runs = { missing: 0, broken: 0 }
      const fetch = (id: "missing" | "broken"): Effect.Effect<string, NotFound | SqlError> =>
        Effect.suspend(() => {
          runs[id]++
          return Effect.fail(
            id === "missing" ? new NotFound({ id: 1, at: new Date(0) }) : new SqlError({ sql: "SELECT" })
          )
        })
      const find = Memo.cached(fetch, { name: "find", errors: { schema: NotFound, timeToLive: "1 minute" } })
      const findLater = Memo.cachedAsync(fetch, {
        name: "findLater",
        codec: Codec.structural(),
        errors: { codec: Codec.json(NotFound), timeToLive: "1 minute" }
      })
      for (const call of [find, (id: "missing" | "broken") => Effect.flatten(findLater(id))]) {
        runs.missing = runs.broken = 0
        for (let i = 0; i < 3; i++) {
          assert.instanceOf(yield* Effect.flip(call("missing")), NotFound)
          assert.instanceOf(yield* Effect.flip(call("broken")), SqlError)
        }
        assert.deepStrictEqual(runs, { missing: 1, broken: 3 })
      }
    }).pipe(Effect.provide(memory)))

  it.effect("defects and interruptions are never cached", () =>
    Effect.gen(function*() {
      let runs = 0
      const find = Memo.cached(function find(how: string): Effect.Effect<string, string> {
        return Effect.suspend(() => {
          runs++
          return how === "die" ? Effect.die("defect") : Effect.interrupt
        })
      }, { timeToLive: "1 minute", errors: { schema: Schema.String, timeToLive: "1 minute" } })
      for (const how of ["die", "interrupt"]) {
        runs = 0
        const first = yield* Effect.exit(find(how))
        yield* Effect.exit(find(how))
        assert.strictEqual(runs, 2, how)
        assert.isTrue(Exit.isFailure(first))
        if (Exit.isFailure(first)) {
          assert.isTrue(how === "die" ? Cause.isDie(first.cause) : Cause.isInterruptedOnly(first.cause))
        }
      }
      assert.strictEqual(yield* Cache.flush(find.cache), 0)
    }).pipe(Effect.provide(memory)))
})
