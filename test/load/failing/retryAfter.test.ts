/** After a load that failed over a stale value, the whole fleet leaves the source alone for a while. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, Codec, Memo } from "effect-redis-cache"
import { fleets } from "../fleets.js"
import { instances, logs, settle } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const policy = { codec, timeToLive: "1 millis", staleIfError: "1 hour" } as const
const sie = Cache.make({ ...policy, name: "sie" })

/** A source that always fails, and the number of calls to it. */
const dead = (takes = 0) => {
  const state = { asked: 0 }
  const load = Effect.suspend(() => {
    state.asked++
    return Effect.zipRight(Effect.sleep(takes), Effect.fail("down"))
  })
  return { state, load }
}

for (const fleet of fleets) {
  describe(`a failing source behind a stale value, ${fleet.name}`, () => {
    for (const form of ["getOrSet", "getOrSetMany", "Memo"] as const) {
      fleet.test(`${form}: of 20 calls in a row, in two processes, one asks it, and all are served`, () =>
        Effect.gen(function*() {
          const { at } = yield* fleet.processes(undefined, undefined)
          const { load, state } = dead()
          const find = Memo.cached((_: string) => load, { ...policy, name: "sie" })
          if (form === "Memo") yield* at(0)(Cache.set(find.cache, ["42"], "stale"))
          else yield* at(0)(Cache.set(sie, "42", "stale"))
          yield* fleet.pass("20 millis")
          const call = form === "getOrSet"
            ? Cache.getOrSet(sie, "42", load)
            : form === "Memo"
            ? find("42")
            : Effect.map(Cache.getOrSetMany(sie, ["42"], () => load), (found) => found.get("42"))
          for (let i = 0; i < 20; i++) assert.strictEqual(yield* at(i % 2)(call), "stale")
          assert.strictEqual(state.asked, 1)
          yield* fleet.pass("1 second")
          assert.strictEqual(yield* at(1)(call), "stale")
          assert.strictEqual(state.asked, 2)
        }))
    }

    fleet.test("callers without a stale value to serve ask it at once: a smaller window, another version", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        const { load } = dead()
        const smaller = Cache.make({ ...policy, name: "sie", staleIfError: "1 millis" })
        const version = Cache.make({ ...policy, name: "sie", version: 1 })
        for (const [i, cache] of [smaller, version].entries()) {
          const key = String(i)
          yield* at(0)(Cache.set(sie, key, "stale"))
          yield* fleet.pass("20 millis")
          assert.strictEqual(yield* at(0)(Cache.getOrSet(sie, key, load)), "stale")
          assert.strictEqual(yield* at(1)(Cache.getOrSet(cache, key, Effect.succeed("new"))), "new")
        }
      }))

    fleet.test("callers in other processes that wait for the failing load are served, and do not ask it", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(...Arr.replicate(undefined, 4))
        const { load, state } = dead(200)
        yield* at(0)(Cache.set(sie, "42", "stale"))
        yield* fleet.pass("20 millis")
        const callers = yield* Effect.forEach(
          [0, 1, 2, 3],
          (i) => Effect.fork(at(i)(Cache.getOrSet(sie, "42", load)))
        )
        yield* fleet.pass("200 millis")
        yield* fleet.pass("150 millis")
        for (const caller of callers) assert.strictEqual(yield* Fiber.join(caller), "stale")
        assert.strictEqual(state.asked, 1)
      }))
  })
}

describe("retryAfter", () => {
  const asks = (millis: number, cache: typeof sie) =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const { load, state } = dead()
      yield* first(Cache.set(cache, "42", "stale"))
      yield* TestClock.adjust("1 second")
      yield* first(Cache.getOrSet(cache, "42", load))
      yield* settle
      yield* TestClock.adjust(millis)
      yield* second(Cache.getOrSet(cache, "42", load))
      yield* settle
      return state.asked
    })

  for (
    const [windows, cache] of [
      ["staleIfError", Cache.make({ ...policy, name: "sie", retryAfter: "10 seconds" })],
      [
        "staleWhileRevalidate",
        Cache.make({
          codec,
          name: "swr",
          timeToLive: "1 millis",
          staleWhileRevalidate: "1 hour",
          retryAfter: "10 seconds"
        })
      ]
    ] as const
  ) {
    it.scoped(`${windows}: shorter by a random part of up to a half, and no more`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* asks(4_900, cache), 1)
        assert.strictEqual(yield* asks(10_000, cache), 2)
      }))
  }

  it.scoped("may be longer than any lease lasts", () =>
    Effect.gen(function*() {
      const long = Cache.make({ ...policy, name: "long", retryAfter: "20 minutes" })
      assert.strictEqual(yield* asks(9 * 60_000, long), 1)
      assert.strictEqual(yield* asks(20 * 60_000, long), 2)
    }))

  it.scoped("a failure that a memoized function could cache, but does not, is no exception", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { load, state } = dead()
      const find = Memo.cached((_: number) => load as Effect.Effect<string, string>, {
        ...policy,
        name: "find",
        errors: { codec },
        timeToLive: (exit) => Exit.isSuccess(exit) ? 1 : 0
      })
      yield* first(Cache.set(find.cache, [1], "stale"))
      yield* TestClock.adjust("1 second")
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* first(find(1)), "stale")
      assert.strictEqual(state.asked, 1)
    }))

  it.scoped("logs once a minute", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { layer, messages } = logs()
      const { load, state } = dead()
      yield* first(Cache.set(sie, "42", "stale"))
      for (let i = 0; i < 125; i++) {
        yield* TestClock.adjust("1 second")
        yield* Effect.provide(first(Cache.getOrSet(sie, "42", load)), layer)
      }
      assert.strictEqual(state.asked, 125)
      assert.deepStrictEqual(messages, Arr.replicate("WARN A load failed: its callers are served the stale value", 3))
    }))

  it.scoped("a write or a refresh ends it", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { load } = dead()
      yield* first(Cache.set(sie, "42", "stale"))
      yield* TestClock.adjust("1 second")
      yield* first(Cache.getOrSet(sie, "42", load))
      const forced = { timeToLive: "1 hour", forceRefresh: true } as const
      assert.strictEqual(yield* first(Cache.getOrSet(sie, "42", Effect.succeed("new"), forced)), "new")
      assert.deepStrictEqual(yield* first(Cache.get(sie, "42")), Option.some("new"))
    }))

  it.scoped("without a stale value, each call asks the source", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { load, state } = dead()
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* first(Effect.exit(Cache.getOrSet(sie, "42", load))), Exit.fail("down"))
      }
      assert.strictEqual(state.asked, 3)
    }))
})
