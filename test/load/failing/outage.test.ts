import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Exit, Fiber, Option, Stream, TestClock } from "effect"
import { Cache, Codec, type RedisLayer } from "effect-redis-cache"
import { clean, instances, nothingLeft, Origin, settle } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const failing = Cache.make({ name: "c", codec, valueTags: () => ["tag"] })
const bypassing = Cache.make({ name: "c", codec, valueTags: () => ["tag"], onRedisError: "bypass" })

const failAt = (name: string, reason: "Connection" | "OutOfMemory" = "Connection"): RedisLayer.FaultyOptions => ({
  script: (operation) => operation === name ? { fail: reason } : undefined
})

describe("Redis fails at one step of a load", () => {
  for (const step of ["get", "lease", "ensureEpochs", "fill"]) {
    it.scoped(`at ${step}: the call fails, and leaves nothing behind`, () =>
      Effect.gen(function*() {
        const { first, second, services } = yield* instances(failAt(step), undefined)
        const result = yield* first(Effect.either(Cache.getOrSet(failing, "42", Effect.succeed("v"))))
        assert.deepInclude(Either.isLeft(result) ? result.left : {}, {
          _tag: "RedisError",
          reason: "Connection",
          operation: "getOrSet"
        })
        yield* settle
        for (const service of services) assert.deepStrictEqual(yield* nothingLeft(service, "c:42"), clean)
        assert.deepStrictEqual(yield* second(Cache.get(failing, "42")), Option.none())
      }))

    it.scoped(`at ${step}, with bypass: the call gets its value, and leaves nothing behind`, () =>
      Effect.gen(function*() {
        const { first, second, services } = yield* instances(failAt(step), undefined)
        assert.strictEqual(yield* first(Cache.getOrSet(bypassing, "42", Effect.succeed("v"))), "v")
        yield* settle
        for (const service of services) assert.deepStrictEqual(yield* nothingLeft(service, "c:42"), clean)
        assert.deepStrictEqual(yield* second(Cache.get(failing, "42")), Option.none())
        const stats = yield* first(Cache.stats(bypassing))
        assert.strictEqual(stats.bypassed, 1)
        assert.strictEqual(stats.loads, 1)
        assert.deepStrictEqual(
          [
            ...yield* first(
              Cache.getOrSetMany(
                bypassing,
                ["a", "b"],
                (keys) => Effect.succeed(keys.map((key) => [key, key] as const))
              )
            )
          ],
          [["a", "a"], ["b", "b"]]
        )
      }))
  }

  it.scoped("a load's own failure is returned, even if its lease could not be released", () =>
    Effect.gen(function*() {
      for (const cache of [failing, bypassing]) {
        const { first } = yield* instances(failAt("release"))
        const exit = yield* first(Effect.exit(Cache.getOrSet(cache, "42", Effect.fail("down"))))
        assert.deepStrictEqual(exit, Exit.fail("down"))
      }
    }))
})

describe("bypass", () => {
  it.scoped("while Redis is unreachable, one load per process: callers that arrive during it share the next", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({ failure: { probability: 1 } })
      const origin = new Origin()
      const call = first(Cache.getOrSet(bypassing, "42", origin.load))
      const early = yield* Effect.all(Array.from({ length: 10 }, () => Effect.fork(call)))
      yield* settle
      const late = yield* Effect.all(Array.from({ length: 10 }, () => Effect.fork(call)))
      yield* settle
      assert.strictEqual(origin.runs, 1)
      yield* origin.succeed(1)
      for (const fiber of early) assert.strictEqual(yield* Fiber.join(fiber), "v1")
      assert.strictEqual(origin.runs, 2)
      yield* origin.succeed(2)
      for (const fiber of late) assert.strictEqual(yield* Fiber.join(fiber), "v2")
    }))

  it.scoped("reads miss, writes are dropped; deletes and invalidations fail", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({ failure: { probability: 1 } })
      assert.deepStrictEqual(yield* first(Cache.get(bypassing, "42")), Option.none())
      yield* first(Cache.set(bypassing, "42", "v"))
      assert.isTrue(Exit.isFailure(yield* first(Effect.exit(Cache.delete(bypassing, "42")))))
      assert.isTrue(Exit.isFailure(yield* first(Effect.exit(Cache.invalidateTags(bypassing, ["tag"])))))
      assert.isTrue(Exit.isFailure(yield* first(Effect.exit(Cache.flush(bypassing)))))
    }))
})

describe("the breaker", () => {
  const plain = Cache.make({ name: "plain", codec })

  /** A store that is down while a test says so, and the number of operations that it received. */
  const outage = () => {
    const state = { down: true, asked: 0 }
    const options: RedisLayer.FaultyOptions = {
      script: (operation) => {
        // Missed writes are made good as soon as possible.
        if (operation !== "discard") state.asked++
        return state.down ? { fail: "Connection" } : {}
      }
    }
    return { state, options }
  }

  const reason = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.match(effect, {
      onFailure: (error) => (error as { readonly reason?: string }).reason ?? "other",
      onSuccess: () => "done"
    })

  it.scoped("opens on a rate of failures, not on a single one", () =>
    Effect.gen(function*() {
      const { options, state } = outage()
      const { first } = yield* instances(options)
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* reason(first(Cache.get(plain, "42"))), "Connection")
      assert.strictEqual(yield* reason(first(Cache.get(plain, "42"))), "CircuitOpen")
      assert.strictEqual(state.asked, 10)
    }))

  it.scoped("stays closed if less than half fail", () =>
    Effect.gen(function*() {
      let call = 0
      const { first } = yield* instances({ script: () => ++call % 3 === 0 ? { fail: "Timeout" } : {} })
      for (let i = 0; i < 100; i++) {
        assert.notStrictEqual(yield* reason(first(Cache.get(plain, "42"))), "CircuitOpen")
      }
    }))

  it.scoped("does not open on errors that the store answers", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({ failure: { probability: 1, reason: "OutOfMemory" } })
      for (let i = 0; i < 50; i++) {
        assert.strictEqual(yield* reason(first(Cache.set(plain, "42", "v"))), "OutOfMemory")
      }
    }))

  it.scoped("failures long ago do not count", () =>
    Effect.gen(function*() {
      const { options, state } = outage()
      const { first } = yield* instances(options)
      for (let i = 0; i < 9; i++) yield* reason(first(Cache.get(plain, "42")))
      yield* TestClock.adjust("11 seconds")
      for (let i = 0; i < 9; i++) yield* reason(first(Cache.get(plain, "42")))
      assert.strictEqual(state.asked, 18)
      assert.strictEqual(yield* reason(first(Cache.get(plain, "42"))), "Connection")
    }))

  it.scoped("lets a probe through now and then, and closes when one succeeds", () =>
    Effect.gen(function*() {
      const { options, state } = outage()
      const { first } = yield* instances(options)
      const call = reason(first(Cache.get(plain, "42")))
      for (let i = 0; i < 10; i++) yield* call
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* call, "Connection")
      assert.strictEqual(yield* call, "CircuitOpen")
      state.asked = 0
      for (let i = 0; i < 100; i++) {
        yield* TestClock.adjust("100 millis")
        yield* call
      }
      // One in 250 to 500 ms.
      assert.isAtLeast(state.asked, 20)
      assert.isAtMost(state.asked, 40)
      state.down = false
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* call, "done")
      assert.strictEqual(yield* call, "done")
      assert.strictEqual(yield* reason(first(Cache.set(plain, "42", "v"))), "done")
    }), 20_000)

  it.scoped("a scan is a probe that only an answer ends", () =>
    Effect.gen(function*() {
      const { options, state } = outage()
      const { first } = yield* instances(options)
      for (let i = 0; i < 10; i++) yield* reason(first(Cache.get(plain, "42")))
      const scanned = reason(first(Stream.runDrain(Cache.keys(plain))))
      assert.strictEqual(yield* scanned, "CircuitOpen")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* scanned, "Connection")
      assert.strictEqual(yield* reason(first(Cache.get(plain, "42"))), "CircuitOpen")
      state.down = false
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* scanned, "done")
      assert.strictEqual(yield* reason(first(Cache.get(plain, "42"))), "done")
    }))

  it.scoped("while it is open, a load sends nothing: not even the release of a lease that was never requested", () =>
    Effect.gen(function*() {
      const { options, state } = outage()
      const { first } = yield* instances(options)
      const cache = Cache.make({ name: "plain", codec, onRedisError: "bypass" })
      for (let i = 0; i < 10; i++) yield* first(Cache.get(cache, "42"))
      state.asked = 0
      assert.strictEqual(yield* first(Cache.getOrSet(cache, "42", Effect.succeed("v"))), "v")
      assert.strictEqual(yield* first(Cache.refresh(cache, "42", Effect.succeed("v"))), "v")
      yield* settle
      assert.strictEqual(state.asked, 0)
    }))
})
