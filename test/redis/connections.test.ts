/** The options of a connection, and what happens to callers that wait for one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { inspect } from "node:util"
import * as RedisServer from "../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const users = Cache.make({ name: "users" })

const failure = (url: string): Effect.Effect<CacheError.RedisError> =>
  Effect.flip(Effect.scoped(Layer.build(RedisLayer.layer(url)))).pipe(
    Effect.catchAll(() => Effect.dieMessage("the layer was built"))
  )

describe("a url", () => {
  it.live("sets no options through its query: neither the client's, nor keyPrefix", () =>
    Effect.gen(function*() {
      for (const option of ["keyPrefix=foo:", "autoResendUnfulfilledCommands=true", "maxRetriesPerRequest=20"]) {
        const error = yield* failure(`${sharedRedisUrl()}?${option}`)
        assert.include(error.message, option.slice(0, option.indexOf("=")))
      }
    }))

  it.live("that cannot be parsed is reported without its password", () =>
    Effect.gen(function*() {
      for (const url of ["redis://:s3cret@host:port", "http://:s3cret@host", "redis://:s3cret@host/db"]) {
        const error = yield* failure(url)
        assert.notInclude(inspect(error, { depth: 10 }) + JSON.stringify(error) + error.message, "s3cret")
      }
    }))
})

describe("a client of the user's", () => {
  it.live("may have auto-pipelining on", () =>
    Effect.gen(function*() {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(sharedRedisUrl(), { enableAutoPipelining: true })),
        (opened) => Effect.sync(() => opened.disconnect())
      )
      const layer = RedisLayer.layerFromClient(client, { prefix: uniquePrefix() })
      yield* Effect.gen(function*() {
        yield* Cache.set(users, "42", "Ada")
        assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.some("Ada"))
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped))

  it.live("that has ended fails each call immediately", () =>
    Effect.gen(function*() {
      const client = new Client(sharedRedisUrl(), { lazyConnect: true })
      yield* Effect.promise(() => client.connect())
      client.disconnect()
      yield* Effect.promise(() => new Promise((resolve) => client.once("end", resolve)))
      const error = yield* Effect.flip(Cache.get(users, "42")).pipe(
        Effect.provide(RedisLayer.layerFromClient(client, { commandTimeout: "1 minute" }))
      )
      assert.strictEqual(error._tag === "RedisError" && error.reason, "Connection")
    }))
})

describe("a layer that closes", () => {
  it.live("ends callers that wait for its first connection", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      server.pause()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        RedisLayer.layer({ port: server.port, lazy: true, commandTimeout: "1 minute", connectTimeout: "1 minute" }),
        scope
      )
      const waiting = yield* Effect.fork(Effect.provide(Effect.exit(Cache.get(users, "42")), context))
      yield* Effect.sleep("100 millis")
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Effect.timeout(Fiber.join(waiting), "5 seconds")
      assert.isTrue(Exit.isFailure(exit))
      server.resume()
    }).pipe(Effect.scoped))
})
