import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, type CacheError, Codec, type RedisLayer } from "effect-redis-cache"
import { clean, instances, nothingLeft, Origin, settle } from "../memoryInstances.js"

const users = Cache.make({ name: "users", codec: Codec.structural<string>() })

/** The batches that were requested; their values are `<key>!`. */
const batches = () => {
  const asked: Array<ReadonlyArray<string>> = []
  return {
    asked,
    load: (keys: ReadonlyArray<string>) =>
      Effect.sync(() => {
        asked.push(keys)
        return keys.map((key) => [key, `${key}!`] as const)
      })
  }
}

const counting = (calls: Array<string>): RedisLayer.FaultyOptions => ({
  script: (operation) => {
    calls.push(operation)
    return undefined
  }
})

describe("getOrSetMany", () => {
  it.scoped("one read, one round of leases, one batch, one fill; in the order of the call, each key once", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const { first } = yield* instances(counting(calls))
      yield* first(Cache.set(users, "b", "stored"))
      calls.length = 0
      const { asked, load } = batches()
      const values = yield* first(Cache.getOrSetMany(users, ["c", "b", "a", "c"], load))
      assert.deepStrictEqual([...values], [["c", "c!"], ["b", "stored"], ["a", "a!"]])
      assert.deepStrictEqual(asked, [["c", "a"]])
      assert.deepStrictEqual(calls, ["getMany", "lease", "fill"])
      assert.deepStrictEqual([...yield* first(Cache.getMany(users, ["a", "b", "c"]))].length, 3)
    }))

  it.scoped("keys without a value in the batch are left out, and their leases released", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const values = yield* first(
        Cache.getOrSetMany(users, ["a", "b"], () => Effect.succeed([["a", "1"], ["other", "2"]] as const))
      )
      assert.deepStrictEqual([...values], [["a", "1"]])
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:b"), clean)
      assert.deepStrictEqual(yield* first(Cache.get(users, "other")), Option.none())
    }))

  it.scoped("keys that another process leases are awaited, while the batch loads the others", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      yield* Effect.fork(second(Cache.getOrSet(users, "b", origin.load)))
      yield* settle
      const { asked, load } = batches()
      const many = yield* Effect.fork(first(Cache.getOrSetMany(users, ["a", "b"], load)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(asked, [["a"]])
      assert.deepStrictEqual(yield* second(Cache.get(users, "a")), Option.some("a!"))
      yield* origin.succeed(1)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual([...yield* Fiber.join(many)], [["a", "a!"], ["b", "v1"]])
    }))

  it.scoped("a key whose holder fails is loaded by itself", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      yield* Effect.fork(second(Effect.exit(Cache.getOrSet(users, "b", origin.load))))
      yield* settle
      const { asked, load } = batches()
      const many = yield* Effect.fork(first(Cache.getOrSetMany(users, ["a", "b"], load)))
      yield* TestClock.adjust("1 second")
      yield* origin.fail(1)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual([...yield* Fiber.join(many)], [["a", "a!"], ["b", "b!"]])
      assert.deepStrictEqual(asked, [["a"], ["b"]])
    }))

  it.scoped("a batch that fails fails all its keys, and releases their leases", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const exit = yield* first(Effect.exit(Cache.getOrSetMany(users, ["a", "b"], () => Effect.fail("down"))))
      assert.deepStrictEqual(exit, Exit.fail("down"))
      for (const key of ["a", "b"]) assert.deepStrictEqual(yield* nothingLeft(services[0]!, `users:${key}`), clean)
    }))

  it.scoped("a value that cannot be stored fails only its key: the others are stored", () =>
    Effect.gen(function*() {
      const small = Cache.make({ name: "small", codec: Codec.structural<string>(), maxValueSize: 10 })
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const many = yield* Effect.fork(first(Effect.either(
        Cache.getOrSetMany(
          small,
          ["a", "b"],
          () => Effect.as(origin.load, [["a", "x".repeat(99)], ["b", "1"]] as const)
        )
      )))
      yield* settle
      const joined = yield* Effect.fork(first(Cache.getOrSet(small, "b", Effect.dieMessage("joined"))))
      yield* settle
      yield* origin.succeed(1)
      const result = yield* Fiber.join(many)
      assert.strictEqual(result._tag === "Left" && (result.left as CacheError.CodecError)._tag, "CodecError")
      // It began after the lease request; the fill answers for it.
      assert.strictEqual(yield* Fiber.join(joined), "1")
      assert.deepStrictEqual(yield* first(Cache.get(small, "b")), Option.some("1"))
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "small:a"), clean)
    }))

  it.scoped("joins loads of single keys, and vice versa", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const batch = new Origin()
      const single = yield* Effect.fork(first(Cache.getOrSet(users, "a", origin.load)))
      yield* settle
      const asked: Array<ReadonlyArray<string>> = []
      const many = yield* Effect.fork(first(Cache.getOrSetMany(users, ["a", "b"], (keys) => {
        asked.push(keys)
        return Effect.map(batch.load, () => keys.map((key) => [key, `${key}!`] as const))
      })))
      yield* settle
      const other = yield* Effect.fork(first(Cache.getOrSet(users, "b", Effect.dieMessage("joined"))))
      yield* settle
      assert.deepStrictEqual(asked, [["b"]])
      // Nor does the single load end when its own caller leaves.
      yield* Fiber.interrupt(single)
      assert.strictEqual(origin.interrupted, 0)
      yield* batch.succeed(1)
      yield* origin.succeed(1)
      assert.deepStrictEqual([...yield* Fiber.join(many)], [["a", "v1"], ["b", "b!"]])
      assert.strictEqual(yield* Fiber.join(other), "b!")
    }))

  it.scoped("a load that it joined goes on while it is still reading", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({
        script: (operation) => operation === "getMany" ? { before: "1 second" } : undefined
      })
      const origin = new Origin()
      const single = yield* Effect.fork(first(Cache.getOrSet(users, "a", origin.load)))
      yield* settle
      const { load } = batches()
      const many = yield* Effect.fork(first(Cache.getOrSetMany(users, ["a", "b"], load)))
      yield* settle
      yield* Fiber.interrupt(single)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(origin.interrupted, 0)
      yield* origin.succeed(1)
      assert.deepStrictEqual([...yield* Fiber.join(many)], [["a", "v1"], ["b", "b!"]])
    }))

  it.scoped("a write to one key during the batch: its loaded value is not stored, the others are", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const many = yield* Effect.fork(
        first(
          Cache.getOrSetMany(
            users,
            ["a", "b"],
            (keys) => Effect.map(origin.load, () => keys.map((key) => [key, `${key}!`] as const))
          )
        )
      )
      yield* settle
      yield* second(Cache.set(users, "a", "written"))
      yield* origin.succeed(1)
      assert.deepStrictEqual([...yield* Fiber.join(many)], [["a", "a!"], ["b", "b!"]])
      assert.deepStrictEqual([...yield* first(Cache.getMany(users, ["a", "b"]))], [["a", "written"], ["b", "b!"]])
    }))

  it.scoped("stale keys are returned at once, and refreshed in one batch", () =>
    Effect.gen(function*() {
      const swr = Cache.make({
        name: "swr",
        codec: Codec.structural<string>(),
        timeToLive: "10 seconds",
        staleWhileRevalidate: "1 minute"
      })
      const { first } = yield* instances(undefined)
      yield* first(Cache.setMany(swr, { a: "old", b: "old" }))
      yield* TestClock.adjust("15 seconds")
      const { asked, load } = batches()
      const call = first(Cache.getOrSetMany(swr, ["a", "b"], load))
      assert.deepStrictEqual([...yield* call], [["a", "old"], ["b", "old"]])
      yield* settle
      assert.deepStrictEqual(asked, [["a", "b"]])
      assert.deepStrictEqual([...yield* call], [["a", "a!"], ["b", "b!"]])
    }))

  it.scoped("when interrupted, it leaves only the loads that others wait for", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const load = (keys: ReadonlyArray<string>) =>
        Effect.map(origin.load, () => keys.map((key) => [key, `${key}!`] as const))
      const many = yield* Effect.fork(first(Cache.getOrSetMany(users, ["a", "b"], load)))
      yield* settle
      const single = yield* Effect.fork(first(Cache.getOrSet(users, "a", Effect.dieMessage("joined"))))
      yield* settle
      yield* Fiber.interrupt(many)
      yield* settle
      assert.strictEqual(origin.interrupted, 0)
      assert.strictEqual(services[0]!.runtime.flights.size, 1)
      yield* Fiber.interrupt(single)
      yield* settle
      assert.strictEqual(origin.interrupted, 1)
      for (const key of ["a", "b"]) assert.deepStrictEqual(yield* nothingLeft(services[0]!, `users:${key}`), clean)
    }))

  it.scoped("without keys it does nothing", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const { first } = yield* instances(counting(calls))
      assert.strictEqual((yield* first(Cache.getOrSetMany(users, [], () => Effect.die("none")))).size, 0)
      assert.deepStrictEqual(calls, [])
    }))

  it.scoped("a caller of one key that has joined a batch without a value for it loads by itself", () =>
    Effect.gen(function*() {
      // Both must look before either loads.
      const { first } = yield* instances({
        script: (name) => name === "get" || name === "getMany" ? { before: "1 second" } : undefined
      })
      const origin = new Origin()
      const batch = yield* Effect.fork(
        first(Cache.getOrSetMany(users, ["a", "b"], () => Effect.as(origin.load, [["b", "b!"] as const])))
      )
      yield* settle
      const alone = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(users, "a", Effect.fail("no such user")))))
      yield* TestClock.adjust("1 second")
      yield* origin.succeed(1)
      assert.deepStrictEqual([...yield* Fiber.join(batch)], [["b", "b!"]])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(alone), Exit.fail("no such user"))
    }))
})
