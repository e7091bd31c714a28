/** A load that fails, in a fleet: no caller waits for more than two attempts of other processes. */
import { assert, describe } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Fiber, Option } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { fleets } from "../fleets.js"

const users = Cache.make({ name: "users", codec: Codec.structural<string>() })

/** How much longer than the other load polling its lease may take, in ms, and what a noisy machine adds. */
const slack = { memory: 110, Redis: 350 }

for (const fleet of fleets) {
  const processes = fleet.name === "memory" ? 8 : 4

  describe(`a load that fails after 500 ms, in ${processes} processes, ${fleet.name}`, () => {
    fleet.test("each caller is answered after at most three attempts, and makes at most one", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(...Arr.replicate(undefined, processes))
        const clock = yield* Effect.clock
        let asked = 0
        const load = Effect.suspend(() => {
          asked++
          return Effect.zipRight(Effect.sleep("500 millis"), Effect.fail("down"))
        })
        const waited: Array<number> = []
        const began = clock.unsafeCurrentTimeMillis()
        const callers = yield* Effect.forEach(Arr.range(0, processes - 1), (i) =>
          Effect.fork(Effect.zipLeft(
            at(i)(Effect.exit(Cache.getOrSet(users, "42", load))),
            Effect.sync(() => waited.push(clock.unsafeCurrentTimeMillis() - began))
          )))
        for (let i = 0; i < 36; i++) yield* fleet.pass("50 millis")
        for (const caller of callers) {
          assert.isTrue(Option.isSome(yield* Fiber.poll(caller)), "it waits for a fourth attempt")
          assert.deepStrictEqual(yield* Fiber.join(caller), Exit.fail("down"))
        }
        assert.isAtMost(asked, processes)
        assert.isAtMost(Math.max(...waited), 1_500 + 2 * slack[fleet.name as "memory" | "Redis"])
      }))

    fleet.test("the second attempt succeeds: its value is stored, and every process has one", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(...Arr.replicate(undefined, processes))
        let asked = 0
        const load = Effect.suspend(() =>
          ++asked === 1
            ? Effect.zipRight(Effect.sleep("500 millis"), Effect.fail("down"))
            : Effect.as(Effect.sleep("100 millis"), "up")
        )
        const callers = yield* Effect.forEach(
          Arr.range(0, processes - 1),
          (i) => Effect.fork(at(i)(Effect.exit(Cache.getOrSet(users, "42", load))))
        )
        for (let i = 0; i < 20; i++) yield* fleet.pass("50 millis")
        const exits = yield* Effect.forEach(callers, Fiber.join)
        assert.strictEqual(exits.filter(Exit.isFailure).length, 1)
        assert.deepStrictEqual(yield* at(0)(Cache.get(users, "42")), Option.some("up"))
      }))
  })
}
