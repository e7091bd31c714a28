/** Twenty processes dropped writes while Redis stood still, and come back all at once. */
import { assert, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { fileURLToPath } from "node:url"
import { open } from "../../support/onRedis.js"
import { bundle } from "../../support/processes/bundle.js"
import { now } from "../../support/processes/now.js"
import * as Process from "../../support/processes/worker.js"
import * as RedisServer from "../../support/redisServer.js"
import type { ComeBackProtocol } from "./protocol.js"

const processes = 20
const keysOfEach = Number(process.env.COME_BACK_KEYS ?? 10_000)
const users = Cache.make({ name: "users", timeToLive: "1 hour", onRedisError: "bypass" })

it.scopedLive(
  `${processes} processes with ${keysOfEach} keys each make all of them good, and are served meanwhile`,
  () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { run } = yield* open(RedisLayer.layer(server.url))
      const file = yield* bundle(fileURLToPath(new URL("worker.ts", import.meta.url)))
      const workers = yield* Effect.forEach(
        Array.from({ length: processes }),
        () => Process.make<ComeBackProtocol>(file),
        { concurrency: 4 }
      )
      yield* Effect.forEach(workers, (worker) => worker.ask({ op: "connect", url: server.url }), { concurrency: 4 })
      const all = Array.from({ length: processes * keysOfEach }, (_, i) => `k${i}`)
      for (let at = 0; at < all.length; at += 10_000) {
        yield* run(Cache.setMany(users, all.slice(at, at + 10_000).map((key) => [key, "old"] as const)))
      }
      yield* run(Cache.set(users, "other", "there"))

      server.pause()
      const counts = yield* Effect.forEach(
        workers,
        (worker, i) => worker.ask({ op: "write", from: i * keysOfEach, count: keysOfEach }),
        { concurrency: 4 }
      )
      assert.deepStrictEqual(counts, workers.map(() => keysOfEach))
      server.resume()
      const answered = now()
      const made = yield* Effect.forEach(workers, (worker) => worker.ask({ op: "madeGood" }), {
        concurrency: "unbounded"
      })
      const times = made.map(({ at }) => at - answered).sort((a, b) => a - b)
      console.log(
        `${processes} processes × ${keysOfEach} keys: made good after ${times[0]!.toFixed(0)} to ${
          times.at(-1)!.toFixed(0)
        } ms; ` +
          `the longest read meanwhile took ${Math.max(...made.map(({ longestRead }) => longestRead)).toFixed(0)} ms`
      )
      for (let at = 0; at < all.length; at += 10_000) {
        assert.strictEqual((yield* run(Cache.getMany(users, all.slice(at, at + 10_000)))).size, 0)
      }
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None)),
  180_000
)
