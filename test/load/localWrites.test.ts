import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, type CacheError, type Redis } from "effect-redis-cache"
import { instances, Origin, settle } from "./memoryInstances.js"

const users = Cache.make({ name: "users", tags: () => ["tag"] })

const step = TestClock.adjust("1 second")

type Write = Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>

/** Each with the stored value afterwards. */
const writes: Record<string, readonly [write: Write, after: string | undefined]> = {
  set: [Cache.set(users, "42", "written"), "written"],
  setMany: [Cache.setMany(users, { "42": "written" }), "written"],
  setIfAbsent: [Cache.setIfAbsent(users, "42", "written"), "written"],
  modify: [Cache.modify(users, "42", () => Option.some<unknown>("written")), "written"],
  delete: [Cache.delete(users, "42"), undefined],
  deleteMany: [Cache.deleteMany(users, ["42", "43"]), undefined],
  take: [Cache.take(users, "42"), undefined],
  flush: [Cache.flush(users), undefined],
  expire: [Cache.expire(users, "42"), undefined],
  expireMany: [Cache.expireMany(users, ["42", "43"]), undefined],
  invalidateTags: [Cache.invalidateTags(users, ["tag"]), undefined],
  expireTags: [Cache.expireTags(users, ["tag"]), undefined]
}

describe("a local write during a load", () => {
  for (const [name, [write, after]] of Object.entries(writes)) {
    it.scoped(`${name}: the older value is not stored, and later callers do not get it`, () =>
      Effect.gen(function*() {
        const { first, services } = yield* instances(undefined)
        const origin = new Origin()
        const call = first(Cache.getOrSet(users, "42", origin.load))
        const before = yield* Effect.fork(call)
        yield* settle
        yield* first(write)
        assert.strictEqual(services[0]!.runtime.flights.size, 0)
        const later = yield* Effect.fork(call)
        yield* settle
        yield* origin.succeed(1)
        // An invalidation leaves leases as they are: the later caller polls.
        yield* TestClock.adjust("100 millis")
        // A caller from before the write gets the value that it waited for, as if it had been answered just before it.
        assert.strictEqual(yield* Fiber.join(before), "v1")
        assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.fromNullable(after))
        yield* origin.succeed(2)
        assert.strictEqual(yield* Fiber.join(later), after ?? "v2")
        assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some(after ?? "v2"))
        assert.strictEqual((yield* first(Cache.stats(users))).refusedFills, name.endsWith("Tags") ? 0 : 1)
      }))

    it.scoped(`${name}: later callers do not get the failure of a load that began before it`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        const origin = new Origin()
        const call = first(Effect.exit(Cache.getOrSet(users, "42", origin.load)))
        const before = yield* Effect.fork(call)
        yield* settle
        yield* first(write)
        const later = yield* Effect.fork(call)
        yield* settle
        yield* origin.fail(1)
        yield* TestClock.adjust("100 millis")
        assert.deepStrictEqual(yield* Fiber.join(before), Exit.fail("e1"))
        yield* origin.succeed(2)
        assert.deepStrictEqual(yield* Fiber.join(later), Exit.succeed<unknown>(after ?? "v2"))
      }))

    it.scoped(`${name}: its answer detaches a load that begins between the call and the answer`, () =>
      Effect.gen(function*() {
        const operations = ["set", "setMany", "swap", "take", "remove", "clear", "expire", "replaceEpochs"]
        const { first, services } = yield* instances({
          script: (operation) => operations.includes(operation) ? { after: "1 second" } : undefined
        })
        const origin = new Origin()
        const writing = yield* Effect.fork(first(write))
        yield* settle
        // In the table while the write is in progress.
        const loading = yield* Effect.fork(Effect.exit(first(Cache.refresh(users, "42", origin.load))))
        yield* settle
        assert.strictEqual(services[0]!.runtime.flights.size, 1)
        yield* Effect.all([step, step, step])
        yield* Fiber.join(writing)
        assert.strictEqual(services[0]!.runtime.flights.size, 0)
        yield* origin.succeed(1)
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(loading)))
      }))
  }

  it.scoped("touch does not affect the load", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.set(users, "42", "old"))
      const loading = yield* Effect.fork(first(Cache.refresh(users, "42", origin.load)))
      yield* settle
      assert.isTrue(yield* first(Cache.touch(users, "42", "1 minute")))
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(loading), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("v1"))
    }))

  it.scoped("a write to another key does not affect the load", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const loading = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      yield* first(Cache.set(users, "43", "other"))
      assert.strictEqual(services[0]!.runtime.flights.size, 1)
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(loading), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("v1"))
    }))

  it.scoped("a write that fails or is interrupted detaches too: it may have taken place", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances({
        script: (operation, _, call) =>
          operation !== "remove" ? undefined : call === 1 ? { lostReply: "1 second" } : { before: "1 second" }
      })
      const origin = new Origin()
      for (const interrupted of [false, true]) {
        const deleting = yield* Effect.fork(first(Effect.exit(Cache.delete(users, "42"))))
        yield* settle
        const loading = yield* Effect.fork(first(Effect.exit(Cache.refresh(users, "42", origin.load))))
        yield* settle
        assert.strictEqual(services[0]!.runtime.flights.size, 1)
        if (interrupted) yield* Fiber.interrupt(deleting)
        else {
          yield* step
          const exit = yield* Fiber.join(deleting)
          assert.isTrue(Exit.isFailure(exit) && Cause.isFailType(exit.cause))
        }
        assert.strictEqual(services[0]!.runtime.flights.size, 0)
        yield* Fiber.interrupt(loading)
        yield* step
      }
    }))
})
