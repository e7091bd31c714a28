/** Lost connections: the library's own, and borrowed ones. Real processes, real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Scope } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { client, info, until } from "../../support/onRedis.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import { times } from "../together.js"
import { address, build, connected, counts, failureOf, reasonOf, things, timedFailure } from "./failing.js"
import { nothingUnhandled } from "./nothingUnhandled.js"

describe("a connection that is lost", () => {
  it.scopedLive("fails commands in flight with Connection, and is replaced within a second of the server's return", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected({ ...address(server.port), commandTimeout: "3 seconds" })
      const get = Effect.provide(Cache.get(things, "a"), redis)
      yield* get
      server.pause()
      const inFlight = yield* Effect.forEach(
        times(8, String),
        (key) => Effect.fork(Effect.provide(Cache.set(things, key, 1), redis))
      )
      yield* Effect.sleep(20)
      yield* Effect.promise(() => server.kill())
      for (const fiber of inFlight) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      }
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      assert.isBelow(elapsed, 300)
      yield* Effect.promise(server.restart)
      const [back] = yield* Effect.timed(until(Effect.map(Effect.either(get), ({ _tag }) => _tag === "Right")))
      assert.isBelow(Duration.toMillis(back), 1_000)
      yield* Effect.provide(Cache.setMany(things, { a: 1, b: 2 }), redis)
    }))

  it.scopedLive("nothing is sent twice", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "3 seconds" })
      yield* Effect.gen(function*() {
        yield* Cache.set(counts, "a", 0)
        yield* Effect.promise(proxy.dropReplies)
        const sent = yield* Effect.forEach(times(9, String), () => Effect.fork(Cache.increment(counts, "a")))
        yield* Effect.sleep(50)
        // The server has done everything; the replies are lost with the connection.
        yield* Effect.promise(proxy.pass)
        for (const fiber of sent) {
          assert.strictEqual(yield* reasonOf(Fiber.join(fiber), redis), "Connection")
        }
        const get = Effect.either(Cache.get(counts, "a"))
        yield* until(Effect.provide(Effect.map(get, ({ _tag }) => _tag === "Right"), redis))
        yield* Effect.sleep(50)
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(9))
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive("closing the layer closes its connection, and ends callers that wait for it", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const admin = yield* client(server.url)
      const connections = Effect.map(info(admin, "connected_clients"), Number)
      const before = yield* connections
      const scope = yield* Scope.make()
      const redis = yield* Scope.extend(connected({ ...address(server.port), commandTimeout: "1 minute" }), scope)
      yield* Effect.provide(Cache.get(things, "a"), redis)
      assert.strictEqual(yield* connections, before + 1)
      server.pause()
      const waiting = yield* Effect.fork(Effect.provide(Cache.get(things, "a"), redis))
      yield* Effect.sleep(20)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* reasonOf(Fiber.join(waiting), redis), "Connection")
      server.resume()
      yield* until(Effect.map(connections, (count) => count === before))
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      assert.isBelow(elapsed, 300)
    }))

  it.scopedLive("closing a lazy layer ends callers that wait for its first connection", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      yield* Effect.promise(proxy.blackhole)
      const scope = yield* Scope.make()
      const redis = yield* Scope.extend(
        connected({ ...address(proxy.port), lazy: true, commandTimeout: "1 minute" }),
        scope
      )
      const waiting = yield* Effect.fork(Effect.provide(Cache.get(things, "a"), redis))
      yield* Effect.sleep(30)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(
        yield* reasonOf(
          Fiber.join(waiting).pipe(Effect.timeoutFail({
            duration: "1 second",
            onTimeout: () => new Error("it still waits")
          })),
          redis
        ),
        "Connection"
      )
    }))
})

describe("a borrowed client", () => {
  it.scopedLive("is never closed, and has no more listeners after fifty layers than before", () =>
    Effect.gen(function*() {
      const own = yield* client(sharedRedisUrl())
      const prefix = uniquePrefix()
      yield* Effect.promise(() => own.ping())
      const listeners = () =>
        Object.fromEntries(own.eventNames().map((name) => [String(name), own.listenerCount(name)]))
      const before = listeners()
      for (let i = 0; i < 50; i++) {
        yield* Effect.provide(
          Cache.set(things, "a", i),
          RedisLayer.layerFromClient(own, { prefix })
        )
      }
      assert.deepStrictEqual(listeners(), before)
      assert.strictEqual(own.status, "ready")
      assert.strictEqual(yield* Effect.promise(() => own.exists(`${prefix}things:a`)), 1)
    }))

  it.scopedLive("with a keyPrefix is refused", () =>
    Effect.gen(function*() {
      const own = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(sharedRedisUrl(), { keyPrefix: "x:" })),
        (opened) => Effect.sync(() => opened.disconnect())
      )
      const [, error] = yield* failureOf(RedisLayer.layerFromClient(own))
      assert.match(error.message, /keyPrefix/)
      const [, bad] = yield* failureOf(RedisLayer.layerFromClient(own, { commandTimeout: 0 }))
      assert.match(bad.message, /keyPrefix|commandTimeout/)
    }))

  it.scopedLive("has its commands bounded by commandTimeout, and by the layer's scope", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const own = yield* client(`redis://127.0.0.1:${proxy.port}`)
      const redis = yield* build(RedisLayer.layerFromClient(own, { commandTimeout: "300 millis" }))
      yield* Effect.provide(Cache.set(things, "a", 1), redis)
      const scope = yield* Scope.make()
      const patient = yield* Scope.extend(build(RedisLayer.layerFromClient(own, { commandTimeout: "1 minute" })), scope)
      yield* Effect.promise(proxy.blackhole)
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Timeout")
      assert.isTrue(elapsed >= 295 && elapsed < 600, `${elapsed}`)
      const waiting = yield* Effect.fork(Effect.provide(Cache.get(things, "a"), patient))
      yield* Effect.sleep(20)
      yield* Scope.close(scope, Exit.void)
      const outcome = Fiber.join(waiting).pipe(Effect.timeoutFail({
        duration: "1 second",
        onTimeout: () => new Error("it still waits")
      }))
      assert.strictEqual(yield* reasonOf(outcome, redis), "Connection")
      yield* Effect.promise(proxy.pass)
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), redis), Option.some(1))
    }))
})

nothingUnhandled()
