/** Commands sent while the first connection is being made, and just after. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"

const users = Cache.make({ name: "users" })

/** Of each reply, in ms. */
const late = 200

it.scopedLive("leave in the order of their calls, even while the client is ready and the connection is not yet prepared", () =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make()
    const proxy = yield* Proxy.make(server.port)
    yield* Effect.promise(() => proxy.delay(late))
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new Client(server.port, "127.0.0.1")),
      (opened) => Effect.sync(() => opened.disconnect())
    )
    /** A connection sends its setup when the client is ready; the answers come later. */
    const preparing = Effect.promise(() => client.info("commandstats")).pipe(
      Effect.delay("5 millis"),
      Effect.repeat({ until: (stats) => stats.includes("script") })
    )
    const layer = RedisLayer.layer({ host: "127.0.0.1", port: proxy.port, lazy: true, commandTimeout: "5 seconds" })
    yield* Effect.gen(function*() {
      const first = yield* Effect.fork(Cache.set(users, "42", "Ada"))
      yield* preparing
      yield* Effect.sleep(late / 10)
      yield* Cache.set(users, "42", "Grace")
      yield* Fiber.join(first)
      assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.some("Grace"))
    }).pipe(Effect.provide(layer))
  }))
