/** What `RedisLayer.drain` promises, on servers of any kind. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Logger, Option } from "effect"
import type { CacheError, Redis } from "effect-redis-cache"
import { Cache, RedisLayer } from "effect-redis-cache"
import { open, until } from "../support/onRedis.js"
import { uniquePrefix } from "../support/sharedRedis.js"

const pages = Cache.make({ name: "pages", timeToLive: "1 millis", staleWhileRevalidate: "1 hour" })

/** On a cluster they lie on all masters. */
const keys = Array.from({ length: 30 }, (_, i) => `${i}`)

/** @param meanwhile what happens to the servers while refreshes run */
export const drain = (
  name: string,
  makeLayer: (prefix: string) => Layer.Layer<Redis.Redis, CacheError.RedisError>,
  meanwhile?: Effect.Effect<void>
): void => {
  describe(`drain of ${name}`, () => {
    /** Refreshes of all keys run, and a drain waits for them. Then they go on, and it ends. */
    const drained = (during: Effect.Effect<void>) =>
      Effect.gen(function*() {
        const layer = makeLayer(uniquePrefix())
        const [here, there] = [yield* open(layer), yield* open(layer)]
        const gate = yield* Effect.makeLatch()
        let running = 0
        const load = Effect.suspend(() => {
          running++
          return Effect.as(gate.await, "new")
        })
        yield* here.run(Cache.setMany(pages, keys.map((key) => [key, "old"])))
        yield* Effect.sleep("10 millis")
        yield* Effect.forEach(keys, (key) =>
          Effect.map(here.run(Cache.getOrSet(pages, key, load, { timeToLive: "1 hour" })), (page) => {
            assert.strictEqual(page, "old")
          }))
        const draining = yield* Effect.fork(here.run(RedisLayer.drain))
        yield* Effect.repeat(Effect.sleep("5 millis"), {
          until: () =>
            running === keys.length
        })
        yield* during
        assert.isTrue(Option.isNone(yield* Fiber.poll(draining)))
        yield* gate.open
        yield* Fiber.join(draining)
        return { here, there }
      })

    it.scopedLive("ends when the refreshes of all keys are stored, for every process", () =>
      Effect.gen(function*() {
        const { there } = yield* drained(Effect.void)
        const found = yield* there.run(Cache.getMany(pages, keys))
        assert.deepStrictEqual([...found.values()], keys.map(() => "new"))
      }), 30_000)

    if (meanwhile !== undefined) {
      it.scopedLive(
        "ends where servers are replaced meanwhile, and what was not stored is loaded again",
        () =>
          Effect.gen(function*() {
            const { here, there } = yield* drained(meanwhile)
            // A refresh whose lease the new master has not seen is not stored: another one is.
            const again = Effect.forEach(
              keys,
              (key) => Cache.getOrSet(pages, key, Effect.succeed("new"), { timeToLive: "1 hour" })
            )
            const stored = Effect.map(
              there.run(Cache.getMany(pages, keys)),
              (found) => keys.every((key) => found.get(key) === "new")
            )
            yield* until(
              here.run(again).pipe(
                Effect.zipRight(here.run(RedisLayer.drain)),
                Effect.zipRight(stored),
                // The connection follows the new master.
                Effect.catchTag("RedisError", () => Effect.succeed(false))
              )
            )
          }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))),
        60_000
      )
    }
  })
}
