/** More keys than fit into one time limit: they go in turns, and each turn has its own limit. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"

const count = 30_000
const keys = Array.from({ length: count }, (_, i) => `k${i}`)
const cache = Cache.make({ name: "many", timeToLive: "10 minutes" })

describe("thirty thousand keys in one call, on Redis", () => {
  it.live(
    "are loaded, read and deleted, even though that takes longer than commandTimeout",
    () =>
      Effect.gen(function*() {
        const loaded = yield* Cache.getOrSetMany(cache, keys, (absent) =>
          Effect.succeed(absent.map((key) =>
            [key, key.length] as const
          )))
        assert.strictEqual(loaded.size, count)
        assert.strictEqual((yield* Cache.getMany(cache, keys)).size, count)
        assert.strictEqual(yield* Cache.deleteMany(cache, keys), count)
        yield* Cache.setMany(
          cache,
          keys.map((key) => [key, 1] as const)
        )
        assert.strictEqual(yield* Cache.flush(cache), count)
      }).pipe(
        Effect.provide(RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix(), commandTimeout: "1 second" }))
      ),
    60_000
  )
})
