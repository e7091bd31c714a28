/** Servers that do not answer, and servers that refuse. Real processes, real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Stream } from "effect"
import { Cache, type CacheError, type Redis } from "effect-redis-cache"
import { client, info, until } from "../../support/onRedis.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { uniquePrefix } from "../../support/sharedRedis.js"
import { all, times } from "../together.js"
import { address, connected, counts, reasonOf, things, timedFailure } from "./failing.js"
import { nothingUnhandled } from "./nothingUnhandled.js"

describe("a server that does not answer", () => {
  it.scopedLive("fails each call with Timeout, within commandTimeout", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "300 millis" })
      yield* Effect.promise(proxy.blackhole)
      const calls: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
        Cache.get(things, "a"),
        Cache.getMany(things, ["a", "b"]),
        Cache.set(things, "a", 1),
        Cache.setMany(things, { a: 1, b: 2 }),
        Cache.delete(things, "a"),
        Cache.increment(counts, "a"),
        Stream.runDrain(Cache.keys(things)),
        Cache.getOrSet(things, "a", Effect.succeed(1))
      ]
      const failures = yield* all(calls.map((call) => timedFailure(call, redis)))
      for (const [elapsed, error] of failures) {
        assert.strictEqual((error as CacheError.RedisError).reason, "Timeout")
        assert.isBelow(elapsed, 600)
        assert.isAtLeast(elapsed, 295)
      }
    }))

  it.scopedLive("late replies answer no other call", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "400 millis" })
      yield* Effect.gen(function*() {
        yield* Cache.setMany(things, { a: "a", b: "b", c: "c" })
        yield* Effect.promise(proxy.blackhole)
        assert.strictEqual(yield* reasonOf(Cache.get(things, "a"), redis), "Timeout")
        const waiting = yield* Effect.fork(Cache.get(things, "b"))
        yield* Effect.sleep(20)
        yield* Effect.promise(proxy.pass)
        assert.deepStrictEqual(yield* Fiber.join(waiting), Option.some("b"))
        assert.deepStrictEqual(yield* Cache.get(things, "c"), Option.some("c"))
        yield* Effect.promise(() => proxy.delay(600))
        assert.strictEqual(yield* reasonOf(Cache.get(things, "a"), redis), "Timeout")
        yield* Effect.promise(proxy.pass)
        assert.deepStrictEqual(yield* Cache.get(things, "b"), Option.some("b"))
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive("a batch is answered as a whole, even if its members are interrupted", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected({ ...address(server.port), commandTimeout: "400 millis" })
      server.pause()
      const fibers = yield* Effect.forEach(times(5, String), (key) =>
        Effect.fork(Effect.provide(Cache.get(things, key), redis)))
      yield* Effect.sleep(20)
      const [elapsed] = yield* Effect.timed(Fiber.interrupt(fibers[0]!))
      assert.isBelow(Duration.toMillis(elapsed), 300)
      for (const fiber of fibers.slice(1)) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual((error as CacheError.RedisError).reason, "Timeout")
      }
      server.resume()
    }))
})

describe("a server that refuses", () => {
  it.scopedLive("a replica: reads work, writes fail with ReadOnly", () =>
    Effect.gen(function*() {
      const primary = yield* RedisServer.make({ args: ["--repl-diskless-sync-delay", "0"] })
      const replica = yield* RedisServer.make({ args: ["--replicaof", `127.0.0.1 ${primary.port}`] })
      const looking = yield* client(replica.url)
      yield* until(Effect.map(info(looking, "master_link_status"), (status) => status === "up"))
      const prefix = uniquePrefix()
      const writing = yield* connected({ ...address(primary.port), prefix })
      yield* Effect.provide(Cache.setMany(things, { a: 1, b: 2 }), writing)
      yield* until(Effect.map(Effect.promise(() => looking.exists(`${prefix}things:a`)), (count) => count === 1))
      const redis = yield* connected({ ...address(replica.port), prefix })
      const read = Effect.provide(Cache.get(things, "a"), redis)
      assert.deepStrictEqual(yield* read, Option.some(1))
      const writes: ReadonlyArray<Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>> =
        [
          Cache.set(things, "a", 2),
          Cache.setMany(things, { a: 2, b: 3 }),
          Cache.setIfAbsent(things, "c", 3),
          Cache.delete(things, "a"),
          Cache.increment(counts, "a"),
          Cache.touch(things, "a", "1 hour"),
          Cache.modify(things, "a", () => Option.some(3)),
          Cache.flush(things),
          Cache.getOrSet(things, "absent", Effect.succeed(1))
        ]
      for (const write of writes) {
        assert.strictEqual(yield* reasonOf(write, redis), "ReadOnly")
        // A refused write does not affect reads, not even for a moment.
        assert.deepStrictEqual(yield* read, Option.some(1))
      }
      assert.strictEqual(yield* Effect.provide(Cache.getOrSet(things, "a", Effect.die("it is there")), redis), 1)
    }), 20_000)

  it.scopedLive("memory is full: writes fail with OutOfMemory, reads and deletes work", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ args: ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"] })
      const redis = yield* connected(address(server.port))
      yield* Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        const big = "x".repeat(300_000)
        const filled = yield* Effect.exit(Effect.forEach(times(40, String), (key) => Cache.set(things, key, big)))
        assert.isTrue(Exit.isFailure(filled))
        const writes: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
          Cache.set(things, "b", big),
          Cache.setMany(things, { b: big, c: big }),
          Cache.setIfAbsent(things, "b", big),
          Cache.getOrSet(things, "b", Effect.succeed(big))
        ]
        for (const write of writes) assert.strictEqual(yield* reasonOf(write, redis), "OutOfMemory")
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(1))
        assert.isTrue(yield* Cache.delete(things, "0"))
        assert.isAbove(yield* Cache.flush(things), 1)
        yield* Cache.set(things, "b", big)
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive("an ACL forbids a command: Auth; permitted commands work", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({
        acl: ["user default off", "user reader on >pw ~* &* -@all +get +mget +info +time +scan +getrange +client"]
      })
      const redis = yield* connected({ ...address(server.port), username: "reader", password: "pw" })
      const forbidden: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
        Cache.set(things, "a", 1),
        Cache.setMany(things, { a: 1, b: 2 }),
        Cache.delete(things, "a"),
        Cache.increment(counts, "a"),
        Cache.getOrSet(things, "a", Effect.succeed(1))
      ]
      for (const each of forbidden) assert.strictEqual(yield* reasonOf(each, redis), "Auth")
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), redis), Option.none())
      assert.deepStrictEqual(yield* Effect.provide(Stream.runCount(Cache.keys(things)), redis), 0)
    }))

  it.scopedLive("scripts are loaded again after SCRIPT FLUSH, and each call takes place once", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected(address(server.port))
      const admin = yield* client(server.url)
      const forget = Effect.promise(() => admin.script("FLUSH"))
      yield* Effect.gen(function*() {
        yield* forget
        assert.strictEqual(yield* Cache.increment(counts, "a"), 1)
        yield* forget
        yield* Cache.setMany(things, { a: 1, b: 2 })
        yield* forget
        const together = yield* all([
          ...times(10, () => Cache.increment(counts, "a")),
          Effect.as(Cache.setIfAbsent(things, "c", 3), 0)
        ])
        assert.strictEqual(Math.max(...together), 11)
        yield* forget
        assert.strictEqual(yield* Cache.getOrSet(things, "d", Effect.zipRight(forget, Effect.succeed(4))), 4)
        yield* forget
        assert.deepStrictEqual(yield* Cache.modify(things, "a", () => Option.some(5)), Option.some(5))
        assert.deepStrictEqual(
          yield* Cache.getMany(things, ["a", "b", "c", "d"]),
          new Map([["a", 5], ["b", 2], ["c", 3], ["d", 4]])
        )
        assert.strictEqual(yield* Cache.flush(things), 4)
      }).pipe(Effect.provide(redis))
    }))
})

nothingUnhandled()
