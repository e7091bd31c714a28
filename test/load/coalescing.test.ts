import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Option, type Scope, TestClock } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { again, LoadRun } from "../../src/internal/inFlight/inFlight.js"
import { InFlightTable } from "../../src/internal/inFlight/table.js"
import { clean, instances, nothingLeft, Origin, settle } from "./memoryInstances.js"

const users = Cache.make({ name: "users" })

describe("one load in a process", () => {
  it.scoped("a thousand callers share one read, one lease, one fill", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const { first } = yield* instances({
        script: (operation) => {
          calls.push(operation)
          return undefined
        }
      })
      const origin = new Origin()
      const callers = yield* Effect.fork(first(
        Effect.all(Array.from({ length: 1000 }, () => Cache.getOrSet(users, "42", origin.load)), {
          concurrency: "unbounded"
        })
      ))
      yield* settle
      assert.strictEqual(origin.runs, 1)
      yield* origin.succeed(1)
      assert.deepStrictEqual(new Set<unknown>(yield* Fiber.join(callers)), new Set<unknown>(["v1"]))
      assert.deepStrictEqual(calls.filter((name) => name !== "get"), ["lease", "fill"])
      const stats = yield* first(Cache.stats(users))
      assert.strictEqual(stats.loads, 1)
      assert.strictEqual(stats.coalesced, 999)
    }))

  it.scoped("a failure is shared by all waiting callers, and not kept", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const caller = first(Effect.exit(Cache.getOrSet(users, "42", origin.load)))
      const callers = yield* Effect.fork(Effect.all(Array.from({ length: 20 }, () => caller), {
        concurrency: "unbounded"
      }))
      yield* settle
      yield* origin.fail(1)
      for (const exit of yield* Fiber.join(callers)) assert.deepStrictEqual(exit, Exit.fail("e1"))
      assert.strictEqual(origin.runs, 1)
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
      const next = yield* Effect.fork(caller)
      yield* settle
      yield* origin.succeed(2)
      assert.deepStrictEqual(yield* Fiber.join(next), Exit.succeed("v2"))
    }))

  it.scoped("a defect, too", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const caller = first(Effect.exit(Cache.getOrSet(users, "42", origin.load)))
      const callers = yield* Effect.fork(Effect.all([caller, caller], { concurrency: "unbounded" }))
      yield* settle
      yield* origin.die(1)
      for (const exit of yield* Fiber.join(callers)) assert.deepStrictEqual(exit, Exit.die("d1"))
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
    }))

  it.scoped("what a load forks ends with its computation, before its value is stored", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const bounded = Cache.make({ name: "bounded", maxConcurrentLoads: 1 })
      const child = Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))
      const load = Effect.as(Effect.zipRight(Effect.fork(child), Effect.yieldNow()), "value")
      const caller = yield* Effect.fork(first(Cache.getOrSet(bounded, "42", load)))
      yield* TestClock.adjust("999 millis")
      const next = yield* Effect.fork(first(Cache.getOrSet(bounded, "43", Effect.succeed("next"))))
      yield* settle
      assert.deepStrictEqual(yield* first(Cache.get(bounded, "42")), Option.none())
      assert.isTrue(Option.isNone(yield* Fiber.poll(next)))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(caller), "value")
      assert.strictEqual(yield* Fiber.join(next), "next")
      assert.deepStrictEqual(yield* first(Cache.get(bounded, "42")), Option.some("value"))
    }))

  it.scoped("a caller that leaves ends only its own wait, even the first one", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const [one, two, three] = yield* Effect.all(
        [1, 2, 3].map(() => Effect.fork(first(Cache.getOrSet(users, "42", origin.load))))
      )
      yield* settle
      yield* Fiber.interrupt(one!)
      yield* Fiber.interrupt(three!)
      assert.strictEqual(origin.interrupted, 0)
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(two!), "v1")
      assert.strictEqual(origin.runs, 1)
    }))

  it.scoped("when the last caller leaves, the load is interrupted, and the next caller starts anew at once", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const call = first(Cache.getOrSet(users, "42", origin.load))
      const [one, two] = yield* Effect.all([Effect.fork(call), Effect.fork(call)])
      yield* settle
      yield* Fiber.interrupt(one)
      yield* Fiber.interrupt(two)
      assert.strictEqual(services[0]!.runtime.flights.size, 0)
      const next = yield* Effect.fork(call)
      yield* settle
      assert.strictEqual(origin.interrupted, 1)
      assert.strictEqual(origin.runs, 2)
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(next), "v2")
    }))

  it.effect("a caller that has found a load, and is about to wait for it, looks again if the last waiter has left meanwhile", () =>
    Effect.gen(function*() {
      const table = new InFlightTable()
      const run = new LoadRun("Lead")
      const key = table.open("users:42", undefined, run)
      run.fiber = yield* Effect.forkDaemon(Effect.never)
      // The caller that opened it counts as waiting before it waits.
      assert.isFalse(run.abandoned)
      const leader = yield* Effect.fork(table.wait([key], [key]))
      yield* settle
      const found = table.joinable("users:42")!
      yield* Fiber.interrupt(leader)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(run.fiber)))
      yield* table.wait([found], [])
      assert.deepStrictEqual(found.outcome, again)
      assert.strictEqual(table.size, 0)
    }))

  it.scoped("a load runs in a scope of its own, with the context of the caller that began it", () =>
    Effect.gen(function*() {
      class Name extends Context.Tag("Name")<Name, string>() {}
      const { first } = yield* instances(undefined)
      const events: Array<string> = []
      const load = Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.sync(() => events.push("closed")))
        events.push(yield* Name)
        return "value"
      })
      const loaded: Effect.Effect<string, unknown, Exclude<Effect.Effect.Context<typeof load>, Scope.Scope>> = first(
        Cache.getOrSet(Cache.make({ name: "scoped", codec: Codec.structural<string>() }), "1", load)
      )
      yield* Effect.provideService(loaded, Name, "first")
      assert.deepStrictEqual(events, ["first", "closed"])
    }))

  it.scoped("a load whose scope cannot be closed has failed, and stores nothing", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const cache = Cache.make({ name: "unclosed", codec: Codec.structural<string>() })
      const load = Effect.acquireRelease(Effect.succeed("value"), () => Effect.die("not closed"))
      const exit = yield* Effect.exit(first(Cache.getOrSet(cache, "1", load)))
      assert.deepStrictEqual(exit, Exit.die("not closed"))
      assert.deepStrictEqual(yield* first(Cache.get(cache, "1")), Option.none())
      assert.strictEqual((yield* first(Cache.stats(cache))).failures, 1)
    }))

  it.scoped("a tag function that throws leaves no slot behind", () =>
    Effect.gen(function*() {
      let broken = true
      const tagged = Cache.make({
        name: "tagged",
        tags: () => {
          if (broken) throw new Error("broken")
          return ["tag"]
        }
      })
      const { first, services } = yield* instances(undefined)
      assert.isTrue(Exit.isFailure(yield* first(Effect.exit(Cache.refresh(tagged, "1", Effect.succeed("value"))))))
      assert.strictEqual(services[0]!.runtime.flights.size, 0)
      broken = false
      assert.strictEqual(yield* first(Cache.getOrSet(tagged, "1", Effect.succeed("value"))), "value")
    }))

  it.scoped("a load that asks for its own key dies, and says why", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const exit = yield* first(
        Effect.exit(Cache.getOrSet(users, "42", Cache.getOrSet(users, "42", Effect.succeed("inner"))))
      )
      assert.include(String(exit), "waits for itself")
    }))

  it.scoped("every value counts as a value", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const values = [0, false, "", null, undefined, Option.none(), NaN]
      for (const [i, value] of values.entries()) {
        yield* first(Cache.getOrSet(users, `v${i}`, Effect.succeed<unknown>(value)))
        assert.deepStrictEqual(
          yield* first(Cache.getOrSet(users, `v${i}`, Effect.dieMessage("it is there"))),
          value
        )
      }
    }))
})
