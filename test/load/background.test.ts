/** Background work: waiting for it, and the time that it gets when the layer closes. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, TestClock } from "effect"
import { Cache, Memo, type Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"
import { settle } from "./memoryInstances.js"

const pages = Cache.make({ name: "pages", timeToLive: "1 second", staleWhileRevalidate: "1 hour" })

describe("drain", () => {
  it.effect("returns at once if nothing is running", () => Effect.provide(RedisLayer.drain, RedisLayer.layerMemory))

  it.effect("waits for the refresh of a stale value", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<string>()
      yield* Cache.set(pages, "a", "old")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Cache.getOrSet(pages, "a", Deferred.await(answer)), "old")
      const draining = yield* Effect.fork(RedisLayer.drain)
      yield* settle
      assert.isTrue(Option.isNone(yield* Fiber.poll(draining)))
      yield* Deferred.succeed(answer, "new")
      yield* Fiber.join(draining)
      assert.deepStrictEqual(yield* Cache.get(pages, "a"), Option.some("new"))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("waits for computations of cachedAsync, even if they fail, and for work that begins meanwhile", () =>
    Effect.gen(function*() {
      const gates = [yield* Effect.makeLatch(), yield* Effect.makeLatch()]
      const slow = Memo.cachedAsync((i: number) => Effect.zipRight(gates[i]!.await, Effect.fail("no")), {
        name: "slow",
        timeToLive: "1 minute"
      })
      yield* Effect.asVoid(slow(0))
      const draining = yield* Effect.fork(RedisLayer.drain)
      yield* settle
      yield* Effect.asVoid(slow(1))
      yield* gates[0]!.open
      yield* settle
      assert.isTrue(Option.isNone(yield* Fiber.poll(draining)))
      yield* gates[1]!.open
      yield* Fiber.join(draining)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})

describe("a layer that closes", () => {
  /** Refreshes a stale value in a program with a layer of its own; gives what is stored once that has closed. */
  const afterOneRun = (
    grace: number | undefined,
    load: Effect.Effect<string>,
    ending: Effect.Effect<unknown> = Effect.void
  ) =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const layer = Layer.fresh(RedisLayer.layerMemoryServer(server, { grace }))
      const brief = Cache.make({ name: "brief", timeToLive: "1 millis", staleWhileRevalidate: "1 hour" })
      yield* Effect.gen(function*() {
        yield* Cache.set(brief, "a", "old")
        yield* Effect.sleep("10 millis")
        assert.strictEqual(yield* Cache.getOrSet(brief, "a", load, { timeToLive: "1 hour" }), "old")
        yield* ending
      }).pipe(Effect.provide(layer), Effect.exit)
      return yield* Effect.provide(Cache.get(brief, "a"), layer)
    })

  const soon = Effect.delay(Effect.succeed("new"), "30 millis")

  it.live("lets background work end", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* afterOneRun(10_000, soon), Option.some("new"))
    }))

  it.live("lets it end even if the program was interrupted", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* afterOneRun(10_000, soon, Effect.interrupt), Option.some("new"))
    }))

  it.live("waits no longer than configured", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* afterOneRun(20, Effect.never), Option.none())
      assert.deepStrictEqual(yield* afterOneRun(0, Effect.never), Option.none())
      assert.deepStrictEqual(yield* afterOneRun(undefined, Effect.never), Option.none())
    }))
})

describe("on a server, by default", () => {
  const brief = Cache.make({ name: "brief", timeToLive: "1 millis", staleWhileRevalidate: "1 hour" })
  const slow = Effect.delay(Effect.succeed("new"), "30 millis")

  /** A run with a layer of its own that meets a stale value, and what the next run finds. */
  const twoRuns = <E>(layer: Layer.Layer<Redis.Redis, E>, between: Effect.Effect<void, never, Redis.Redis>) =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* Cache.set(brief, "a", "old")
        yield* Effect.sleep("20 millis")
        assert.strictEqual(yield* Cache.getOrSet(brief, "a", slow, { timeToLive: "1 hour" }), "old")
        yield* between
      }).pipe(Effect.provide(Layer.fresh(layer)))
      return yield* Effect.provide(Cache.get(brief, "a"), Layer.fresh(layer))
    })

  const options = () => ({ prefix: uniquePrefix() })

  it.live("a refresh ends before the layer's connection does", () =>
    Effect.gen(function*() {
      const layer = RedisLayer.layer({ url: sharedRedisUrl(), ...options() })
      assert.deepStrictEqual(yield* twoRuns(layer, Effect.void), Option.some("new"))
    }))

  it.scopedLive("the same on a client that the caller keeps", () =>
    Effect.gen(function*() {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(sharedRedisUrl(), { autoResendUnfulfilledCommands: false })),
        (client) => Effect.sync(() => client.disconnect())
      )
      assert.deepStrictEqual(
        yield* twoRuns(RedisLayer.layerFromClient(client, options()), Effect.void),
        Option.some("new")
      )
      assert.strictEqual(yield* Effect.promise(() => client.ping()), "PONG")
    }))

  it.live("drain waits for it even without grace, and through the layer of spans", () =>
    Effect.gen(function*() {
      const layer = RedisLayer.layer({ url: sharedRedisUrl(), grace: 0, ...options() })
      assert.deepStrictEqual(
        yield* twoRuns(Layer.provide(RedisLayer.layerTraced, layer), RedisLayer.drain),
        Option.some("new")
      )
    }))
})

describe("the grace", () => {
  it.live("must be a duration, or zero", () =>
    Effect.gen(function*() {
      for (const grace of [-1, Number.NaN, Infinity]) {
        const error = yield* Effect.flip(
          Effect.scoped(Layer.build(RedisLayer.layer({ host: "127.0.0.1", lazy: true, grace })))
        )
        assert.match(error.message, /grace must be a duration/)
      }
      yield* Effect.scoped(Layer.build(RedisLayer.layer({ host: "127.0.0.1", lazy: true, grace: 0 })))
    }))
})
