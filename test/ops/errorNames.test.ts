/** Errors name the operation that was called and its cache, not an internal step. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"

const users = Cache.make({ name: "users" })
const tagged = Cache.make({ name: "users", tags: () => ["all"], jitter: 0.1 })
const hits = Cache.counter({ name: "users" })
const memo = Memo.cached((_: number) => Effect.succeed(1), { name: "users" })
const property = Memo.cachedProperty({}, { name: "users", key: () => 1 }, () => Effect.succeed(1))
const unstored = Cache.make({ name: "users", timeToLive: () => 0 })

const away = RedisLayer.layerFaulty({ script: () => ({ fail: "Connection" }) }).pipe(
  Layer.provide(RedisLayer.layerMemory)
)

const operations = {
  get: Cache.get(users, "42"),
  "get with tags": Cache.get(tagged, "42"),
  has: Cache.has(users, "42"),
  getMany: Cache.getMany(users, ["42"]),
  timeToLive: Cache.timeToLive(users, "42"),
  keys: Stream.runDrain(Cache.keys(users)),
  set: Cache.set(users, "42", 1),
  "set with tags": Cache.set(tagged, "42", 1),
  "set without storing": Cache.set(unstored, "42", 1),
  setMany: Cache.setMany(users, { 42: 1 }),
  "setMany with tags": Cache.setMany(tagged, { 42: 1 }),
  "setMany without storing": Cache.setMany(unstored, { 42: 1 }),
  setIfAbsent: Cache.setIfAbsent(users, "42", 1),
  touch: Cache.touch(users, "42", "1 second"),
  modify: Cache.modify(users, "42", () => Option.none()),
  increment: Cache.increment(hits, "42"),
  delete: Cache.delete(users, "42"),
  deleteMany: Cache.deleteMany(users, ["42"]),
  take: Cache.take(users, "42"),
  flush: Cache.flush(users),
  invalidateTags: Cache.invalidateTags(users, ["all"]),
  explain: Cache.explain(users, "42"),
  getOrSet: Cache.getOrSet(users, "42", Effect.succeed(1)),
  "getOrSet with tags": Cache.getOrSet(tagged, "42", Effect.succeed(1)),
  getOrSetMany: Cache.getOrSetMany(users, ["42"], () => Effect.succeed([])),
  refresh: Cache.refresh(users, "42", Effect.succeed(1)),
  "getOrSet by Memo": memo(1),
  "refresh by Memo": memo.refresh(1),
  "get by Memo": memo.peek(1),
  "delete by Memo": memo.bust(1),
  "getOrSet by a property": property,
  "delete by a property": property.bust
}

describe("a failure of Redis", () => {
  for (const [name, operation] of Object.entries(operations)) {
    const called = name === "has" ? "get" : name.split(" ")[0]!
    it.effect(`${name}: names the operation and its cache`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(operation)
        assert(error._tag === "RedisError")
        assert.strictEqual(error.operation, called)
        assert.strictEqual(error.message, `Cache "users": ${called} failed (Connection): injected`)
      }).pipe(Effect.provide(away)))
  }

  const inner = Cache.make({ name: "inner" })
  for (
    const [name, operation] of Object.entries({
      getOrSet: Cache.getOrSet(users, "42", Effect.flatMap(Cache.get(inner, "1"), () => Effect.succeed(1))),
      getOrSetMany: Cache.getOrSetMany(users, ["42"], () => Effect.as(Cache.get(inner, "1"), [])),
      refresh: Cache.refresh(users, "42", Cache.get(inner, "1"))
    })
  ) {
    it.effect(`${name}: from another cache, inside the load, keeps that cache's name`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(operation)
        assert.strictEqual(error.message, `Cache "inner": get failed (Connection): injected`)
      }).pipe(
        Effect.provide(RedisLayer.layerFaulty({
          script: (_, keys) => keys.includes("inner:1") ? { fail: "Connection" } : undefined
        })),
        Effect.provide(RedisLayer.layerMemory)
      ))
  }
})
