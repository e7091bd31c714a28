/** `Cache.changes` in memory, where each test cuts and restores links. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream, TestClock } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { settle } from "../load/memoryInstances.js"
import { type Instance, instances } from "../near/watchedInstances.js"

const users = Cache.make({ name: "users", timeToLive: "1 minute" })

const shown = (change: Cache.Change): string => change._tag === "Changed" ? change.key : change._tag

/** The changes that one instance reports from now on. */
const follow = <Key, Value, Error>({ run }: Instance, cache: Cache.Cache<Key, Value, Error>) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    yield* Effect.forkScoped(
      run(Stream.runForEach(Cache.changes(cache), (change) => Effect.sync(() => told.push(shown(change)))))
    )
    yield* settle
    return told
  })

describe("Cache.changes", () => {
  it.scoped("reports writes, deletes and expiry, of this process and of others, in order", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const told = yield* follow(first, users)
      yield* first.run(Cache.set(users, "a", 1))
      yield* second.run(Cache.setMany(users, { b: 1, c: 2 }))
      yield* second.run(Cache.delete(users, "a"))
      yield* second.run(Cache.take(users, "c"))
      yield* settle
      assert.deepStrictEqual(told, ["Resumed", "a", "b", "c", "a", "c"])
      yield* TestClock.adjust("1 minute")
      yield* second.run(Cache.get(users, "b"))
      yield* settle
      assert.deepStrictEqual(told.slice(6), ["b"])
    }))

  it.scoped("does not report other caches, tags, heartbeats, or a load that begins", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const told = yield* follow(first, users)
      yield* second.run(Cache.set(Cache.make({ name: "users2" }), "a", 1))
      yield* second.run(Cache.set(users, "tagged", 1, { tags: ["team"] }))
      yield* second.run(Cache.invalidateTags(users, ["team"]))
      yield* settle
      assert.deepStrictEqual(told, ["Resumed", "tagged"])
      yield* second.run(Cache.getOrSet(users, "loaded", Effect.succeed(1)))
      yield* settle
      assert.deepStrictEqual(told.slice(2), ["loaded", "loaded"])
    }))

  it.scoped("flush reports each key; emptying the server reports everything at once", () =>
    Effect.gen(function*() {
      const { first, second, server } = yield* instances(undefined, undefined)
      yield* second.run(Cache.setMany(users, { a: 1, b: 2 }))
      const told = yield* follow(first, users)
      yield* second.run(Cache.flush(users))
      server.clear()
      yield* settle
      assert.deepStrictEqual(told, ["Resumed", "a", "b", "Flushed"])
    }))

  it.scoped("keys have the form that Cache.keys gives them", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const points = Cache.make({ name: "points", key: Schema.Struct({ x: Schema.Number }) })
      const counts = Cache.counter({ name: "counts" })
      const told = [yield* follow(first, users), yield* follow(first, points), yield* follow(first, counts)]
      yield* first.run(Cache.set(users, "{a}", 1))
      yield* first.run(Cache.set(points, { x: 1 }, 1))
      yield* first.run(Cache.increment(counts, "n"))
      yield* settle
      assert.deepStrictEqual(told, [["Resumed", "{a}"], ["Resumed", `("x":1)`], ["Resumed", "n"]])
      assert.deepStrictEqual([...yield* first.run(Stream.runCollect(Cache.keys(points)))], [`("x":1)`])
    }))

  it.scoped("reports that its link was lost, and resumes once it is back", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const told = yield* follow(first, users)
      first.feed.cut()
      yield* second.run(Cache.set(users, "unheard", 1))
      yield* settle
      assert.deepStrictEqual(told, ["Resumed", "Lost"])
      first.feed.mend()
      yield* second.run(Cache.set(users, "heard", 1))
      yield* settle
      assert.deepStrictEqual(told.slice(2), ["Resumed", "heard"])
    }))

  it.scoped("gives up a link that falls silent, even if no cache keeps near copies", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* follow(first, users)
      yield* TestClock.adjust("70 seconds")
      assert.strictEqual(first.feed.renewals, 0)
      first.feed.silence()
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(first.feed.renewals, 1)
    }))

  it.scoped("connections that were replaced may lead to another server: changes may have been missed", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const told = yield* follow(first, users)
      first.feed.connections++
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, ["Resumed", "Lost", "Resumed"])
    }))

  it.scoped("a slow reader loses the oldest unread changes, is told so, and gets the newest", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const told: Array<string> = []
      yield* Cache.changes(users, { bufferSize: 3 }).pipe(
        Stream.runForEach((change) => Effect.delay(Effect.sync(() => told.push(shown(change))), "1 second")),
        first.run,
        Effect.forkScoped
      )
      yield* settle
      yield* Effect.forEach(["a", "b", "c", "d", "e"], (key) => second.run(Cache.set(users, key, 1)))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(told, ["Resumed", "Lost", "Resumed", "d", "e"])
    }))

  it.scoped("a slow reader of a link that was cut is told to resume before it gets any key", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const told: Array<string> = []
      yield* Cache.changes(users, { bufferSize: 2 }).pipe(
        Stream.runForEach((change) => Effect.delay(Effect.sync(() => told.push(shown(change))), "1 second")),
        first.run,
        Effect.forkScoped
      )
      yield* settle
      yield* Effect.forEach(["a", "b"], (key) => second.run(Cache.set(users, key, 1)))
      first.feed.cut()
      first.feed.mend()
      yield* second.run(Cache.set(users, "c", 1))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(told.at(-1), "c")
      assert.deepStrictEqual(told.slice(0, 2), ["Resumed", "Lost"])
      assert.deepStrictEqual(told.slice(-2), ["Resumed", "c"])
    }))

  it.scoped("every reader gets every change, and one that ends stops listening", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const taken = yield* Effect.fork(
        first.run(Stream.runCollect(Stream.take(Cache.changes(users), 2)))
      )
      const told = yield* follow(first, users)
      yield* first.run(Cache.set(users, "a", 1))
      yield* settle
      assert.deepStrictEqual([...yield* Fiber.join(taken)].map(shown), ["Resumed", "a"])
      yield* first.run(Cache.set(users, "b", 1))
      yield* settle
      assert.deepStrictEqual(told, ["Resumed", "a", "b"])
    }))

  it.scoped("reports nothing while caching is switched off", () =>
    Effect.gen(function*() {
      const told = yield* Stream.runCollect(Cache.changes(users)).pipe(
        Effect.timeoutOption("1 minute"),
        Effect.provide(RedisLayer.layerOff),
        Effect.fork
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(told))._tag, "None")
    }))

  it("rejects a buffer of zero", () => {
    assert.throws(() => Cache.changes(users, { bufferSize: 0 }), /Cache "users": bufferSize must be/)
  })
})
