/** Updates that hold tags, against loads of entries with these tags. */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { updating } from "../../../src/internal/inFlight/updating.js"
import { fleets } from "../../load/fleets.js"
import { gate } from "./gates.js"

const lease = { duration: "1 second", maxDuration: "30 seconds" } as const
const byKey = Cache.make({ name: "team", timeToLive: "1 hour", lease, tags: () => ["team"] })
const byValue = Cache.make({ name: "team", timeToLive: "1 hour", lease, valueTags: () => ["team"] })

for (const fleet of fleets) {
  for (const [how, team] of [["its key", byKey], ["its value", byValue]] as const) {
    describe(`an update that holds a tag that an entry has by ${how}, on ${fleet.name}`, () => {
      const get = Cache.get(team, "42")
      const invalidating = Cache.invalidating(team, [], { tags: ["team"], hold: "200 millis" })

      fleet.test("what was loaded before the commit is not stored, whenever the load ends", () =>
        Effect.gen(function*() {
          const { at } = yield* fleet.processes(undefined, undefined)
          yield* at(1)(Cache.getOrSet(team, "41", Effect.succeed("v1")))
          for (const [begins, ends] of [["before", "during"], ["before", "after"], ["during", "after"]]) {
            yield* at(1)(Cache.delete(team, "42"))
            const [load, update] = [yield* gate, yield* gate]
            const reading = Effect.fork(at(1)(Cache.getOrSet(team, "42", Effect.as(load.update, "v1"))))
            const updating = Effect.zipLeft(Effect.fork(at(0)(invalidating(update.update))), update.begun)
            let old: Fiber.Fiber<unknown, unknown>
            let writing: Fiber.Fiber<unknown, unknown>
            if (begins === "before") {
              old = yield* reading
              yield* load.begun
              writing = yield* updating
            } else {
              writing = yield* updating
              old = yield* reading
              yield* load.begun
            }
            if (ends === "during") {
              yield* load.goOn
              yield* Fiber.join(old)
            }
            yield* update.goOn
            yield* Fiber.join(writing)
            yield* load.goOn
            assert.strictEqual(yield* Fiber.join(old), "v1")
            assert.deepStrictEqual(yield* at(0)(get), Option.none(), `${begins} to ${ends}`)
            assert.deepStrictEqual(yield* at(0)(Cache.get(team, "41")), Option.none())
            yield* at(1)(Cache.getOrSet(team, "42", Effect.succeed("v2")))
            assert.deepStrictEqual(yield* at(0)(get), Option.some("v2"))
          }
        }))

      fleet.test("the process dies: what was loaded before its hold ran out is not stored after it", () =>
        Effect.gen(function*() {
          // Nothing that it sends after the begin takes place.
          const dying = { script: (name: string) => name === "endHold" ? { fail: "Connection" as const } : undefined }
          const { at } = yield* fleet.processes(dying, undefined)
          yield* at(1)(Cache.getOrSet(team, "41", Effect.succeed("v1")))
          const load = yield* gate
          const old = yield* at(0)(invalidating(
            Effect.zipLeft(
              Effect.forkDaemon(at(1)(Cache.getOrSet(team, "42", Effect.as(load.update, "v1")))),
              load.begun
            ).pipe(Effect.locally(updating, undefined))
          ))
          yield* fleet.pass("250 millis")
          yield* load.goOn
          assert.strictEqual(yield* Fiber.join(old), "v1")
          assert.deepStrictEqual(yield* at(0)(get), Option.none())
          // Later callers find that the hold has run out, and continue as if there were none.
          yield* at(1)(Cache.getOrSet(team, "43", Effect.succeed("v2")))
          yield* at(1)(Cache.getOrSet(team, "43", Effect.succeed("v2")))
          assert.deepStrictEqual(yield* at(0)(Cache.get(team, "43")), Option.some("v2"))
        }))
    })
  }
}
