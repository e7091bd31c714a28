import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, CacheError, Codec, Memo } from "effect-redis-cache"
import { clean, instances, nothingLeft, Origin, settle } from "./memoryInstances.js"

const codec = Codec.structural<string>()
const policy = { codec, timeToLive: "10 seconds", staleIfError: "10 seconds" } as const
const users = Cache.make({ name: "users", ...policy })

const isPending = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.map(Fiber.poll(fiber), Option.isNone)

describe("A soft timeout", () => {
  it.scoped("serves a value that is stale by then; the load goes on, and its value is stored", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.set(users, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      const call = Cache.getOrSet(users, "42", origin.load, { timeout: { soft: "1 second", hard: "3 seconds" } })
      const leading = yield* Effect.fork(first(call))
      yield* settle
      const joining = yield* Effect.fork(first(call))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual([yield* isPending(leading), yield* isPending(joining)], [true, true])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([yield* Fiber.join(leading), yield* Fiber.join(joining)], ["old", "old"])
      assert.strictEqual(origin.interrupted, 0)
      yield* origin.succeed(1)
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("v1"))
      assert.strictEqual((yield* first(Cache.stats(users))).staleServed, 2)
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
    }))

  it.scoped("lets a call without a stale value wait until the hard timeout", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const call = (timeout: Cache.Timeouts) =>
        Effect.fork(first(Effect.exit(Cache.getOrSet(users, "42", origin.load, { timeout }))))
      const [both, alone] = yield* Effect.all([
        call({ soft: "1 second", hard: "3 seconds" }),
        call({ soft: "1 second" })
      ])
      yield* TestClock.adjust("2999 millis")
      assert.deepStrictEqual([yield* isPending(both), yield* isPending(alone)], [true, true])
      yield* TestClock.adjust("1 millis")
      const failed = yield* Effect.flip(Effect.flatten(Fiber.join(both)))
      assert.isTrue(failed instanceof CacheError.Empty && failed.reason === "TimedOut")
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(yield* isPending(alone))
      yield* origin.succeed(1)
      assert.deepStrictEqual(yield* Fiber.join(alone), Exit.succeed("v1"))
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
    }))

  it.scoped("serves nothing that is past its windows by then", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.set(users, "42", "old"))
      yield* TestClock.adjust("19500 millis")
      const call = yield* Effect.fork(
        first(Cache.getOrSet(users, "42", origin.load, { timeout: { soft: "1 second" } }))
      )
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(yield* isPending(call))
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(call), "v1")
    }))

  it.scoped("a call that waits on and then leaves ends a load that has no other callers", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const call = yield* Effect.fork(
        first(Cache.getOrSet(users, "42", origin.load, { timeout: { soft: "1 second" } }))
      )
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(call)
      yield* settle
      assert.strictEqual(origin.interrupted, 1)
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
    }))

  it.scoped("of many keys: the stale ones are served, and the rest is awaited", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const [slow, quick] = [new Origin(), new Origin()]
      const load = (ids: ReadonlyArray<string>) =>
        Effect.map(ids[0] === "a" ? slow.load : quick.load, (value) => ids.map((id) => [id, value] as const))
      yield* first(Cache.set(users, "a", "old"))
      yield* TestClock.adjust("15 seconds")
      const call = yield* Effect.fork(
        first(Cache.getOrSetMany(users, ["a", "b"], load, { batchSize: 1, timeout: { soft: "1 second" } }))
      )
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(yield* isPending(call))
      yield* quick.succeed(1)
      assert.deepStrictEqual([...yield* Fiber.join(call)], [["a", "old"], ["b", "v1"]])
      // A load without callers fails no caller.
      yield* slow.succeed(1)
      assert.deepStrictEqual(yield* first(Cache.get(users, "a")), Option.some("v1"))
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:a"), clean)
    }))

  it.scoped("the failure of a load whose key is already answered does not fail the call", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const [slow, quick] = [new Origin(), new Origin()]
      const load = (ids: ReadonlyArray<string>) =>
        Effect.map(ids[0] === "a" ? slow.load : quick.load, (value) => ids.map((id) => [id, value] as const))
      yield* first(Cache.set(users, "a", "old"))
      yield* TestClock.adjust("18 seconds")
      const call = yield* Effect.fork(
        first(Cache.getOrSetMany(users, ["a", "b"], load, {
          batchSize: 1,
          timeout: { soft: "1 second", hard: "10 seconds" }
        }))
      )
      yield* TestClock.adjust("1 second")
      // Past its window by then: it cannot be served any more.
      yield* TestClock.adjust("2 seconds")
      yield* slow.fail(1)
      yield* quick.succeed(1)
      assert.deepStrictEqual([...yield* Fiber.join(call)], [["a", "old"], ["b", "v1"]])
    }))

  it.scoped("a memoized function has one, too", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const read = Memo.cached((_id: number) => origin.load, {
        ...policy,
        name: "read",
        timeout: { soft: "1 second", hard: "2 seconds" }
      })
      const filling = yield* Effect.fork(first(read(1)))
      yield* settle
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(filling), "v1")
      yield* TestClock.adjust("15 seconds")
      const call = yield* Effect.fork(first(read(1)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(call), "v1")
      yield* origin.succeed(2)
      assert.strictEqual(yield* first(read(1)), "v2")
    }))

  it.scoped("that is not shorter than the hard one is refused, and the error names both", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const never = Effect.dieMessage("nothing is to be computed")
      const refused = (timeout: Cache.TimeoutInput) =>
        Effect.map(
          Effect.flip(first(Cache.getOrSet(users, "42", never, { timeout }))),
          (error) => [error._tag, error.message]
        )
      assert.deepStrictEqual(yield* refused({ soft: "2 seconds", hard: "2 seconds" }), [
        "CodecError",
        "Cache \"users\": timeout.soft must be shorter than timeout.hard, 2s, got 2 seconds"
      ])
      assert.match((yield* refused({ soft: 0 }))[1]!, /timeout\.soft must be a duration longer than zero, got 0/)
      assert.match((yield* refused({ hard: -1 }))[1]!, /timeout\.hard must be a duration longer than zero, got -1/)
      assert.throws(
        () => Memo.cached((_id: number) => never, { name: "m", timeout: { soft: 3, hard: 2 } }),
        /timeout\.soft must be shorter than timeout\.hard, 2ms, got 3$/
      )
    }))
})
