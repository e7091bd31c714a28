/**
 * One master of a cluster is unreachable for a while, or for good: values that it missed are not read again, and the
 * other masters go on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { slotOf } from "../../../src/internal/redis/cluster/slots.js"
import { open, until } from "../../support/onRedis.js"
import { startCluster } from "../../support/redisCluster.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const cluster = await startCluster()
const { addresses } = cluster
afterAll(() => cluster.stop())

const plain = Cache.make({ name: "plain", timeToLive: "1 hour", onRedisError: "bypass" })
/** Of one slot. */
const tagged = Cache.make({ name: "tagged", timeToLive: "1 hour", onRedisError: "bypass", tags: () => ["all"] })

/** Keys in slots of all masters. */
const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)

const setUp = Effect.gen(function*() {
  const prefix = uniquePrefix()
  yield* Effect.promise(() => cluster.settled())
  const layer = RedisLayer.layerCluster(addresses, { prefix, commandTimeout: "200 millis" })
  const [here, there] = [yield* open(layer), yield* open(layer)]
  const slot = slotOf(`${prefix}plain:k0`)
  const victim = yield* Effect.promise(() => cluster.masterOf(slot))
  const mine = new Set<string>()
  for (const key of keys) {
    const { id } = yield* Effect.promise(() => cluster.masterOf(slotOf(`${prefix}plain:${key}`)))
    if (id === victim.id) mine.add(key)
    yield* there.run(Cache.set(plain, key, "old"))
    yield* there.run(Cache.set(tagged, key, "old"))
  }
  assert.isTrue(mine.size > 0 && mine.size < keys.length)
  // Replicas have the data of their masters.
  yield* Effect.promise(() => cluster.settled())

  /** Writes all keys, invalidates a tag, and reads meanwhile. */
  const write = Effect.gen(function*() {
    yield* Effect.forEach(keys, (key) => here.run(Cache.set(plain, key, "new")), { concurrency: "unbounded" })
    yield* Effect.ignore(here.run(Cache.invalidateTags(tagged, ["all"])))
  })
  const seen: Array<unknown> = []
  const look = Effect.forEach(
    keys,
    (key) =>
      Effect.forEach([plain, tagged], (cache) =>
        Effect.map(here.run(Cache.get(cache, key)), (found) => {
          if (Option.isSome(found) && found.value === "old") seen.push(`${cache.name}:${key}`)
        })),
    { concurrency: "unbounded", discard: true }
  )
  const remembered = Effect.map(
    Effect.forEach([plain, tagged], (cache) => here.run(Cache.stats(cache))),
    (all) => all.reduce((sum, stats) => sum + stats.remembered, 0)
  )
  /** Everything is made good: no read returns the old values. */
  const good = Effect.gen(function*() {
    yield* until(Effect.map(Effect.zipLeft(remembered, look), (count) => count === 0))
    assert.deepStrictEqual(seen, [])
    for (const key of keys) {
      const [here1, there1] = [yield* here.run(Cache.get(plain, key)), yield* there.run(Cache.get(plain, key))]
      assert.deepStrictEqual(there1, here1)
      // The values on the other masters were written, and stay.
      if (mine.has(key)) assert.notDeepEqual(there1, Option.some<unknown>("old"), key)
      else assert.deepStrictEqual(there1, Option.some<unknown>("new"), key)
      assert.deepStrictEqual(yield* there.run(Cache.get(tagged, key)), Option.none())
      yield* here.run(Cache.set(plain, key, "newer"))
      assert.deepStrictEqual(yield* there.run(Cache.get(plain, key)), Option.some<unknown>("newer"))
    }
  })
  return { victim, write, look, remembered, good }
})

describe("a master of a cluster", () => {
  it.scopedLive("that is suspended and resumed: the writes that it missed are made good", () =>
    Effect.gen(function*() {
      const { good, look, remembered, victim, write } = yield* setUp
      victim.server.pause()
      yield* write
      assert.isAbove(yield* remembered, 0)
      yield* look
      // On a busy machine, chance decides whether it has a successor by now; the result must be the same.
      victim.server.resume()
      yield* good
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None)), 60_000)

  it.scopedLive("that is replaced: the old values of its successor are removed there", () =>
    Effect.gen(function*() {
      const { good, look, remembered, victim, write } = yield* setUp
      yield* Effect.promise(() => victim.server.kill())
      yield* write
      assert.isAbove(yield* remembered, 0)
      yield* look
      yield* Effect.promise(() => cluster.replaced(victim))
      yield* good
      yield* Effect.promise(() => victim.server.restart())
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None)), 60_000)
})
