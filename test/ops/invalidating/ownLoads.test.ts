/**
 * Loads by the fibers of an update, which may read uncommitted data: no other caller gets their values, and nothing is
 * stored.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, TestClock } from "effect"
import { Cache, Memo } from "effect-redis-cache"
import { instances, Origin, settle, stored } from "../../load/memoryInstances.js"
import { gate } from "./gates.js"

const users = Cache.make({ name: "users" })
const others = Cache.make({ name: "others", staleWhileRevalidate: "1 hour", timeToLive: "1 second" })
const bounded = Cache.make({ name: "bounded", maxConcurrentLoads: 1 })

const uncommitted = Effect.succeed("uncommitted")

describe("a load inside of an update", () => {
  it.scoped("stores nothing, for any key, in any way of loading", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const getUser = Memo.cached((id: number) => Effect.succeed(`uncommitted ${id}`), { name: "getUser" })
      const given = yield* first(Cache.invalidating(
        Effect.all([
          Cache.getOrSet(users, "42", uncommitted),
          Cache.getOrSet(users, "43", uncommitted),
          Cache.refresh(users, "43", uncommitted),
          Effect.flatMap(Effect.fork(Cache.getOrSet(users, "44", uncommitted)), Fiber.join),
          Effect.map(
            Cache.getOrSetMany(users, ["42", "45"], (keys) =>
              Effect.succeed(keys.map((key) =>
                [key, "uncommitted"] as const
              ))),
            (values) => [...values.values()].join()
          ),
          getUser(1),
          getUser.refresh(2)
        ], { concurrency: "unbounded" }),
        users,
        ["42"]
      ))
      assert.deepStrictEqual(given, [
        "uncommitted",
        "uncommitted",
        "uncommitted",
        "uncommitted",
        "uncommitted,uncommitted",
        "uncommitted 1",
        "uncommitted 2"
      ])
      for (const key of ["42", "43", "44", "45"]) {
        assert.strictEqual(yield* stored(services[0]!.driver, `users:${key}`), "nothing")
      }
      assert.deepStrictEqual(yield* first(getUser.peek(1)), Option.none())
      assert.deepStrictEqual(yield* first(getUser.peek(2)), Option.none())
      assert.strictEqual(services[0]!.runtime.flights.size, 0)
    }))

  it.scoped("is joined by no caller, and joins no load", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const outside = new Origin()
      const inside = yield* gate
      // Of a key that is not held, so that there is a load to join.
      const before = yield* Effect.fork(first(Cache.getOrSet(users, "43", outside.load)))
      yield* settle
      const own = yield* Effect.fork(first(
        Cache.invalidating(Cache.getOrSet(users, "43", Effect.as(inside.update, "uncommitted")), users, ["42"])
      ))
      yield* settle
      yield* inside.begun
      const after = yield* Effect.fork(first(Cache.getOrSet(users, "43", outside.load)))
      yield* settle
      assert.strictEqual(outside.runs, 1)
      yield* outside.succeed(1)
      assert.strictEqual(yield* Fiber.join(before), "v1")
      assert.strictEqual(yield* Fiber.join(after), "v1")
      yield* inside.goOn
      assert.strictEqual(yield* Fiber.join(own), "uncommitted")
      assert.deepStrictEqual(yield* first(Cache.get(users, "43")), Option.some("v1"))
    }))

  it.scoped("nor is one that goes on in the background after the update", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const inside = yield* gate
      const left = yield* first(Cache.invalidating(
        Effect.zipLeft(
          Effect.forkDaemon(Cache.getOrSet(users, "43", Effect.as(inside.update, "uncommitted"))),
          inside.begun
        ),
        users,
        ["42"]
      ))
      const after = yield* Effect.fork(first(Cache.getOrSet(users, "43", Effect.succeed("committed"))))
      yield* settle
      assert.strictEqual(yield* Fiber.join(after), "committed")
      yield* inside.goOn
      assert.strictEqual(yield* Fiber.join(left), "uncommitted")
      assert.deepStrictEqual(yield* first(Cache.get(users, "43")), Option.some("committed"))
    }))

  it.scoped("the load of a fiber that outlives the update is stored like any other", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const over = yield* Deferred.make<void>()
      const left = yield* first(Cache.invalidating(
        Effect.forkDaemon(Effect.zipRight(Deferred.await(over), Cache.getOrSet(users, "43", Effect.succeed("new")))),
        users,
        ["42"]
      ))
      yield* Deferred.succeed(over, undefined)
      yield* Fiber.join(left)
      assert.deepStrictEqual(yield* first(Cache.get(users, "43")), Option.some("new"))
    }))

  it.scoped("an update inside another update: the outer one goes on", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.invalidating(
        Effect.zipRight(
          Cache.invalidating(Effect.void, users, ["41"]),
          Cache.getOrSet(users, "43", uncommitted)
        ),
        users,
        ["42"]
      ))
      assert.deepStrictEqual(yield* first(Cache.get(users, "43")), Option.none())
      yield* first(Cache.getOrSet(users, "43", Effect.succeed("new")))
      assert.deepStrictEqual(yield* first(Cache.get(users, "43")), Option.some("new"))
    }))

  it.scoped("takes no turn in maxConcurrentLoads, which callers that wait for the update may hold", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { begun, goOn, update } = yield* gate
      // Like a load that waits for a row that the transaction has locked.
      const waiting = yield* Effect.fork(first(Cache.getOrSet(bounded, "1", Effect.as(update, "v1"))))
      yield* settle
      yield* begun
      assert.strictEqual(
        yield* first(Cache.invalidating(Cache.getOrSet(bounded, "2", uncommitted), users, ["42"])),
        "uncommitted"
      )
      yield* goOn
      yield* Fiber.join(waiting)
    }))

  it.scoped("serves stored values, and refreshes nothing in the background", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(others, "a", "v1"))
      yield* TestClock.adjust("2 seconds")
      let runs = 0
      const load = Effect.sync(() => `uncommitted ${++runs}`)
      assert.strictEqual(
        yield* first(Cache.invalidating(Cache.getOrSet(others, "a", load), users, ["42"])),
        "v1"
      )
      yield* settle
      assert.strictEqual(runs, 0)
      assert.strictEqual(yield* first(Cache.getOrSet(others, "a", load)), "v1")
      yield* settle
      assert.strictEqual(runs, 1)
    }))
})
