/** Big batches: the keys of each run, concurrent runs, and failures of single keys. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { Cache, type CacheError, Codec, Redis, RedisLayer } from "effect-redis-cache"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import { clean, instances, nothingLeft, settle } from "../memoryInstances.js"

const users = Cache.make({ name: "users", codec: Codec.structural<string>(), timeToLive: "10 seconds" })
const lasting = Cache.make({
  name: "users",
  codec: Codec.structural<string>(),
  timeToLive: "10 seconds",
  staleIfError: "1 minute"
})

const ids = Array.from({ length: 10 }, (_, i) => String(i))

/** Values for even ids; odd ids have none, and a reason. */
const evenOnly = (asked: ReadonlyArray<string>) =>
  Effect.succeed(asked.map((id) => [id, Number(id) % 2 === 0 ? `v${id}` : Cache.failed(`no ${id}`)] as const))

describe("getOrSetMany", () => {
  it.scoped("passes at most batchSize keys to each run of the load, with at most concurrency runs at once", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const sizes: Array<number> = []
      let running = 0
      let most = 0
      const load = (asked: ReadonlyArray<string>) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            sizes.push(asked.length)
            most = Math.max(most, ++running)
          }),
          () => Effect.delay(Effect.succeed(asked.map((id) => [id, `v${id}`] as const)), "1 second"),
          () => Effect.sync(() => running--)
        )
      yield* first(Cache.set(users, "3", "stored"))
      const all = yield* Effect.fork(first(Cache.getOrSetMany(users, ids, load, { batchSize: 4, concurrency: 2 })))
      yield* TestClock.adjust("2 seconds")
      const values = yield* Fiber.join(all)
      assert.deepStrictEqual([...values.keys()], ids)
      assert.strictEqual(values.get("3"), "stored")
      assert.deepStrictEqual(sizes, [4, 4, 1])
      assert.strictEqual(most, 2)
      for (const id of ids) assert.deepStrictEqual(yield* nothingLeft(services[0]!, `users:${id}`), clean)
    }))

  it.scoped("tags by value cost one round trip for all keys", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({ delayBefore: "10 millis" })
      const tagged = Cache.make({ name: "users", timeToLive: () => "1 minute", valueTags: (value) => [String(value)] })
      const load = (asked: ReadonlyArray<string>) => Effect.succeed(asked.map((id) => [id, `v${id}`] as const))
      const all = yield* Effect.fork(first(Cache.getOrSetMany(tagged, ids, load)))
      yield* TestClock.adjust("60 millis")
      assert.isTrue(Option.isSome(yield* Fiber.poll(all)))
    }))

  it.scoped("past its timeout, a call has the outcome of each load that has ended", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const one = (id: string, after: string, end: Effect.Effect<string, string>) =>
        Effect.fork(
          first(Effect.exit(Cache.getOrSet(users, id, Effect.delay(end, Duration.decode(after as "1 second")))))
        )
      yield* one("0", "50 millis", Effect.fail("why"))
      yield* one("1", "1 second", Effect.succeed("late"))
      yield* settle
      const call = yield* Effect.fork(first(
        Cache.getOrSetMany(users, ["0", "1"], evenOnly, { mode: "either", timeout: "150 millis" })
      ))
      yield* TestClock.adjust("150 millis")
      const answer = yield* Fiber.join(call)
      assert.deepStrictEqual(answer.get("0"), Either.left("why"))
      const late = Option.getOrThrow(Either.getLeft(answer.get("1")!))
      assert.isTrue(typeof late === "object" && late._tag === "Empty")
    }))

  it.scoped("if the layer closes while values are stored, only their keys are interrupted: others have failed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { first } = yield* Scope.extend(
        instances({ script: (operation) => operation === "fill" ? { before: "1 second" } : undefined }),
        scope
      )
      const both = yield* Effect.fork(
        Effect.exit(first(Cache.getOrSetMany(users, ["0", "1"], evenOnly, { mode: "either" })))
      )
      yield* settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.join(both)))
    }))

  it.scoped("the failure of one key fails the call, and the others are stored", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const exit = yield* Effect.exit(first(Cache.getOrSetMany(users, ids, evenOnly)))
      assert.deepStrictEqual(exit, Exit.fail("no 1"))
      assert.strictEqual((yield* first(Cache.getMany(users, ids))).size, 5)
      for (const id of ids) assert.deepStrictEqual(yield* nothingLeft(services[0]!, `users:${id}`), clean)
    }))

  it.scoped("in mode \"either\" each key has its value or its failure", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(users, "1", "stored"))
      const answer = yield* first(Cache.getOrSetMany(users, ["0", "1", "3"], evenOnly, { mode: "either" }))
      assert.deepStrictEqual([...answer], [
        ["0", Either.right("v0")],
        ["1", Either.right("stored")],
        ["3", Either.left("no 3")]
      ])
    }))

  it.scoped("a failed run fails only its own keys; a defect fails the call", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const load = (asked: ReadonlyArray<string>) =>
        asked.includes("0") ? Effect.fail("down") : Effect.succeed(asked.map((id) => [id, `v${id}`] as const))
      const options = { batchSize: 5, mode: "either" } as const
      const answer = yield* first(Cache.getOrSetMany(users, ids, load, options))
      assert.deepStrictEqual([...answer.values()].map(Either.isRight), ids.map((id) => Number(id) >= 5))
      const dying = Cache.getOrSetMany(users, ["0"], () => Effect.die("defect"), options)
      assert.deepStrictEqual(yield* Effect.exit(first(dying)), Exit.die("defect"))
    }))

  it.scoped("a failed key is served stale inside staleIfError, and its source is left alone", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.setMany(lasting, { 1: "old 1", 2: "old 2" }))
      yield* TestClock.adjust("11 seconds")
      const answer = yield* first(Cache.getOrSetMany(lasting, ["1", "2", "3"], evenOnly, { mode: "either" }))
      assert.deepStrictEqual([...answer.values()], [Either.right("old 1"), Either.right("v2"), Either.left("no 3")])
      const again = yield* first(Cache.getOrSetMany(lasting, ["1"], () => Effect.die("asked")))
      assert.deepStrictEqual([...again.values()], ["old 1"])
    }))

  it.scoped("a failure of Redis is also each key's failure", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({
        script: (operation) => operation === "getMany" ? { fail: "Timeout" } : undefined
      })
      const answer = yield* first(Cache.getOrSetMany(users, ["0"], evenOnly, { mode: "either" }))
      const left = Option.getOrThrow(Either.getLeft(answer.get("0")!)) as CacheError.RedisError
      assert.strictEqual(left.message, `Cache "users": getOrSetMany failed (Timeout): injected`)
    }))

  it.scoped("after its timeout it fails with Empty; the loads go on, and are stored", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const load = (asked: ReadonlyArray<string>) =>
        Effect.delay(Effect.succeed(asked.map((id) => [id, `v${id}`] as const)), "3 seconds")
      const all = yield* Effect.fork(
        first(Effect.flip(Cache.getOrSetMany(users, ids, load, { timeout: "1 second" })))
      )
      const each = yield* Effect.fork(
        first(Cache.getOrSetMany(users, ["0", "1"], load, { timeout: "1 second", mode: "either" }))
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(all))._tag, "Empty")
      for (const either of (yield* Fiber.join(each)).values()) {
        assert.strictEqual(Option.getOrThrow(Either.getLeft(either))._tag, "Empty")
      }
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual((yield* first(Cache.getMany(users, ids))).size, 10)
    }))

  it.effect("refuses a batchSize or a concurrency that is not a count", () =>
    Effect.gen(function*() {
      for (const options of [{ batchSize: 0 }, { batchSize: 1.5 }, { concurrency: 0 }, { concurrency: NaN }]) {
        const error = yield* Effect.flip(Cache.getOrSetMany(users, ids, evenOnly, options))
        assert(typeof error !== "string" && error._tag === "CodecError")
        assert.include(error.message, `${Object.keys(options)[0]} must be a whole number of 1 or more`)
      }
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.live("does all of this on Redis: 1,000 keys in batches, every tenth without a value", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1_000 }, (_, i) => String(i))
      const load = (asked: ReadonlyArray<string>) =>
        Effect.succeed(
          asked.map((id) => [id, id.endsWith("0") ? Cache.failed("none" as const) : `v${id}`] as const)
        )
      const answer = yield* Cache.getOrSetMany(users, many, load, { batchSize: 64, concurrency: 4, mode: "either" })
      assert.strictEqual([...answer.values()].filter(Either.isRight).length, 900)
      assert.strictEqual(answer.size, 1_000)
      assert.strictEqual((yield* Cache.getMany(users, many)).size, 900)
      const { runtime } = yield* Redis.Redis
      assert.strictEqual(runtime.flights.size, 0)
    }).pipe(Effect.provide(Layer.fresh(RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() })))))
})
