/** What near copies do on a real Redis, whatever its topology. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, type Scope } from "effect"
import { Cache, type CacheError, type Redis } from "effect-redis-cache"
import type { Cluster, Redis as Client } from "ioredis"
import { open, until } from "../support/onRedis.js"
import { uniquePrefix } from "../support/sharedRedis.js"

export const users = Cache.make({ name: "users", near: { capacity: 1000, maxStaleness: "1 second" } })
const tagged = Cache.make({ name: "tagged", near: { capacity: 1000 }, tags: () => ["all"] })

/** Reads until a read is answered from memory. */
export const untilCopied = (
  cache: typeof users,
  key: string,
  run: <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) => Effect.Effect<A, E>
) =>
  until(Effect.gen(function*() {
    const before = (yield* run(Cache.stats(cache))).nearHits
    yield* run(Effect.ignore(Cache.get(cache, key)))
    return (yield* run(Cache.stats(cache))).nearHits > before
  }))

/** `layer` supplies the caches; `outside` is another program's client of the same Redis. */
export const nearCopies = (
  name: string,
  layer: (prefix: string) => Layer.Layer<Redis.Redis, CacheError.RedisError>,
  outsideClient: Effect.Effect<Client | Cluster, never, Scope.Scope>
): void => {
  describe(`near copies, ${name}`, () => {
    const setUp = Effect.gen(function*() {
      const prefix = uniquePrefix()
      return { prefix, reader: yield* open(layer(prefix)), outside: yield* outsideClient }
    })

    it.scopedLive("every write reaches them, whatever program or command it comes from", () =>
      Effect.gen(function*() {
        const { outside, prefix, reader: { run } } = yield* setUp
        const key = `${prefix}users:42`
        const other = `{${key}}gone` // of the same slot
        const writes: ReadonlyArray<() => Promise<unknown>> = [
          () => outside.set(key, "anything"),
          () => outside.del(key),
          () => outside.unlink(key),
          () => outside.pexpire(key, 1),
          () => outside.rename(key, other),
          () => outside.eval("return redis.call('DEL', KEYS[1])", 1, key),
          () => outside.multi().del(key).exec(),
          () => outside.setrange(key, 0, "x")
        ]
        for (const write of writes) {
          yield* run(Cache.set(users, "42", "Ada"))
          yield* untilCopied(users, "42", run)
          yield* Effect.promise(write)
          yield* until(Effect.map(run(Cache.get(users, "42")), Option.isNone))
        }
        yield* Effect.promise(() => outside.del(other))
      }))

    it.scopedLive("invalidating a tag reaches them: at once in this process, and soon in another", () =>
      Effect.gen(function*() {
        const { prefix, reader: { run } } = yield* setUp
        const other = yield* open(layer(prefix))
        yield* run(Cache.set(tagged, "42", "Ada"))
        yield* untilCopied(tagged, "42", run)
        yield* run(Cache.invalidateTags(tagged, ["all"]))
        assert.deepStrictEqual(yield* run(Cache.get(tagged, "42")), Option.none())
        yield* run(Cache.set(tagged, "42", "Ada"))
        yield* untilCopied(tagged, "42", run)
        yield* other.run(Cache.invalidateTags(tagged, ["all"]))
        yield* until(Effect.map(run(Cache.get(tagged, "42")), Option.isNone))
      }))

    it.scopedLive("own writes are read at once, however many are in flight", () =>
      Effect.gen(function*() {
        const { reader: { run } } = yield* setUp
        yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => `k${i}`), (key) =>
          Effect.gen(function*() {
            for (let n = 0; n < 50; n++) {
              yield* run(Cache.set(users, key, n))
              assert.deepStrictEqual(yield* run(Cache.get(users, key)), Option.some(n))
              assert.deepStrictEqual(yield* run(Cache.get(users, key)), Option.some(n))
            }
          }), { concurrency: "unbounded" })
      }))
  })
}
