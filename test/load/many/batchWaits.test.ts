/**
 * Keys of a batch that another process loads: the batch waits for each separately, and such a key keeps its lease when
 * the batch ends.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { type Fleet, fleets } from "../fleets.js"
import type { Origin } from "../memoryInstances.js"
import { nothingLeft } from "../memoryInstances.js"

const users = Cache.make({ name: "users", codec: Codec.structural<string>() })

/**
 * Process 0 loads `b`; process 1 has a batch of `a` and `b`, which loads `a`. Then process 0 fails, and process 1 takes
 * the lease of `b`. `ofA` counts the loads of `a`, `ofB` those of `b`.
 */
const taken = (fleet: Fleet) =>
  Effect.gen(function*() {
    const { at, services } = yield* fleet.processes(undefined, undefined, undefined)
    const ofA = fleet.origin()
    const ofB: Origin = fleet.origin()
    const loads: Array<ReadonlyArray<string>> = []
    const elsewhere = yield* Effect.fork(at(0)(Effect.exit(Cache.getOrSet(users, "b", ofB.load))))
    yield* fleet.until(() => ofB.runs === 1)
    const batch = yield* Effect.fork(
      at(1)(
        Cache.getOrSetMany(users, ["a", "b"], (keys) => {
          loads.push(keys)
          return Effect.forEach(keys, (key) =>
            Effect.map((key === "a" ? ofA : ofB).load, (value) => [key, value] as const))
        })
      )
    )
    yield* fleet.until(() =>
      ofA.runs === 1
    )
    yield* ofB.fail(1)
    yield* Fiber.join(elsewhere)
    yield* fleet.pass("150 millis")
    yield* fleet.until(() => ofB.runs === 2)
    return { at, services, ofA, ofB, loads, batch }
  })

for (const fleet of fleets) {
  describe(`a batch waits for a key whose load in another process fails, ${fleet.name}`, () => {
    fleet.test("it takes the lease, and keeps it until that key is loaded", () =>
      Effect.gen(function*() {
        const { at, batch, loads, ofA, ofB, services } = yield* taken(fleet)
        assert.deepStrictEqual(loads, [["a"], ["b"]])
        yield* ofA.succeed(1)
        yield* fleet.pass("50 millis")
        assert.deepStrictEqual(yield* at(2)(Cache.get(users, "a")), Option.some("v1"))
        // The rest of the batch has ended, but no other caller loads it again.
        const third = yield* Effect.fork(at(2)(Cache.getOrSet(users, "b", ofB.load)))
        yield* fleet.pass("50 millis")
        assert.strictEqual(ofB.runs, 2)
        yield* ofB.succeed(2)
        yield* fleet.pass("150 millis")
        assert.deepStrictEqual([...yield* Fiber.join(batch)], [["a", "v1"], ["b", "v2"]])
        assert.strictEqual(yield* Fiber.join(third), "v2")
        assert.strictEqual((yield* at(1)(Cache.stats(users))).refusedFills, 0)
        for (const service of services) {
          for (const key of ["a", "b"]) {
            const left = yield* nothingLeft(service, `${service.driver.prefix}users:${key}`)
            assert.deepInclude(left, { lease: false, flights: 0 })
          }
        }
      }))

    fleet.test("the rest of the batch fails: the key is loaded only for the callers that wait for it", () =>
      Effect.gen(function*() {
        const { at, batch, ofA, ofB } = yield* taken(fleet)
        const alone = yield* Effect.fork(at(1)(Cache.getOrSet(users, "b", ofB.load)))
        yield* fleet.pass("20 millis")
        yield* ofA.fail(1)
        yield* fleet.pass("20 millis")
        yield* ofB.succeed(2)
        assert.strictEqual(yield* Fiber.join(alone), "v2")
        assert.isTrue((yield* Fiber.await(batch))._tag === "Failure")
        assert.deepStrictEqual(yield* at(2)(Cache.get(users, "b")), Option.some("v2"))
        assert.strictEqual(ofB.runs, 2)
      }))

    fleet.test("the batch is interrupted: both leases are free", () =>
      Effect.gen(function*() {
        const { at, batch, ofA, ofB, services } = yield* taken(fleet)
        yield* Fiber.interrupt(batch)
        yield* fleet.pass("50 millis")
        assert.deepStrictEqual([ofA.interrupted, ofB.interrupted], [1, 1])
        for (const key of ["a", "b"]) {
          const left = yield* nothingLeft(services[1]!, `${services[1]!.driver.prefix}users:${key}`)
          assert.deepInclude(left, { lease: false, flights: 0 })
        }
        assert.deepStrictEqual(yield* at(2)(Cache.getOrSet(users, "b", Effect.succeed("next"))), "next")
      }))
  })
}
