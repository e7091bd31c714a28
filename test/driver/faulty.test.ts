import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Exit, Fiber, Layer, Option, Random, TestClock } from "effect"
import { Cache, type CacheError, Redis, RedisLayer } from "effect-redis-cache"
import { instances, settle } from "../load/memoryInstances.js"

const users = Cache.make({ name: "users" })

const reason = <A>(either: Either.Either<A, CacheError.RedisError | CacheError.CodecError>) =>
  Either.isLeft(either) && either.left._tag === "RedisError" ? either.left.reason : "done"

describe("layerFaulty", () => {
  it.scoped("without options it is the layer that it wraps", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({})
      yield* first(Cache.set(users, "42", "v"))
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("v"))
      assert.strictEqual(yield* first(Cache.flush(users)), 1)
    }))

  it.scoped("a failed operation does not take place", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances({ failure: { probability: 1, reason: "ReadOnly" } }, undefined)
      assert.strictEqual(reason(yield* Effect.either(first(Cache.set(users, "42", "v")))), "ReadOnly")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.none())
    }))

  it.scoped("a lost reply: the operation takes place, and its caller gets Timeout after its time", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances({ lostReply: { probability: 1, timeout: "2 seconds" } }, undefined)
      const writing = yield* Effect.fork(Effect.either(first(Cache.set(users, "42", "v"))))
      yield* settle
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v"))
      yield* TestClock.adjust("1999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(writing)))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(reason(yield* Fiber.join(writing)), "Timeout")
    }))

  it.scoped("delays happen before the operation takes place, and after", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances({ delayBefore: "2 seconds", delayAfter: "3 seconds" }, undefined)
      const writing = yield* Effect.fork(first(Cache.set(users, "42", "v")))
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.none())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v"))
      yield* TestClock.adjust("2999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(writing)))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(writing)
    }))

  it.scoped("operations on one key keep their order, and operations on other keys pass them", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances({
        script: (operation, _, call) => operation === "set" && call === 1 ? { before: "2 seconds" } : undefined
      }, undefined)
      yield* Effect.fork(first(Cache.set(users, "42", "first")))
      yield* settle
      yield* Effect.fork(first(Cache.delete(users, "42")))
      yield* Effect.fork(first(Cache.set(users, "42", "last")))
      yield* first(Cache.set(users, "43", "other"))
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.none())
      assert.deepStrictEqual(yield* second(Cache.get(users, "43")), Option.some("other"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("last"))
    }))

  it.scoped("a flush keeps its place among the operations of all keys", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances({
        script: (operation, [key]) => operation === "set" && key!.endsWith("42") ? { before: "2 seconds" } : undefined
      }, undefined)
      yield* first(Cache.set(users, "41", "before"))
      yield* Effect.fork(first(Cache.set(users, "42", "before")))
      yield* settle
      const flushing = yield* Effect.fork(first(Cache.flush(users)))
      yield* settle
      yield* Effect.fork(first(Cache.set(users, "43", "after")))
      yield* settle
      assert.deepStrictEqual(yield* second(Cache.get(users, "41")), Option.some("before"))
      assert.deepStrictEqual(yield* second(Cache.get(users, "43")), Option.none())
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(flushing), 2)
      const left = yield* second(Cache.getMany(users, ["41", "42", "43"]))
      assert.deepStrictEqual(left, new Map([["43", "after"]]))
    }))

  it.scoped("a sent operation takes place even if its caller is interrupted, and the cache hears of it", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances({ delayBefore: "2 seconds" }, undefined)
      const writing = yield* Effect.fork(first(Cache.set(users, "42", "v")))
      yield* settle
      yield* Fiber.interrupt(writing)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v"))
      assert.strictEqual((yield* first(Cache.stats(users))).writes, 1)
    }))

  it.scoped("a script gets the operation, its keys, and how many came before; if it returns nothing, chance decides", () =>
    Effect.gen(function*() {
      const told: Array<unknown> = []
      const { first } = yield* instances({
        failure: { probability: 1 },
        script: (...args) => {
          told.push(args)
          return args[2] === 1 ? {} : undefined
        }
      })
      const set = Effect.map(Effect.either(first(Cache.setMany(users, { "42": "v", "43": "w" }))), reason)
      assert.deepStrictEqual([yield* set, yield* set], ["done", "Connection"])
      assert.deepStrictEqual(told, [["setMany", ["users:42", "users:43"], 1], ["setMany", ["users:42", "users:43"], 2]])
    }))

  it.effect("a seed makes it repeatable", () =>
    Effect.gen(function*() {
      const outcomes = Effect.suspend(() => Effect.withRandom(Effect.scoped(run), Random.make("seed")))
      const run = Effect.gen(function*() {
        const { first } = yield* instances({
          failure: { probability: 0.2 },
          lostReply: { probability: 0.2, timeout: "100 millis" },
          delayBefore: { min: 0, max: "50 millis" }
        })
        const running = yield* Effect.fork(
          first(Effect.forEach(Array.from({ length: 30 }), () =>
            Effect.zip(
              Effect.map(Effect.either(Cache.set(users, "42", "v")), reason),
              Effect.clockWith((clock) => clock.currentTimeMillis)
            )))
        )
        const start = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        yield* TestClock.adjust("10 seconds")
        return (yield* Fiber.join(running)).map(([told, at]) => `${told} ${at - start}`)
      })
      const once = yield* outcomes
      assert.deepStrictEqual(yield* outcomes, once)
      assert.isAbove(new Set(once).size, 10)
    }))

  it.effect("once closed, it answers the callers that still wait", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        const { first } = yield* instances({ delayBefore: "1 hour" })
        const fiber = yield* Effect.forkDaemon(Effect.either(first(Cache.set(users, "42", "v"))))
        yield* settle
        return fiber
      }))
      assert.strictEqual(reason(yield* Fiber.join(waiting)), "Connection")
    }))

  it.effect("has a breaker and loads in flight of its own", () =>
    Effect.gen(function*() {
      const inner = yield* Redis.Redis
      const outer = yield* Effect.provide(Redis.Redis, RedisLayer.layerFaulty({}))
      assert.notStrictEqual(outer.runtime, inner.runtime)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Cache.get(users, "42"))))
    }).pipe(Effect.provide(Layer.fresh(RedisLayer.layerMemory))))
})
