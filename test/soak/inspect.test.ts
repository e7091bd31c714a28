/** The soak's last look at Redis finds what it must find. */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { client, open, until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"
import { inspect } from "./inspect.js"

const users = Cache.make({ name: "users", lease: { duration: "2 seconds" } })

it.scopedLive("a lease shows while it is held, and not if only its marker is left", () =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make()
    const asked = yield* client(server.url)
    const look = Effect.promise(() => inspect(asked))
    const { run } = yield* open(RedisLayer.layer({ url: server.url }))
    const begun = yield* Deferred.make<void>()
    const load = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
    const caller = yield* Effect.fork(run(Cache.getOrSet(users, "42", load)))
    yield* Deferred.await(begun)
    const during = yield* look
    assert.strictEqual(during.leased.length, 1)
    assert.match(during.leased[0]!, /^users:42: held for \d+ ms/)

    // As if a release was lost with its connection: the lease's time is over, and its marker remains.
    const marker = yield* Effect.promise(() => asked.getBuffer("users:42"))
    marker!.writeUIntBE(Date.now() - 1_000, 24, 6)
    yield* Fiber.interrupt(caller)
    yield* until(Effect.map(Effect.promise(() => asked.exists("users:42")), (there) => there === 0))
    yield* Effect.promise(() => asked.set("users:42", marker!, "PX", 60_000))
    assert.deepStrictEqual(yield* look, { keys: 1, leased: [], endless: [] })
  }))
