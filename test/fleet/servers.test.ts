/** What servers report about themselves, as far as the user's rights permit. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Option, Stream } from "effect"
import { Cache, Fleet, RedisLayer } from "effect-redis-cache"
import { afterAll, beforeAll, vi } from "vitest"
import { startRedis } from "../support/redisServer.js"

const needed = ["get", "mget", "getrange", "pttl", "scan", "set", "eval", "evalsha", "time"]

const server = await startRedis({
  acl: [
    "user default off",
    "user all on >secret ~* &* +@all",
    `user little on >secret ~app:* -@all ${needed.map((command) => `+${command}`).join(" ")}`
  ]
})
// The client warns that INFO is refused.
beforeAll(() => void vi.spyOn(console, "warn").mockImplementation(() => {}))
afterAll(async () => {
  vi.restoreAllMocks()
  await server.stop()
})

const as = (username: string) =>
  RedisLayer.layer({ host: "127.0.0.1", port: server.port, username, password: "secret", prefix: "app:" })

const things = Cache.make({ name: "things", timeToLive: "1 hour" })

describe("Fleet", () => {
  it.live("describes the server", () =>
    Effect.gen(function*() {
      const [report, ...others] = yield* Fleet.servers
      assert.isDefined(report)
      assert.isEmpty(others)
      const info = Either.getOrThrow(report.info)
      assert.match(info.get("redis_version") ?? "", /^\d+\.\d+/)
      assert.strictEqual(info.get("role"), "master")
      assert.isAbove(Duration.toMillis(Option.getOrThrow(report.roundTrip)), 0)
      // Both run on this machine.
      assert.isBelow(Math.abs(Option.getOrThrow(report.clockOffset)), 1_000)
      assert.isTrue(Option.isNone(report.cluster))
    }).pipe(Effect.provide(as("all"))))

  it.live("omits what the user may not read", () =>
    Effect.gen(function*() {
      const [report] = yield* Fleet.servers
      assert.isDefined(report)
      assert.strictEqual(Either.getLeft(report.info).pipe(Option.getOrThrow).reason, "Auth")
      assert.isTrue(Option.isSome(report.clockOffset))
      yield* Cache.set(things, "a", 1)
      yield* Cache.set(things, "b", "b".repeat(1_000))
      const rows = [...(yield* Stream.runCollect(Fleet.keys("things")))].flat()
      const [a, b] = rows.sort((x, y) => x.key < y.key ? -1 : 1)
      assert.deepStrictEqual([a?.state, a?.size, a?.memory], ["Fresh", Option.some(17), Option.none()])
      assert.deepStrictEqual([b?.state, b?.size, b?.memory], ["Fresh", Option.none(), Option.none()])
      const { caches: [cache] } = yield* Fleet.caches()
      assert.deepStrictEqual([cache?.keys, cache?.memory], [2, Option.none()])
    }).pipe(Effect.provide(as("little"))))

  it.live("fails if the server does not answer", () =>
    Effect.gen(function*() {
      const other = yield* Effect.promise(() => startRedis())
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* Fleet.servers
          yield* Effect.promise(() => other.stop())
          const { reason } = yield* Effect.flip(Fleet.servers)
          assert.include(["Connection", "Timeout", "CircuitOpen"], reason)
        }),
        RedisLayer.layer({ host: "127.0.0.1", port: other.port, commandTimeout: "200 millis" })
      )
    }))
})
