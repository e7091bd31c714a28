/**
 * An unreachable Redis: the breaker stops calling it, and bypass continues without it. Real processes, real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { Cache, type CacheError, type Redis } from "effect-redis-cache"
import { freePort } from "../../support/freePort.js"
import { until } from "../../support/onRedis.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { all, times } from "../together.js"
import { address, connected, counts, reasonOf, things, timedFailure } from "./failing.js"
import { nothingUnhandled } from "./nothingUnhandled.js"

describe("the breaker", () => {
  it.scopedLive("opens when most calls fail, refuses calls immediately, and closes when one succeeds again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected({ ...address(server.port), commandTimeout: "100 millis" })
      const get = Cache.get(things, "a")
      yield* Effect.provide(get, redis)
      server.pause()
      const reasons = yield* Effect.forEach(times(25, String), () => reasonOf(get, redis))
      assert.strictEqual(reasons[0], "Timeout")
      assert.isFalse(reasons.slice(0, 9).includes("CircuitOpen"))
      assert.strictEqual(reasons[24], "CircuitOpen")
      const [elapsed, error] = yield* timedFailure(Cache.increment(counts, "a"), redis)
      if ((error as CacheError.RedisError).reason === "CircuitOpen") assert.isBelow(elapsed, 90)
      assert.include(["CircuitOpen", "Timeout", "Connection"], (error as CacheError.RedisError).reason)
      server.resume()
      const works = Effect.map(Effect.either(Effect.provide(get, redis)), ({ _tag }) => _tag === "Right")
      yield* Effect.timeout(until(works), "1500 millis")
      for (let i = 0; i < 5; i++) assert.isTrue(yield* works)
    }))

  it.scopedLive("does not open for errors that the server replies with", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ args: ["--maxmemory", "1", "--maxmemory-policy", "noeviction"] })
      const redis = yield* connected(address(server.port))
      for (let i = 0; i < 30; i++) assert.strictEqual(yield* reasonOf(Cache.set(things, "a", 1), redis), "OutOfMemory")
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), redis), Option.none())
    }))
})

describe("onRedisError: \"bypass\", with Redis unreachable", () => {
  const lenient = Cache.make({ name: "lenient", onRedisError: "bypass", tags: () => ["t"] })
  const plain = Cache.make({ name: "plain", onRedisError: "bypass" })

  it.scopedLive("reads miss, writes are dropped, loads compute; operations such as delete fail", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "1 second" })
      yield* Effect.provide(Cache.set(plain, "a", 1), redis)
      yield* Effect.promise(proxy.refuse)
      for (const cache of [plain, lenient]) {
        yield* Effect.gen(function*() {
          assert.deepStrictEqual(yield* Cache.get(cache, "a"), Option.none())
          assert.isFalse(yield* Cache.has(cache, "a"))
          assert.deepStrictEqual(yield* Cache.getMany(cache, ["a", "b"]), new Map())
          assert.deepStrictEqual(yield* Cache.timeToLive(cache, "a"), Option.none())
          yield* Cache.set(cache, "a", 2)
          yield* Cache.setMany(cache, { a: 2, b: 3 })
          assert.isFalse(yield* Cache.setIfAbsent(cache, "c", 3))
          assert.isFalse(yield* Cache.touch(cache, "a", "1 hour"))
          assert.strictEqual(yield* Cache.getOrSet(cache, "a", Effect.succeed(3)), 3)
          assert.strictEqual(yield* Cache.refresh(cache, "a", Effect.succeed(4)), 4)
          assert.deepStrictEqual(
            yield* Cache.getOrSetMany(cache, ["a", "b"], (keys) => Effect.succeed(keys.map((key) => [key, key]))),
            new Map([["a", "a"], ["b", "b"]])
          )
          const failures: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
            Cache.delete(cache, "a"),
            Cache.take(cache, "a"),
            Cache.deleteMany(cache, ["a"]),
            Cache.flush(cache),
            Cache.invalidateTags(cache, ["t"]),
            Cache.modify(cache, "a", () => Option.some(1)),
            Stream.runDrain(Cache.keys(cache)),
            Cache.explain(cache, "a"),
            Cache.increment(counts, "a")
          ]
          for (const failure of failures) {
            const error = yield* Effect.flip(failure)
            assert.strictEqual((error as CacheError.RedisError)._tag, "RedisError")
          }
          const { bypassed, hits } = yield* Cache.stats(cache)
          assert.isAbove(bypassed, 8)
          assert.strictEqual(hits, 0)
        }).pipe(Effect.provide(redis))
      }
      yield* Effect.promise(proxy.pass)
      const isBack = Effect.provide(Effect.zipRight(Cache.set(plain, "d", 4), Cache.has(plain, "d")), redis)
      yield* until(isBack)
      // An old value that was to be replaced meanwhile is not read again.
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(plain, "a"), redis), Option.none())
    }))

  it.scopedLive("concurrent callers share one computation", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = yield* connected({ ...address(port), lazy: true })
      let runs = 0
      const load = Effect.delay(Effect.sync(() => ++runs), "30 millis")
      const values = yield* Effect.provide(all(times(50, () => Cache.getOrSet(plain, "a", load))), redis)
      assert.deepStrictEqual([...new Set(values)], [1])
    }))

  it.scopedLive("values that cannot be stored are still refused", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = yield* connected({ ...address(port), lazy: true })
      const error = yield* Effect.flip(Effect.provide(Cache.set(plain, "\ud800", 1), redis))
      assert.strictEqual(error._tag, "CodecError")
    }))
})

nothingUnhandled()
