/** The server's clock is set back while a lease is held: that does not block the key for the same time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { leaseRequest } from "../../support/driverRequests.js"
import { fleets } from "../fleets.js"
import { instances, leaseAndDie } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const users = Cache.make({ name: "users", codec })
const swr = Cache.make({ name: "swr", codec, timeToLive: "1 second", staleWhileRevalidate: "1 day" })
const hour = 3_600_000

describe("a server whose clock is set back by an hour", () => {
  it.scoped("a held lease is free", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* TestClock.setTime(10 * hour)
      yield* leaseAndDie(services[0]!.driver, "users:42", 5_000)
      yield* TestClock.setTime(9 * hour)
      assert.strictEqual(yield* first(Cache.getOrSet(users, "42", Effect.succeed("loaded"))), "loaded")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("loaded"))
    }))

  it.scoped("a source that was left alone is asked again", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* TestClock.setTime(9 * hour)
      yield* first(Cache.set(swr, "42", "stale"))
      yield* TestClock.setTime(10 * hour)
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", Effect.fail("down"))), "stale")
      yield* TestClock.adjust(0)
      yield* TestClock.setTime(9 * hour + 2_000)
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", Effect.succeed("new"))), "stale")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* first(Cache.get(swr, "42")), Option.some("new"))
    }))
})

for (const fleet of fleets) {
  describe(`a lease that claims to last longer than any can, ${fleet.name}`, () => {
    fleet.test("is free to any caller, but not before", () =>
      Effect.gen(function*() {
        const { at, services } = yield* fleet.processes(undefined)
        const { driver } = services[0]!
        const claim = (key: string, duration: number) =>
          driver.lease([
            leaseRequest({
              key: `${driver.prefix}users:${key}`,
              token: new Uint8Array(8).fill(7),
              duration,
              life: duration
            })
          ], "entry")
        yield* claim("far", hour)
        yield* claim("near", 100_000)
        assert.strictEqual(yield* at(0)(Cache.getOrSet(users, "far", Effect.succeed("loaded"))), "loaded")
        const waiting = yield* Effect.fork(at(0)(Cache.getOrSet(users, "near", Effect.dieMessage("it is held"))))
        yield* fleet.pass("200 millis")
        assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
        yield* Fiber.interrupt(waiting)
      }))
  })
}
