/** The feed's connection fails silently, or the server refuses it for a while: copies still come back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { untilCopied, users } from "../contract/nearCopies.js"
import * as Gateway from "../support/gateway.js"
import { client, open } from "../support/onRedis.js"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"

/** A script that keeps the server busy for the given time, in ms. */
const busy = (millis: number): string => `
local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
local start = now()
while now() < start + ${millis} do end
return 'done'`

describe("the feed comes back, and copies come back with it", () => {
  for (const [what, fate] of [["never answered", "swallow"], ["ended at its first word", "hangUp"]] as const) {
    it.scopedLive(`if its new connection is accepted and ${what}`, () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const gateway = yield* Gateway.make(server.port)
        const { run } = yield* open(RedisLayer.layer({ port: gateway.port, commandTimeout: "200 millis" }))
        const outside = yield* client(server.url)
        yield* run(Cache.set(users, "42", "Ada"))
        yield* untilCopied(users, "42", run)
        gateway[fate](3)
        const before = gateway.made()
        yield* Effect.promise(() => outside.call("CLIENT", "KILL", "TYPE", "pubsub"))
        yield* Effect.repeat(Effect.delay(Effect.sync(gateway.made), "5 millis"), {
          until: (made) => made >= before + 3
        })
        yield* untilCopied(users, "42", run)
      }), 20_000)
  }

  it.scopedLive(
    "if the server was running somebody else's long script when the connection was made",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make({ args: ["--busy-reply-threshold", "20"] })
        const proxy = yield* Proxy.make(server.port)
        const { run } = yield* open(RedisLayer.layer({ port: proxy.port, commandTimeout: "200 millis" }))
        const outside = yield* client(server.url)
        yield* run(Cache.set(users, "42", "Ada"))
        yield* untilCopied(users, "42", run)
        const running = yield* Effect.fork(Effect.promise(() => outside.eval(busy(600), 0)))
        yield* Effect.sleep("100 millis")
        yield* Effect.promise(() => proxy.reset())
        assert.strictEqual(yield* Fiber.join(running), "done")
        yield* untilCopied(users, "42", run)
      }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))),
    20_000
  )
})
