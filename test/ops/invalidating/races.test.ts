/**
 * Updates of the source against loads and each other, in several processes: no caller ever gets an outdated value, and
 * none is stored.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { fleets } from "../../load/fleets.js"
import { gate, Source } from "./gates.js"

const users = Cache.make({ name: "users", timeToLive: "1 hour" })
const get = Cache.get(users, "42")

for (const fleet of fleets) {
  describe(`an update of the source, on ${fleet.name}`, () => {
    fleet.test("a load reads before the begin, and fills during the update or after it: nothing is stored", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        for (const during of [true, false]) {
          const source = new Source()
          const load = yield* gate
          const reading = yield* Effect.fork(
            at(1)(Cache.getOrSet(users, "42", Effect.zipLeft(source.read, load.update)))
          )
          yield* load.begun
          const commit = Effect.zipRight(
            source.commit,
            during ? Effect.zipRight(load.goOn, Fiber.join(reading)) : Effect.void
          )
          yield* at(0)(Cache.invalidating(commit, users, ["42"]))
          yield* load.goOn
          assert.strictEqual(yield* Fiber.join(reading), "v1", "it began before the commit")
          assert.deepStrictEqual(yield* at(0)(get), Option.none())
          assert.strictEqual((yield* at(1)(Cache.stats(users))).refusedFills, during ? 1 : 2)
        }
      }))

    fleet.test("a load begins before the commit, and fills after the end: nothing is stored, and later callers look again", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        const source = new Source()
        const [load, update] = [yield* gate, yield* gate]
        const updating = yield* Effect.fork(
          at(0)(Cache.invalidating(Effect.zipLeft(source.commit, update.update), users, ["42"]))
        )
        yield* update.begun
        const getOrSet = at(1)(Cache.getOrSet(users, "42", Effect.zipLeft(Effect.succeed("v1"), load.update)))
        const before = yield* Effect.fork(getOrSet)
        yield* load.begun
        yield* update.goOn
        yield* Fiber.join(updating)
        const after = yield* Effect.fork(at(1)(Cache.getOrSet(users, "42", source.read)))
        yield* fleet.pass("20 millis")
        yield* load.goOn
        assert.strictEqual(yield* Fiber.join(before), "v1")
        assert.strictEqual(yield* Fiber.join(after), "v2")
        assert.deepStrictEqual(yield* at(0)(get), Option.some("v2"))
      }))

    fleet.test("no caller waits for a hold: a caller that waits for a load is woken when the hold begins", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        const [load, update] = [yield* gate, yield* gate]
        const leading = yield* Effect.fork(at(0)(Cache.getOrSet(users, "42", Effect.as(load.update, "v1"))))
        yield* load.begun
        const waiting = yield* Effect.fork(at(1)(Cache.getOrSet(users, "42", Effect.succeed("its own"))))
        yield* fleet.pass("20 millis")
        const updating = yield* Effect.fork(at(0)(Cache.invalidating(update.update, users, ["42"])))
        yield* update.begun
        yield* fleet.pass("200 millis")
        assert.strictEqual(yield* Fiber.join(waiting), "its own")
        yield* update.goOn
        yield* load.goOn
        yield* Fiber.join(updating)
        yield* Fiber.join(leading)
        assert.deepStrictEqual(yield* at(0)(get), Option.none())
      }))

    fleet.test("callers of one process share a load meanwhile", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        const [load, update] = [yield* gate, yield* gate]
        const updating = yield* Effect.fork(at(0)(Cache.invalidating(update.update, users, ["42"])))
        yield* update.begun
        let runs = 0
        const counted = Effect.zipRight(Effect.sync(() => ++runs), Effect.as(load.update, "v1"))
        const first = yield* Effect.fork(at(1)(Cache.getOrSet(users, "42", counted)))
        yield* load.begun
        const callers = yield* Effect.fork(Effect.all(
          Array.from({ length: 50 }, () => at(1)(Cache.getOrSet(users, "42", counted))),
          { concurrency: "unbounded" }
        ))
        yield* fleet.pass("50 millis")
        yield* load.goOn
        yield* Fiber.join(first)
        yield* Fiber.join(callers)
        // Callers that arrive while the first load runs share the next one.
        assert.isAtMost(runs, 2)
        yield* update.goOn
        yield* Fiber.join(updating)
      }))

    for (const firstEndsFirst of [true, false]) {
      fleet.test(`two updates of one key overlap, and the ${firstEndsFirst ? "first" : "second"} ends first`, () =>
        Effect.gen(function*() {
          const { at } = yield* fleet.processes(undefined, undefined, undefined)
          const gates = [yield* gate, yield* gate] as const
          const source = new Source()
          const updates = yield* Effect.forEach(gates, ({ begun, update }, i) =>
            Effect.zipLeft(
              Effect.fork(
                at(i)(
                  Cache.invalidating(Effect.zipRight(update, source.commit), users, ["42"], {
                    store: () => [["42", `stored by ${i}`]]
                  })
                )
              ),
              begun
            ))
          const [one, other] = firstEndsFirst ? [0, 1] as const : [1, 0] as const
          const old = at(2)(Cache.getOrSet(users, "42", source.read))
          yield* gates[one].goOn
          yield* Fiber.join(updates[one]!)
          assert.strictEqual(yield* old, "v2")
          assert.deepStrictEqual(yield* at(2)(get), Option.none(), "the other one has not committed")
          yield* gates[other].goOn
          yield* Fiber.join(updates[other]!)
          assert.deepStrictEqual(yield* at(2)(get), Option.none(), "what it would store may be the older one")
          assert.strictEqual(yield* old, "v3")
          assert.deepStrictEqual(yield* at(2)(get), Option.some("v3"))
        }))
    }

    fleet.test("a process dies in the middle: its hold runs out, and no outdated value was stored", () =>
      Effect.gen(function*() {
        const { at, services } = yield* fleet.processes(undefined, undefined)
        yield* at(1)(Cache.set(users, "42", "v1"))
        // The rest of that process: no renewal, no end.
        const { driver } = services[0]!
        yield* driver.hold({
          token: new Uint8Array(8).fill(1),
          keys: [`${driver.prefix}users:42`],
          tags: [],
          generation: undefined,
          tagsOutlive: 0,
          duration: 150,
          renews: false
        })
        assert.strictEqual(yield* at(1)(Cache.getOrSet(users, "42", Effect.succeed("v1"))), "v1")
        assert.deepStrictEqual(yield* at(1)(get), Option.none())
        yield* fleet.pass("200 millis")
        assert.strictEqual(yield* at(1)(Cache.getOrSet(users, "42", Effect.succeed("v2"))), "v2")
        assert.deepStrictEqual(yield* at(1)(get), Option.some("v2"))
      }))

    fleet.test("an update that takes longer than any lease holds while it runs, and restores a lost hold", () =>
      Effect.gen(function*() {
        const { at, services } = yield* fleet.processes(undefined, undefined)
        const { driver } = services[1]!
        const { begun, goOn, update } = yield* gate
        const updating = yield* Effect.fork(
          at(0)(Cache.invalidating(update, users, ["42"], { hold: "200 millis", store: () => [["42", "stored"]] }))
        )
        yield* begun
        const state = Effect.map(at(1)(Cache.explain(users, "42")), (found) => found.state)
        yield* fleet.pass("500 millis")
        assert.strictEqual(yield* state, "Held")
        yield* at(1)(Cache.set(users, "42", "old"))
        yield* fleet.pass("150 millis")
        assert.strictEqual(yield* state, "Held")
        yield* driver.set({ key: `${driver.prefix}users:42`, bytes: new Uint8Array(1), life: undefined }, {
          onSuccess: () => Effect.void,
          onFailure: Effect.fail
        })
        yield* fleet.pass("150 millis")
        assert.strictEqual(yield* state, "Held")
        yield* goOn
        yield* Fiber.join(updating)
        assert.strictEqual(yield* state, "Missing")
        // Nothing continues in the background.
        yield* fleet.pass("300 millis")
        assert.strictEqual(yield* state, "Missing")
      }))

    fleet.test("linger: the value of a lagging replica is not stored, even though the process has gone", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        yield* at(0)(Cache.invalidating(Effect.void, users, ["42"], { linger: "300 millis" }))
        assert.strictEqual(
          yield* at(1)(Cache.getOrSet(users, "42", Effect.succeed("of the replica"))),
          "of the replica"
        )
        assert.deepStrictEqual(yield* at(1)(get), Option.none())
        yield* fleet.pass("350 millis")
        yield* at(1)(Cache.getOrSet(users, "42", Effect.succeed("v2")))
        assert.deepStrictEqual(yield* at(1)(get), Option.some("v2"))
      }))
  })
}
