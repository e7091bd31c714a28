/** Near copies on a real server, where others write the keys and links are cut. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { nearCopies, untilCopied, users } from "../contract/nearCopies.js"
import { client, open, until } from "../support/onRedis.js"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"
import { sharedRedisUrl } from "../support/sharedRedis.js"

nearCopies(
  "layer",
  (prefix) => RedisLayer.layer({ url: sharedRedisUrl(), prefix }),
  client(sharedRedisUrl())
)
nearCopies(
  "layerFromClient",
  (prefix) =>
    Layer.unwrapScoped(
      Effect.map(client(sharedRedisUrl()), (borrowed) => RedisLayer.layerFromClient(borrowed, { prefix }))
    ),
  client(sharedRedisUrl())
)

describe("the feed on a real server", () => {
  it.scopedLive("reports keys under the prefix and no others, and everything after FLUSHALL", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const reader = yield* open(RedisLayer.layer({ url: server.url, prefix: "mine:" }))
      const outside = yield* client(server.url)
      const told: Array<string> = []
      const watching = yield* Effect.fork(reader.service.driver.watch({
        onLink: () => told.push("link"),
        onChange: (keys) => told.push(...keys ?? ["everything"]),
        onLoss: () => told.push("loss"),
        onSleep: () => told.push("sleep")
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

  it.scopedLive("copies come back after the link was cut, and miss no change", () =>
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
    "behind a link that swallows everything, nothing older than maxStaleness is served",
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

  it.scopedLive("a server that does not permit tracking: a warning and no copies, or a typed error where the feed is required", () =>
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
      assert.include(warnings[0], "near copies are bypassed")
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
