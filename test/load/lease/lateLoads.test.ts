/** Loads that outlast their lease: their values are stored if no other load took their place. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache, Codec, type RedisLayer } from "effect-redis-cache"
import { fleets } from "../fleets.js"
import { instances, logs, Origin, settle } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const users = Cache.make({ name: "users", codec, lease: { duration: "100 millis" } })
const stale = Cache.make({
  name: "stale",
  codec,
  timeToLive: (value) => value === "old" ? "1 millis" : "1 hour",
  staleIfError: "20 millis",
  lease: { duration: "100 millis" }
})

/** Its process cannot renew: to the store, it looks as if it blocked its thread. */
const blocked: RedisLayer.FaultyOptions = {
  script: (operation) => operation === "renew" ? { fail: "Timeout" } : undefined
}

for (const fleet of fleets) {
  describe(`a load that takes longer than lease.duration and cannot renew, ${fleet.name}`, () => {
    for (const cache of [users, stale]) {
      fleet.test(`${cache.name}: its value is stored if no other load took the lease`, () =>
        Effect.gen(function*() {
          const { at } = yield* fleet.processes(blocked, undefined)
          const origin = fleet.origin()
          if (cache === stale) yield* at(1)(Cache.set(cache, "42", "old"))
          yield* fleet.pass("5 millis")
          const loading = yield* Effect.fork(at(0)(Cache.getOrSet(cache, "42", origin.load)))
          yield* fleet.until(() => origin.runs === 1)
          // Longer than the lease, and longer than the entry would have stayed without it.
          yield* fleet.pass("250 millis")
          yield* origin.succeed(1)
          assert.strictEqual(yield* Fiber.join(loading), "v1")
          assert.deepStrictEqual(yield* at(1)(Cache.get(cache, "42")), Option.some("v1"))
          assert.strictEqual((yield* at(0)(Cache.stats(cache))).refusedFills, 0)
        }))

      fleet.test(`${cache.name}: not if another load has taken it`, () =>
        Effect.gen(function*() {
          const { at } = yield* fleet.processes(blocked, undefined)
          const origin = fleet.origin()
          const next = fleet.origin()
          const loading = yield* Effect.fork(at(0)(Cache.getOrSet(cache, "42", origin.load)))
          yield* fleet.until(() => origin.runs === 1)
          const waiting = yield* Effect.fork(at(1)(Cache.getOrSet(cache, "42", next.load)))
          yield* fleet.pass("250 millis")
          yield* fleet.until(() => next.runs === 1)
          yield* origin.succeed(1)
          assert.strictEqual(yield* Fiber.join(loading), "v1")
          assert.deepStrictEqual(yield* at(1)(Cache.get(cache, "42")), Option.none())
          yield* next.succeed(1)
          yield* Fiber.join(waiting)
          assert.strictEqual((yield* at(0)(Cache.stats(cache))).refusedFills, 1)
          assert.isTrue(yield* at(1)(Cache.has(cache, "42")))
        }))

      for (
        const [what, write] of [
          ["deleted", Effect.asVoid(Cache.delete(cache, "42"))],
          ["written over", Cache.set(cache, "42", "written")]
        ] as const
      ) {
        fleet.test(`${cache.name}: not if it was ${what}`, () =>
          Effect.gen(function*() {
            const { at } = yield* fleet.processes(blocked, undefined)
            const origin = fleet.origin()
            const loading = yield* Effect.fork(at(0)(Cache.getOrSet(cache, "42", origin.load)))
            yield* fleet.until(() => origin.runs === 1)
            yield* fleet.pass("250 millis")
            yield* at(1)(write)
            yield* origin.succeed(1)
            assert.strictEqual(yield* Fiber.join(loading), "v1")
            assert.deepStrictEqual(
              yield* at(1)(Cache.get(cache, "42")),
              what === "deleted" ? Option.none() : Option.some("written")
            )
          }))
      }
    }
  })
}

describe("a refused fill", () => {
  it.scoped("names lease.duration if the lease had ended, once a minute", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(blocked, undefined)
      const { layer, messages } = logs()
      for (const minute of [1, 2]) {
        for (let i = 0; i < 3; i++) {
          const origin = new Origin()
          const key = `${minute}.${i}`
          yield* Effect.fork(Effect.provide(first(Cache.getOrSet(users, key, origin.load)), layer))
          yield* TestClock.adjust(250 + i)
          yield* second(Cache.getOrSet(users, key, Effect.succeed("taken")))
          yield* origin.succeed(1)
        }
        assert.strictEqual(messages.length, minute)
        for (const part of ["WARN", "lease.duration", "100ms"]) assert.include(messages[0], part)
        yield* TestClock.adjust("1 minute")
      }
    }))

  for (const [when, passes] of [["just before", "0 millis"], ["long before", "10 seconds"]] as const) {
    it.scoped(`logs nothing if a write revoked the lease ${when}, while it was held`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        const { layer, messages } = logs()
        const origin = new Origin()
        yield* Effect.fork(Effect.provide(first(Cache.getOrSet(users, "42", origin.load)), layer))
        yield* settle
        yield* TestClock.adjust("250 millis")
        yield* second(Cache.set(users, "42", "written"))
        yield* TestClock.adjust(passes)
        yield* origin.succeed(1)
        assert.strictEqual((yield* first(Cache.stats(users))).refusedFills, 1)
        assert.deepStrictEqual(messages, [])
      }))
  }
})
