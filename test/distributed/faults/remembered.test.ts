/** Values that Redis should have lost while it stood still or was down are not read again: on real servers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, Option, type Scope } from "effect"
import { Cache, type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import { open, until } from "../../support/onRedis.js"
import { now } from "../../support/processes/now.js"
import * as RedisServer from "../../support/redisServer.js"

const users = Cache.make({ name: "users", timeToLive: "1 hour", onRedisError: "bypass", tags: () => ["all"] })
const plain = Cache.make({ name: "plain", timeToLive: "1 hour", onRedisError: "bypass" })

const live = (
  name: string,
  body: Effect.Effect<void, CacheError.RedisError | CacheError.CodecError, Scope.Scope | Redis.Redis>,
  timeout = 60_000
) =>
  it.scopedLive(
    name,
    () => Effect.provide(body as Effect.Effect<void, never, Scope.Scope>, Logger.minimumLogLevel(LogLevel.None)),
    timeout
  )

const setUp = Effect.gen(function*() {
  const server = yield* RedisServer.make()
  const layer = RedisLayer.layer({ url: server.url, commandTimeout: "200 millis" })
  const [here, there] = [yield* open(layer), yield* open(layer)]
  return { server, here, there }
})

/** Waits until the other process sees what this one could not write; gives how long that took. */
const gone = (read: Effect.Effect<Option.Option<unknown>, unknown, never>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const began = now()
    return Effect.map(until(Effect.orDie(Effect.map(read, Option.isNone))), () => now() - began)
  })

describe("Redis stands still", () => {
  // Shorter and longer than the time until the connection is given up.
  for (const millis of [300, 1_500]) {
    live(
      `for ${millis} ms: old values of keys that were set or removed meanwhile are never read`,
      Effect.gen(function*() {
        const { here, server, there } = yield* setUp
        for (const key of ["a", "b", "c"]) yield* there.run(Cache.set(plain, key, "old"))
        yield* there.run(Cache.set(users, "a", "old"))
        server.pause()
        yield* Effect.all([
          here.run(Cache.set(plain, "a", "new")),
          here.run(Cache.refresh(plain, "b", Effect.succeed("new"))),
          Effect.ignore(here.run(Cache.delete(plain, "c"))),
          Effect.ignore(here.run(Cache.invalidateTags(users, ["all"])))
        ], { concurrency: "unbounded" })
        yield* Effect.sleep(millis)
        const seen: Array<unknown> = []
        const look = Effect.forEach(["a", "b", "c"], (key) =>
          Effect.map(here.run(Cache.get(plain, key)), (found) => {
            if (Option.isSome(found)) seen.push(found.value)
          }))
        yield* look
        server.resume()
        const tagged = Effect.map(here.run(Cache.get(users, "a")), (found) => {
          if (Option.isSome(found)) seen.push(found.value)
        })
        const end = now() + 2_000
        while (now() < end) yield* Effect.zipRight(look, tagged)
        assert.notInclude(seen, "old")
        // On a shared machine, the time depends on other programs.
        yield* until(Effect.map(here.run(Cache.stats(plain)), ({ remembered }) => remembered === 0))
        for (const key of ["a", "b", "c"]) {
          assert.notDeepEqual(yield* there.run(Cache.get(plain, key)), Option.some<unknown>("old"))
        }
        assert.isTrue(Option.isNone(yield* there.run(Cache.get(users, "a"))))
      })
    )
  }
})

describe("100,000 keys", () => {
  live(
    "whose writes were dropped are gone soon after Redis answers",
    Effect.gen(function*() {
      const { here, server, there } = yield* setUp
      const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}`)
      for (let at = 0; at < keys.length; at += 10_000) {
        yield* there.run(Cache.setMany(plain, keys.slice(at, at + 10_000).map((key) => [key, "old"] as const)))
      }
      const before = process.memoryUsage().heapUsed
      server.pause()
      // Until the circuit is open; from then on, they are dropped at once.
      yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => i), () => here.run(Cache.get(plain, "k0")), {
        concurrency: "unbounded"
      })
      const dropping = now()
      for (let at = 0; at < keys.length; at += 10_000) {
        yield* here.run(Cache.setMany(plain, keys.slice(at, at + 10_000).map((key) => [key, "new"] as const)))
      }
      const dropped = now() - dropping
      const heap = process.memoryUsage().heapUsed - before
      assert.strictEqual((yield* here.run(Cache.stats(plain))).remembered, 100_000)
      server.resume()
      const answered = now()
      yield* until(Effect.map(here.run(Cache.get(plain, "other")), () => true))
      const last = keys[keys.length - 1]!
      const took = yield* gone(there.run(Cache.get(plain, last)))
      yield* until(Effect.map(there.run(Cache.getMany(plain, keys.slice(0, 5_000))), (found) => found.size === 0))
      console.log(
        `100,000 keys: dropped in ${dropped.toFixed(0)} ms, ${(heap / 1e6).toFixed(0)} MB, gone for others ` +
          `${(now() - answered).toFixed(0)} ms after SIGCONT (the last ${took.toFixed(0)} ms)`
      )
      assert.isBelow(now() - answered, 5_000)
    })
  )
})
