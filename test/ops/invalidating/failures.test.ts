/** Redis failures and interruptions, at the begin and at the end of an update. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, CacheError, type RedisLayer } from "effect-redis-cache"
import { instances, logs, settle, stored } from "../../load/memoryInstances.js"
import { gate } from "./gates.js"

const users = Cache.make({ name: "users", timeToLive: "1 hour" })
const bypassing = Cache.make({ name: "users", timeToLive: "1 hour", onRedisError: "bypass" })

const faulty = (operation: string, fault: RedisLayer.Fault): RedisLayer.FaultyOptions => ({
  script: (name) => name === operation ? fault : undefined
})

const key = "users:42"

describe("the begin of an update", () => {
  for (
    const [how, fault] of [
      ["fails", { fail: "Connection" }],
      ["is not answered", { lostReply: "1 second" }],
      ["comes late, and is not answered", { before: "2 seconds", lostReply: "1 second" }]
    ] as const
  ) {
    it.scoped(`${how}: the hold is taken back, and the update does not run`, () =>
      Effect.gen(function*() {
        const { first, second, services } = yield* instances(faulty("hold", fault), undefined)
        yield* second(Cache.set(users, "43", "v1"))
        const call = yield* Effect.fork(
          Effect.exit(first(Cache.invalidating(Effect.die("it ran"), users, ["42"])))
        )
        yield* TestClock.adjust("1 second")
        const exit = yield* Fiber.join(call)
        const error = Exit.isFailure(exit) ? Option.getOrThrow(Cause.failureOption(exit.cause)) : undefined
        assert.instanceOf(error, CacheError.RedisError)
        assert.match(error.message, /invalidating/)
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(yield* stored(services[1]!.driver, key), "nothing")
        assert.strictEqual((yield* first(Cache.stats(users))).held, 0)
        // Nothing renews it.
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* stored(services[1]!.driver, key), "nothing")
      }))

    it.scoped(`${how}: with bypass the update runs, and its end removes the stored values`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(faulty("hold", fault), undefined)
        yield* second(Cache.set(users, "42", "v1"))
        const { messages, layer } = logs()
        const call = yield* Effect.fork(
          Effect.provide(first(Cache.invalidating(Effect.succeed("done"), bypassing, ["42"])), layer)
        )
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(yield* Fiber.join(call), "done")
        assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.none())
        assert.strictEqual(messages.filter((message) => message.includes("without Redis")).length, 1)
        assert.strictEqual((yield* first(Cache.stats(bypassing))).bypassed, 1)
      }))
  }

  it.scoped("is interrupted at any point: the hold is taken back, and other updates' holds stay", () =>
    Effect.gen(function*() {
      for (const fault of [{ before: "1 second" }, { after: "1 second" }] as const) {
        const { first, second, services } = yield* instances(faulty("hold", fault), undefined)
        const { begun, goOn, update } = yield* gate
        const other = yield* Effect.fork(second(Cache.invalidating(update, users, ["42"])))
        yield* begun
        const call = yield* Effect.fork(first(Cache.invalidating(Effect.die("it ran"), users, ["42"])))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(call)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* second(Cache.explain(users, "42"))).holds.length, 1)
        yield* goOn
        yield* Fiber.join(other)
        assert.strictEqual(yield* stored(services[1]!.driver, key), "nothing")
      }
    }))
})

describe("the end of an update", () => {
  for (
    const [how, fault] of [
      ["fails", { fail: "Connection" }],
      ["is not answered", { lostReply: "1 second" }]
    ] as const
  ) {
    for (const cache of [users, bypassing]) {
      it.scoped(`${how}${cache === users ? "" : ", with bypass"}: the update has succeeded, and the hold runs out`, () =>
        Effect.gen(function*() {
          const { first, second } = yield* instances(faulty("endHold", fault), undefined)
          const { layer, messages } = logs()
          const call = yield* Effect.fork(
            Effect.provide(first(Cache.invalidating(Effect.succeed("done"), cache, ["42"])), layer)
          )
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* Fiber.join(call), "done")
          assert.strictEqual((yield* first(Cache.stats(cache))).failedEnds, 1)
          assert.strictEqual(
            messages.filter((message) => message.includes("did not end the update's hold")).length,
            1
          )
          assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.none())
          yield* TestClock.adjust("5 seconds")
          yield* second(Cache.getOrSet(users, "42", Effect.succeed("v2")))
          assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v2"))
        }))
    }
  }

  it.scoped("comes even if the update is interrupted, and cannot be interrupted itself", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(faulty("endHold", { before: "1 second" }))
      const { begun, update } = yield* gate
      const call = yield* Effect.fork(first(Cache.invalidating(update, users, ["42"])))
      yield* settle
      yield* begun
      const interruption = yield* Effect.fork(Fiber.interrupt(call))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.poll(interruption).pipe(Effect.map(Option.isNone)), true)
      yield* TestClock.adjust("600 millis")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.join(interruption)))
      assert.strictEqual(yield* stored(services[0]!.driver, key), "nothing")
    }))

  it.scoped("store, or the function that names keys, throws or fails: the update has succeeded, and the keys are removed", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { layer, messages } = logs()
      const thrown = (): never => {
        throw new Error("no")
      }
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, layer)
      assert.strictEqual(
        yield* run(first(Cache.invalidating(Effect.succeed("done"), users, ["42"], { store: thrown }))),
        "done"
      )
      // A value that cannot be stored.
      assert.strictEqual(
        yield* run(first(Cache.invalidating(Effect.succeed("done"), users, ["42"], { store: () => [["42", thrown]] }))),
        "done"
      )
      assert.strictEqual(yield* stored(services[0]!.driver, key), "nothing")
      assert.strictEqual(yield* run(first(Cache.invalidating(Effect.succeed("done"), users, thrown))), "done")
      assert.strictEqual(yield* run(first(Cache.invalidating(Effect.succeed("done"), users, () => ["\ud800"]))), "done")
      assert.strictEqual((yield* first(Cache.stats(users))).failedEnds, 4)
      assert.strictEqual(messages.filter((message) => message.includes("store failed for the result")).length, 1)
      assert.strictEqual(messages.filter((message) => message.includes("names its keys failed")).length, 1)
    }))
})

describe("a renewal that fails", () => {
  it.scoped("is retried before the hold runs out", () =>
    Effect.gen(function*() {
      let renewals = 0
      const { first, second, services } = yield* instances({
        script: (name) =>
          name === "hold" && ++renewals > 1 ? renewals === 2 ? { fail: "Timeout" } : { before: "1 second" } : undefined
      }, undefined)
      const { begun, goOn, update } = yield* gate
      const call = yield* Effect.fork(first(Cache.invalidating(update, users, ["42"], { hold: "10 seconds" })))
      yield* settle
      yield* begun
      yield* TestClock.adjust("9900 millis")
      assert.strictEqual(renewals, 3)
      // It was sent after an eighth of the time, and took a second.
      const { holds } = yield* second(Cache.explain(users, "42"))
      assert.closeTo(Duration.toMillis(holds[0]!.remaining), 5_000 + 1_250 + 1_000 + 10_000 - 9_900, 1)
      yield* goOn
      yield* Fiber.join(call)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* stored(services[1]!.driver, key), "nothing")
    }))

  it.scoped("in flight at the end takes place before the end", () =>
    Effect.gen(function*() {
      let holds = 0
      const { first, services } = yield* instances({
        script: (name) => name === "hold" && ++holds > 1 ? { before: "1 second" } : undefined
      })
      const { begun, goOn, update } = yield* gate
      const call = yield* Effect.fork(first(Cache.invalidating(update, users, ["42"], { hold: "10 seconds" })))
      yield* settle
      yield* begun
      yield* TestClock.adjust("5500 millis")
      assert.strictEqual(holds, 2)
      yield* goOn
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      assert.strictEqual(yield* stored(services[0]!.driver, key), "nothing")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* stored(services[0]!.driver, key), "nothing")
    }))
})

describe("an update that hangs", () => {
  it.scoped("holds its keys, and is logged as a warning after lease.maxDuration", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { layer, messages } = logs()
      const call = yield* Effect.fork(Effect.provide(first(Cache.invalidating(Effect.never, users, ["42"])), layer))
      yield* TestClock.adjust("119 seconds")
      assert.deepStrictEqual(messages, [])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(messages.length, 1)
      assert.match(messages[0]!, /^WARN An update of the source has been running for more than 2m/)
      assert.strictEqual((yield* first(Cache.explain(users, "42"))).state, "Held")
      yield* Fiber.interrupt(call)
      assert.strictEqual((yield* first(Cache.explain(users, "42"))).state, "Missing")
    }))
})

describe("invalid arguments", () => {
  it.scoped("a counter, and a string instead of a list, are refused", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const hits = Cache.counter({ name: "hits" })
      const told = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "nothing")
      assert.match(
        // @ts-expect-error types tell it, too
        yield* told(first(Cache.invalidating(Effect.die("it ran"), hits, ["home"]))),
        /Cache "hits": a counter does not copy a source/
      )
      assert.match(
        // @ts-expect-error types tell it, too
        yield* told(first(Cache.invalidating(Effect.die("it ran"), users, "42"))),
        /Cache "users": Cache.invalidating takes a list of keys, and got the string "42"/
      )
    }))
})
