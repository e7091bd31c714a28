/** The heap that an operation allocates: in bytes, which do not depend on how busy the machine is. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Cache, Memo, type Redis, RedisLayer } from "effect-redis-cache"
import { GCProfiler } from "node:v8"
import { collectGarbage } from "../support/collectGarbage.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const User = Schema.Struct({ id: Schema.String, name: Schema.String, age: Schema.Number })

const ada = { id: "42", name: "Ada", age: 36 }

const far = Cache.make({ name: "far", schema: User, timeToLive: "1 hour" })
const near = Cache.make({ name: "near", schema: User, timeToLive: "1 hour", near: { capacity: 10 } })
const memoized = Memo.cached((_id: string) => Effect.succeed(ada), {
  name: "memoized",
  schema: User,
  timeToLive: "1 hour"
})

/** Bytes per iteration, the least of several runs: anything else that runs meanwhile only adds to them. */
const bytesOf = <E>(turn: Effect.Effect<unknown, E, Redis.Redis>, times = 2_000) =>
  Effect.gen(function*() {
    const turns = Effect.gen(function*() {
      for (let i = 0; i < times; i++) yield* turn
    })
    yield* turns // Code that compiles, and objects that are created once.
    let least = Infinity
    for (let n = 0; n < 5; n++) {
      collectGarbage()
      const profiler = new GCProfiler()
      profiler.start()
      const before = process.memoryUsage().heapUsed
      yield* turns
      const kept = process.memoryUsage().heapUsed - before
      const collected = profiler.stop().statistics.reduce(
        (sum, { afterGC, beforeGC }) =>
          sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
        0
      )
      least = Math.min(least, (kept + collected) / times)
    }
    return least
  })

describe("an operation", () => {
  const live = RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() })

  it.live("that hits allocates little: near, far and memoized", () =>
    Effect.gen(function*() {
      yield* Cache.set(far, "42", ada)
      yield* Cache.set(near, "42", ada)
      yield* memoized("42")
      const isNear = Effect.zipRight(
        Cache.get(near, "42"),
        Effect.map(Cache.stats(near), ({ nearHits }) => nearHits > 0)
      )
      yield* Effect.repeat(Effect.zipLeft(isNear, Effect.sleep(1)), { until: (found) => found })
      const bytes = {
        nothing: yield* bytesOf(Effect.sync(() => Option.some(ada))),
        near: yield* bytesOf(Cache.get(near, "42")),
        far: yield* bytesOf(Cache.get(far, "42")),
        memoized: yield* bytesOf(memoized("42"))
      }
      assert.isBelow(bytes.near - bytes.nothing, 300)
      assert.isBelow(bytes.far, 7_400)
      assert.isBelow(bytes.memoized, 8_100)
    }).pipe(Effect.provide(live)), 30_000)

  it.live("that sets, misses or loads allocates no more than before", () =>
    Effect.gen(function*() {
      let n = 0
      const fresh = Effect.suspend(() => Cache.getOrSet(far, `load ${n++}`, Effect.succeed(ada)))
      const bytes = {
        set: yield* bytesOf(Cache.set(far, "42", ada)),
        miss: yield* bytesOf(Cache.get(far, "absent")),
        load: yield* bytesOf(fresh, 300)
      }
      assert.isBelow(bytes.set, 6_300)
      assert.isBelow(bytes.miss, 5_700)
      // A few fibers, their scopes and a span: nearly all of it is Effect's.
      assert.isBelow(bytes.load, 195_000)
    }).pipe(Effect.provide(live)), 30_000)

  it.live("that waits for a load of this process allocates little", () =>
    Effect.gen(function*() {
      const callers = 1_000
      let n = 0
      const together = Effect.suspend(() => {
        const one = Cache.getOrSet(far, `together ${n++}`, Effect.succeed(ada))
        return Effect.all(Array.from({ length: callers }, () => one), { concurrency: "unbounded", discard: true })
      })
      const alone = Effect.all(Array.from({ length: callers }, () => Effect.yieldNow()), {
        concurrency: "unbounded",
        discard: true
      })
      // The library's part: the fiber is the caller's.
      const ours = ((yield* bytesOf(together, 8)) - (yield* bytesOf(alone, 8))) / callers
      assert.isBelow(ours, 9_500)
    }).pipe(Effect.provide(live)), 30_000)
})
