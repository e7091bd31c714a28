import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Option, Schema } from "effect"
import { Cache, CacheError, Memo, Pending, Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const nowhere = { host: "127.0.0.1", port: 1, connectTimeout: "1 second" } as const

/** Stores bytes under a key, as any program may. */
const raw = (key: string, bytes: string | Buffer) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Client(sharedRedisUrl())),
    (client) => Effect.promise(() => client.set(key, bytes)),
    (client) => Effect.sync(() => client.disconnect())
  )

describe("How memoized functions handle bad input", () => {
  it.live("an unreachable Redis fails the layer", () =>
    Effect.gen(function*() {
      let runs = 0
      const f = Memo.cached(() => Effect.sync(() => ++runs), { name: "f" })
      const error = yield* Effect.flip(Effect.provide(f(), RedisLayer.layer(nowhere)))
      assert.instanceOf(error, CacheError.RedisError)
      assert.strictEqual(error._tag === "RedisError" && error.reason, "Connection")
      assert.strictEqual(runs, 0)
    }))

  it.live("a Redis that is not reachable yet fails each operation, including the pending, and nothing is computed", () =>
    Effect.gen(function*() {
      let runs = 0
      const f = Memo.cached(() => Effect.sync(() => ++runs), { name: "f" })
      const g = Memo.cachedAsync(() => Effect.sync(() => ++runs), { name: "g" })
      const calls = [f(), f.refresh(), Effect.flatten(g())].map((call) => Effect.flip(call))
      const others = [Effect.flip(f.bust()), Effect.flip(f.peek())]
      for (const call of [...calls, ...others]) {
        const error = yield* call
        assert.instanceOf(error, CacheError.RedisError)
      }
      assert.strictEqual(runs, 0)
      assert.strictEqual(yield* f.key(), "f:[]", "a key needs no server")
      const pending = yield* g()
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Pending.await(pending))))
    }).pipe(Effect.provide(RedisLayer.layer({ ...nowhere, lazy: true }))))

  it.live("an entry of foreign bytes, of any kind, is absent and is replaced", () =>
    Effect.gen(function*() {
      let runs = 0
      const f = Memo.cached((_n: number) => Effect.sync(() => ({ run: ++runs })), {
        name: "f",
        schema: Schema.Struct({ run: Schema.Number })
      })
      const { driver } = yield* Redis.Redis
      const key = yield* f.key(1)
      assert.isTrue(key.startsWith(driver.prefix))
      yield* f(1)
      const stored = yield* Effect.map(driver.inspect(key), (found) => Buffer.from(found!.bytes))
      const garbage = [
        "garbage",
        "",
        Buffer.from([0xff, 0, 0xff]),
        stored.subarray(0, 5),
        stored.subarray(0, stored.length - 1),
        Buffer.concat([stored.subarray(0, 16), Buffer.from("{\"run\":\"text\"}")])
      ]
      for (const [i, bytes] of garbage.entries()) {
        yield* raw(key, bytes)
        assert.deepStrictEqual(yield* f.peek(1), Option.none(), `garbage ${i}`)
        assert.deepStrictEqual(yield* f(1), { run: i + 2 }, `garbage ${i}`)
        assert.deepStrictEqual(yield* f.peek(1), Option.some({ run: i + 2 }))
      }
      assert.isAbove((yield* Cache.stats(f.cache)).undecodable, 0)
    }).pipe(
      Effect.provide(Layer.suspend(() => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() }))),
      Effect.provide(Logger.replace(Logger.defaultLogger, Logger.none))
    ))

  it.live("a function without a name cannot be memoized on Redis", () =>
    Effect.sync(() => {
      assert.throws(() => Memo.cached((n: number) => Effect.succeed(n), "1 second"), "needs a name")
    }))
})
