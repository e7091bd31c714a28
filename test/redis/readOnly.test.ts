/** A connection that leads to a replica is replaced, whatever happens to it meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import * as Gateway from "../support/gateway.js"
import * as RedisServer from "../support/redisServer.js"

const things = Cache.make({ name: "things" })

describe("a connection that leads to a replica", () => {
  it.scopedLive("is replaced even if it falls silent", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const gateway = yield* Gateway.make(server.port)
      const context = yield* Layer.build(RedisLayer.layer({ port: gateway.port, commandTimeout: "200 millis" }))
      const set = Effect.either(Effect.provide(Cache.set(things, "a", 1), context))
      assert.isTrue(Either.isRight(yield* set))
      gateway.answerOnce("-READONLY You can't write against a read only replica.\r\n")
      const refused = yield* Effect.flip(Effect.provide(Cache.set(things, "a", 2), context))
      assert.strictEqual(refused._tag === "RedisError" && refused.reason, "ReadOnly")
      const began = performance.now()
      yield* Effect.repeat(Effect.delay(set, "20 millis"), { until: Either.isRight })
      assert.isBelow(performance.now() - began, 5_000)
    }), 20_000)
})
