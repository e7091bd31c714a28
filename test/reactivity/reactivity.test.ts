/** Keys of `Reactivity` as tags that all processes share. */
import { Reactivity } from "@effect/experimental"
import { SqlClient, type SqlConnection, Statement } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream, TestClock } from "effect"
import { Cache, Redis } from "effect-redis-cache"
import * as CacheReactivity from "effect-redis-cache/Reactivity"
import { instances as unwatched, settle } from "../load/memoryInstances.js"
import { type Instance, instances } from "../near/watchedInstances.js"

const users = Cache.make({ name: "users", timeToLive: "1 minute", tags: (id) => [`users:${id}`] })
const teams = Cache.make({ name: "teams" })

/** The `Reactivity` of an instance, and a way to run effects with both. */
const process = ({ service }: Pick<Instance, "service">, caches: Parameters<typeof CacheReactivity.layer>[0] = users) =>
  Effect.map(
    Layer.build(CacheReactivity.layer(caches).pipe(Layer.provide(Layer.succeed(Redis.Redis, service)))),
    (context) => {
      const both = Context.add(context, Redis.Redis, service)
      return {
        reactivity: Context.get(context, Reactivity.Reactivity),
        run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, both)
      }
    }
  )

type Process = Effect.Effect.Success<ReturnType<typeof process>>

type Keys = Parameters<typeof Reactivity.invalidate>[0]

/** Counts how often a query of these keys runs. */
const reader = ({ run }: Process, keys: Keys) =>
  Effect.gen(function*() {
    const reads = { count: 0 }
    yield* Reactivity.stream(Effect.sync(() => ++reads.count), keys).pipe(Stream.runDrain, run, Effect.forkScoped)
    yield* settle
    return reads
  })

const setUp = Effect.gen(function*() {
  const { first, second, server } = yield* instances(undefined, undefined)
  const here = yield* process(first)
  const there = yield* process(second)
  yield* settle
  return { first, second, server, here, there }
})

describe("Reactivity over Redis", () => {
  it.scoped("a tag that another process invalidates makes queries run again here, once", () =>
    Effect.gen(function*() {
      const { here, second } = yield* setUp
      const mine = yield* reader(here, ["users:42"])
      const other = yield* reader(here, ["users:43"])
      assert.deepStrictEqual([mine.count, other.count], [1, 1])
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.deepStrictEqual([mine.count, other.count], [2, 1])
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.deepStrictEqual([mine.count, other.count], [3, 1])
    }))

  it.scoped("a tag that another process expires makes queries run again here, each time", () =>
    Effect.gen(function*() {
      const { here, second } = yield* setUp
      const mine = yield* reader(here, ["users:42"])
      for (const count of [2, 3, 4]) {
        yield* second.run(Cache.expireTags(users, ["users:42"]))
        yield* settle
        assert.strictEqual(mine.count, count)
        // Storing entries under the tag is not a change.
        yield* second.run(Cache.set(users, "42", "Ada"))
        yield* settle
        assert.strictEqual(mine.count, count)
      }
    }))

  it.scoped("storing entries under a tag prolongs its epoch, and invalidates nothing", () =>
    Effect.gen(function*() {
      const { here, second } = yield* setUp
      const mine = yield* reader(here, ["users:42"])
      yield* second.run(Cache.set(users, "42", "Ada", { timeToLive: "1 day" }))
      yield* second.run(Cache.getOrSet(users, "42", Effect.succeed("Ada"), { forceRefresh: true }))
      yield* settle
      assert.strictEqual(mine.count, 1)
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.strictEqual(mine.count, 2)
    }))

  it.scoped("a mutation invalidates tags: its own queries, other processes' queries, and entries", () =>
    Effect.gen(function*() {
      const { here, there } = yield* setUp
      yield* here.run(Cache.set(users, "42", "Ada"))
      yield* here.run(Cache.set(users, "43", "Grace"))
      const mine = yield* reader(here, ["users:42"])
      const theirs = yield* reader(there, ["users:42"])
      const all = yield* reader(there, ["users"])
      const others = yield* reader(there, { teams: ["42"] })
      assert.strictEqual(yield* here.run(Reactivity.mutation(Effect.succeed("done"), { users: ["42"] })), "done")
      yield* settle
      assert.deepStrictEqual([mine.count, theirs.count, all.count, others.count], [2, 2, 2, 1])
      assert.isFalse(yield* there.run(Cache.has(users, "42")))
      assert.isTrue(yield* there.run(Cache.has(users, "43")))
    }))

  it.scoped("a mutation that fails invalidates nothing; a number is the same id as its decimal text", () =>
    Effect.gen(function*() {
      const { here, second, there } = yield* setUp
      const theirs = yield* reader(there, { users: [42] })
      yield* Effect.exit(here.run(Reactivity.mutation(Effect.fail("no"), { users: [42] })))
      yield* settle
      assert.strictEqual(theirs.count, 1)
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.strictEqual(theirs.count, 2)
    }))

  it.scoped("a handler that is registered by hand runs once when changes are sure to arrive, and for each change from then on", () =>
    Effect.gen(function*() {
      const { here, second } = yield* setUp
      const told: Array<string> = []
      const unregister = here.reactivity.unsafeRegister(["users:42"], () => told.push("told"))
      yield* second.run(Cache.invalidateTags(users, ["users:42"])) // before its epoch is known here
      yield* settle
      assert.strictEqual(told.length, 1)
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.strictEqual(told.length, 2)
      unregister()
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.strictEqual(told.length, 2)
    }))

  it.scoped("unsafeInvalidate reaches other processes, too; keys that are not strings stay in this process", () =>
    Effect.gen(function*() {
      const { here, there } = yield* setUp
      const mine = yield* reader(here, ["a", 7])
      const theirs = yield* reader(there, ["a", 7])
      here.reactivity.unsafeInvalidate(["a"])
      yield* settle
      assert.deepStrictEqual([mine.count, theirs.count], [2, 2])
      here.reactivity.unsafeInvalidate([7])
      yield* settle
      assert.deepStrictEqual([mine.count, theirs.count], [3, 2])
    }))

  it.scoped("after the link was lost, all subscribed queries run again, and later changes arrive again", () =>
    Effect.gen(function*() {
      const { first, here, second } = yield* setUp
      const mine = yield* reader(here, ["users:42"])
      const other = yield* reader(here, ["users:43"])
      first.feed.cut()
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.deepStrictEqual([mine.count, other.count], [1, 1])
      first.feed.mend()
      yield* settle
      assert.deepStrictEqual([mine.count, other.count], [2, 2])
      yield* second.run(Cache.invalidateTags(users, ["users:43"]))
      yield* settle
      assert.deepStrictEqual([mine.count, other.count], [2, 3])
    }))

  it.scoped("epochs that are gone count as invalidated, and watched epochs do not expire", () =>
    Effect.gen(function*() {
      const { second, server, services } = yield* unwatched(undefined, undefined)
      const here = yield* process({ service: services[0]! })
      const mine = yield* reader(here, ["users:42"])
      server.clear()
      yield* settle
      assert.strictEqual(mine.count, 2)
      yield* TestClock.adjust("5 hours")
      // It reads the tag: an expired one would be noticed.
      yield* second(Cache.set(users, "42", "Ada"))
      yield* settle
      assert.strictEqual(mine.count, 2)
      yield* second(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.strictEqual(mine.count, 3)
    }))

  it.scoped("a store that does not answer is retried; a mutation continues without it, and notifies its own process", () =>
    Effect.gen(function*() {
      let away = false
      const { first, second } = yield* instances(
        (_, keys) => away && keys.some((key) => key.startsWith(":tag:")) ? { fail: "Timeout" } : undefined,
        undefined
      )
      const here = yield* process(first)
      yield* settle
      const mine = yield* reader(here, ["users:42"])
      away = true
      yield* second.run(Cache.invalidateTags(users, ["users:42"]))
      yield* settle
      assert.strictEqual(mine.count, 1)
      yield* here.run(Reactivity.mutation(Effect.void, ["users:42"]))
      yield* settle
      assert.strictEqual(mine.count, 2)
      away = false
      yield* TestClock.adjust("1 second")
      assert.strictEqual(mine.count, 3)
    }))

  it.scoped("tags of several caches", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const here = yield* process(first, [users, teams])
      yield* settle
      const mine = yield* reader(here, ["all"])
      yield* second.run(Cache.set(teams, "7", "Analysts", { tags: ["all"] }))
      yield* second.run(Cache.invalidateTags(teams, ["all"]))
      yield* settle
      yield* second.run(Cache.invalidateTags(users, ["all"]))
      yield* settle
      assert.strictEqual(mine.count, 3)
      yield* here.run(Reactivity.invalidate(["all"]))
      yield* settle
      assert.strictEqual(mine.count, 4)
    }))

  it.scoped("reactive queries of @effect/sql run again when another process has written", () =>
    Effect.gen(function*() {
      const { here, there } = yield* setUp
      const names = ["Ada"]
      const connection: SqlConnection.Connection = {
        execute: () => Effect.sync(() => names.map((name) => ({ name }))),
        executeRaw: () => Effect.void,
        executeStream: () => Stream.empty,
        executeValues: () => Effect.succeed([]),
        executeUnprepared: () => Effect.succeed([])
      }
      const makeClient = SqlClient.make({
        acquirer: Effect.succeed(connection),
        compiler: Statement.makeCompilerSqlite(),
        spanAttributes: []
      })
      const sql = yield* here.run(makeClient)
      const seen: Array<number> = []
      yield* sql.reactive(["users"], sql`SELECT name FROM users`).pipe(
        Stream.runForEach((rows) => Effect.sync(() => seen.push(rows.length))),
        Effect.forkScoped
      )
      yield* settle
      yield* there.run(Reactivity.mutation(Effect.sync(() => names.push("Grace")), ["users"]))
      yield* settle
      assert.deepStrictEqual(seen, [1, 2])
    }))
})
