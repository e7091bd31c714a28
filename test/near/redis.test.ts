/** Near copies on a real server, whose keys others write, and whose links are cut. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, Option, type Scope } from "effect"
import { Cache, type CacheError, Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const users = Cache.make({ name: "users", near: { capacity: 1000, maxStaleness: "1 second" } })
const tagged = Cache.make({ name: "tagged", near: { capacity: 1000 }, tags: () => ["all"] })

const open = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.map(Layer.build(layer), (context) => {
    const service = Context.get(context, Redis.Redis)
    return {
      service,
      run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, Redis.Redis, service)
    }
  })

const client = (url: string): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(url, { autoResendUnfulfilledCommands: false })),
    (opened) => Effect.sync(() => opened.disconnect())
  )

/** Until it holds; a test that waits in vain runs out of time. */
const until = <E, R>(holds: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.asVoid(Effect.repeat(Effect.delay(holds, "5 millis"), { until: (yes) => yes }))

/** Reads until a read is answered from memory. */
const untilCopied = (
  cache: typeof users,
  key: string,
  run: <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) => Effect.Effect<A, E>
) =>
  until(Effect.gen(function*() {
    const before = (yield* run(Cache.stats(cache))).nearHits
    yield* run(Effect.ignore(Cache.get(cache, key)))
    return (yield* run(Cache.stats(cache))).nearHits > before
  }))

for (const kind of ["layer", "layerFromClient"] as const) {
  describe(`near copies, ${kind}`, () => {
    const setUp = Effect.gen(function*() {
      const prefix = uniquePrefix()
      const borrowed = yield* client(sharedRedisUrl())
      const reader = yield* open(
        kind === "layer"
          ? RedisLayer.layer({ url: sharedRedisUrl(), prefix })
          : RedisLayer.layerFromClient(borrowed, { prefix })
      )
      return { prefix, reader, outside: yield* client(sharedRedisUrl()) }
    })

    it.scopedLive("whoever writes, in whatever way, reaches them", () =>
      Effect.gen(function*() {
        const { outside, prefix, reader: { run } } = yield* setUp
        const key = `${prefix}users:42`
        const other = uniquePrefix()
        const writes: ReadonlyArray<() => Promise<unknown>> = [
          () => outside.set(key, "anything"),
          () => outside.del(key),
          () => outside.unlink(key),
          () => outside.pexpire(key, 1),
          () => outside.rename(key, `${other}gone`),
          () => outside.eval("return redis.call('DEL', KEYS[1])", 1, key),
          () => outside.multi().del(key).exec(),
          () => outside.setrange(key, 0, "x")
        ]
        for (const write of writes) {
          yield* run(Cache.set(users, "42", "Ada"))
          yield* untilCopied(users, "42", run)
          yield* Effect.promise(write)
          yield* until(Effect.map(run(Cache.get(users, "42")), Option.isNone))
        }
        yield* Effect.promise(() => outside.del(`${other}gone`))
      }))

    it.scopedLive("an invalidated tag reaches them, from here at once and from another process soon", () =>
      Effect.gen(function*() {
        const { prefix, reader: { run } } = yield* setUp
        const other = yield* open(RedisLayer.layer({ url: sharedRedisUrl(), prefix }))
        yield* run(Cache.set(tagged, "42", "Ada"))
        yield* untilCopied(tagged, "42", run)
        yield* run(Cache.invalidateTags(tagged, ["all"]))
        assert.deepStrictEqual(yield* run(Cache.get(tagged, "42")), Option.none())
        yield* run(Cache.set(tagged, "42", "Ada"))
        yield* untilCopied(tagged, "42", run)
        yield* other.run(Cache.invalidateTags(tagged, ["all"]))
        yield* until(Effect.map(run(Cache.get(tagged, "42")), Option.isNone))
      }))

    it.scopedLive("own writes are read at once, however many are under way", () =>
      Effect.gen(function*() {
        const { reader: { run } } = yield* setUp
        yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => `k${i}`), (key) =>
          Effect.gen(function*() {
            for (let n = 0; n < 50; n++) {
              yield* run(Cache.set(users, key, n))
              assert.deepStrictEqual(yield* run(Cache.get(users, key)), Option.some(n))
              assert.deepStrictEqual(yield* run(Cache.get(users, key)), Option.some(n))
            }
          }), { concurrency: "unbounded" })
      }))
  })
}

describe("the feed on a real server", () => {
  it.scopedLive("tells of keys under the prefix and no others, and of everything after FLUSHALL", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const reader = yield* open(RedisLayer.layer({ url: server.url, prefix: "mine:" }))
      const outside = yield* client(server.url)
      const told: Array<string> = []
      const watching = yield* Effect.fork(reader.service.driver.watch({
        onLink: () => told.push("link"),
        onChange: (keys) => told.push(...keys ?? ["everything"]),
        onLoss: () => told.push("loss")
      }))
      yield* until(Effect.sync(() => told.length > 0))
      yield* Effect.promise(() => outside.mset({ "yours:a": "1", "mine:a,b": "2", "mine": "3", "mine:é": "4" }))
      yield* Effect.promise(() => outside.flushall())
      yield* until(Effect.sync(() => told.includes("everything")))
      assert.deepStrictEqual(told.slice(0, -1).sort(), ["link", "mine:a,b", "mine:é"])
      yield* Effect.promise(() => outside.call("CLIENT", "KILL", "TYPE", "pubsub"))
      yield* until(Effect.sync(() => told.slice(-2).join() === "loss,link"))
      yield* Fiber.interrupt(watching)
      assert.strictEqual(told.at(-1), "loss")
      yield* until(
        Effect.map(Effect.promise(() => outside.client("LIST")), (list) => !String(list).includes("flags=P"))
      )
    }))

  it.scopedLive("copies come back after the link was cut, and miss nothing", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const { run } = yield* open(RedisLayer.layer(server.url))
      const writer = yield* open(RedisLayer.layer(server.url))
      const outside = yield* client(server.url)
      for (let n = 0; n < 5; n++) {
        yield* writer.run(Cache.set(users, "42", n))
        yield* untilCopied(users, "42", run)
        yield* Effect.promise(() => outside.call("CLIENT", "KILL", "TYPE", "pubsub"))
        yield* writer.run(Cache.set(users, "42", `${n}!`))
        yield* until(Effect.map(run(Cache.get(users, "42")), (value) => Option.getOrNull(value) === `${n}!`))
        yield* untilCopied(users, "42", run)
        assert.deepStrictEqual(yield* run(Cache.get(users, "42")), Option.some(`${n}!`))
      }
    }))

  it.scopedLive(
    "behind a link that swallows everything nothing older than maxStaleness is served",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make({})
        const proxy = yield* Proxy.make(server.port)
        const { run } = yield* open(RedisLayer.layer({ port: proxy.port, commandTimeout: "200 millis" }))
        const writer = yield* open(RedisLayer.layer(server.url))
        yield* writer.run(Cache.set(users, "42", "old"))
        yield* untilCopied(users, "42", run)
        yield* Effect.promise(() => proxy.blackhole())
        yield* writer.run(Cache.set(users, "42", "new"))
        const written = performance.now()
        let served = 0
        yield* until(Effect.gen(function*() {
          const began = performance.now()
          const value = yield* Effect.either(run(Cache.get(users, "42")))
          if (value._tag === "Left") return true
          served++
          assert.isBelow(began - written, 1_000)
          assert.deepStrictEqual(value.right, Option.some("old"))
          return false
        }))
        assert.isAbove(served, 0)
        yield* Effect.promise(() => proxy.pass())
        yield* until(Effect.map(Effect.either(run(Cache.get(users, "42"))), (value) => value._tag === "Right"))
        assert.deepStrictEqual(yield* run(Cache.get(users, "42")), Option.some("new"))
        yield* untilCopied(users, "42", run)
        assert.deepStrictEqual(yield* run(Cache.get(users, "42")), Option.some("new"))
      }),
    20_000
  )

  it.scopedLive("a server that refuses: a warning and no copies, or a typed error where it is required", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({
        acl: ["user default on nopass ~* &* +@all -client|tracking"]
      })
      const required = yield* Effect.flip(Effect.scoped(Layer.build(
        RedisLayer.layer({ url: server.url, tracking: "required" })
      )))
      assert.strictEqual(required.reason, "Auth")
      assert.strictEqual(required.operation, "watch")
      assert.include(required.message, "client|tracking")
      const warnings: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ logLevel, message }) => {
          if (logLevel._tag === "Warning") warnings.push(String(message))
        })
      )
      const { run } = yield* open(RedisLayer.layer(server.url).pipe(Layer.provide(logger)))
      yield* run(Cache.set(users, "42", "Ada"))
      yield* Effect.forEach([1, 2, 3], () => run(Cache.get(users, "42")))
      yield* until(Effect.sync(() => warnings.length > 0))
      assert.include(warnings[0], "near tiers are bypassed")
      yield* Effect.forEach([1, 2, 3], () => run(Cache.get(users, "42")))
      assert.strictEqual((yield* run(Cache.stats(users))).nearHits, 0)
      assert.strictEqual(warnings.length, 1)
    }))

  it.scopedLive("required: it listens from the start", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const outside = yield* client(server.url)
      yield* open(RedisLayer.layer({ url: server.url, tracking: "required" }))
      assert.include(String(yield* Effect.promise(() => outside.client("LIST"))), "flags=P")
    }))
})
