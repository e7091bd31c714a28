/** Links that are slow but healthy, and links that are dead: the first are kept, the second given up. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { untilCopied, users } from "../contract/nearCopies.js"
import { client, open, until } from "../support/onRedis.js"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"

const things = Cache.make({ name: "things" })

const size = 1_500_000
const large = "x".repeat(size)
/** Three seconds for a large value, while a silent link is given up after 600 ms. */
const rate = 500_000
const commandTimeout = 200

const behindProxy = (options: RedisLayer.Options = {}) =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make({})
    const proxy = yield* Proxy.make(server.port)
    const outside = yield* client(server.url)
    const instance = yield* open(RedisLayer.layer({ host: "127.0.0.1", port: proxy.port, commandTimeout, ...options }))
    return { ...instance, proxy, outside, connections: () => instance.service.driver.unsafeConnections() }
  })

/** Calls that fail one after another: each checks whether the link is alive. */
const keepAsking = (instance: Effect.Effect.Success<ReturnType<typeof behindProxy>>) =>
  Effect.fork(Effect.forever(Effect.zipRight(Effect.ignore(instance.run(Cache.get(things, "b"))), Effect.sleep(20))))

describe("a slow link", () => {
  it.scopedLive("is kept while a large value is in transit to Redis", () =>
    Effect.gen(function*() {
      const instance = yield* behindProxy()
      const { connections, outside, proxy, run } = instance
      const before = connections()
      yield* Effect.promise(() => proxy.throttle(rate))
      const asking = yield* keepAsking(instance)
      const error = yield* Effect.flip(run(Cache.set(things, "a", large)))
      assert.match(error.message, /Timeout/)
      yield* until(Effect.map(Effect.promise(() => outside.strlen("things:a")), (length) => length > size))
      assert.strictEqual(connections(), before)
      yield* Fiber.interrupt(asking)
      yield* until(Effect.map(Effect.either(run(Cache.get(things, "b"))), (result) => result._tag === "Right"))
      assert.strictEqual(connections(), before)
    }), 20_000)

  it.scopedLive("is kept while a large value is in transit from Redis", () =>
    Effect.gen(function*() {
      const instance = yield* behindProxy()
      const { connections, proxy, run } = instance
      yield* run(Cache.set(things, "a", large))
      const before = connections()
      yield* Effect.promise(() => proxy.throttle(rate))
      const asking = yield* keepAsking(instance)
      const error = yield* Effect.flip(run(Cache.get(things, "a")))
      assert.match(error.message, /Timeout/)
      yield* Effect.sleep("2500 millis")
      yield* Fiber.interrupt(asking)
      yield* until(Effect.map(Effect.either(run(Cache.get(things, "b"))), (result) => result._tag === "Right"))
      assert.strictEqual(connections(), before)
    }), 20_000)

  it.scopedLive("keeps the feed, and copies come back", () =>
    Effect.gen(function*() {
      const { connections, outside, proxy, run } = yield* behindProxy({ commandTimeout: "10 seconds" })
      yield* run(Cache.set(users, "42", "Ada"))
      yield* untilCopied(users, "42", run)
      const made = Effect.map(
        Effect.promise(() => outside.info("stats")),
        (text) => /total_connections_received:(\d+)/.exec(text)![1]
      )
      const before = [connections(), yield* made]
      yield* Effect.promise(() => proxy.throttle(rate))
      // Longer than the feed waits for a heartbeat.
      yield* run(Cache.set(things, "a", large.slice(0, 800_000)))
      yield* Effect.promise(() => proxy.pass())
      yield* untilCopied(users, "42", run)
      assert.deepStrictEqual([connections(), yield* made], before)
    }), 20_000)
})

describe("a dead link", () => {
  it.scopedLive(
    "is given up, even while a large value is in transit, and however many commands are sent",
    () =>
      Effect.gen(function*() {
        const instance = yield* behindProxy()
        const { connections, proxy, run } = instance
        yield* run(Cache.set(things, "b", "B"))
        const before = connections()
        yield* Effect.promise(() => proxy.blackhole())
        yield* keepAsking(instance)
        // One second more, for the slowest link that is still permitted.
        yield* Effect.ignore(run(Cache.set(things, "a", large.slice(0, 64_000))))
        const lost = Effect.map(
          Effect.flip(run(Cache.get(things, "b"))),
          ({ message }) => /no answer to any/.test(message)
        )
        const began = performance.now()
        yield* until(lost)
        assert.isBelow(performance.now() - began, 4_000)
        yield* Effect.promise(() => proxy.pass())
        yield* until(Effect.map(Effect.either(run(Cache.get(things, "b"))), (result) => result._tag === "Right"))
        assert.deepStrictEqual(yield* run(Cache.get(things, "b")), Option.some("B"))
        assert.isAbove(connections(), before)
      }),
    20_000
  )
})
