/** Sentinels that announce another master at the worst moment. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schedule } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import * as FakeSentinel from "../../support/fakes/fakeSentinel.js"
import { client, until } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"

const things = Cache.make({ name: "things" })

describe("a connection behind sentinels", () => {
  it.scopedLive(
    "is replaced, even if another master is announced while the client asks for the current one",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const sentinel = yield* FakeSentinel.make(server.port)
        const redis = yield* Layer.build(
          RedisLayer.layer({ sentinels: [{ host: "127.0.0.1", port: sentinel.port }], name: "mymaster" })
        )
        yield* Effect.provide(Cache.set(things, "a", 1), redis)
        yield* until(Effect.sync(() => sentinel.subscribers() === 1))
        sentinel.hold()
        const admin = yield* client(server.url)
        yield* Effect.promise(() => admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
        yield* until(Effect.sync(() => sentinel.held() === 1))
        sentinel.switchMaster()
        // It has left by then, like any connection that hears of a new master.
        yield* until(Effect.sync(() => sentinel.subscribers() === 0))
        sentinel.release()
        const found = yield* Effect.provide(Cache.get(things, "a"), redis).pipe(
          Effect.retry({ while: (error) => error._tag === "RedisError", schedule: Schedule.spaced("20 millis") }),
          Effect.timeout("5 seconds")
        )
        assert.deepStrictEqual(found, Option.some(1))
      }),
    20_000
  )
})
