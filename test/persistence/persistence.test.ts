/** `@effect/experimental`'s persistence, in memory and on Redis: its own test cases, and ours. */
import { PersistedCache, Persistence, RequestResolver as Persisted } from "@effect/experimental"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  PrimaryKey,
  Request,
  RequestResolver,
  Schema,
  Stream,
  TestClock
} from "effect"
import type { Redis } from "effect-redis-cache"
import { Cache, CacheError, RedisLayer } from "effect-redis-cache"
import * as CachePersistence from "effect-redis-cache/Persistence"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String, born: Schema.Date }) {}

class UserById extends Schema.TaggedRequest<UserById>()("UserById", {
  failure: Schema.String,
  success: User,
  payload: { id: Schema.Number }
}) {
  [PrimaryKey.symbol]() {
    return `UserById:${this.id}`
  }
}

const john = (id: number) => new User({ id, name: "John", born: new Date(id) })

const layers = {
  memory: RedisLayer.layerMemory,
  Redis: Layer.suspend(() => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() }))
}

/** Lets a TTL pass: on the test's clock, or, if Redis keeps the time, by waiting. */
const after = (millis: number, over: Effect.Effect<boolean, unknown, Redis.Redis>) =>
  Effect.flatMap(TestClock.adjust(millis), () =>
    over.pipe(
      Effect.repeat({ until: (is) => is }),
      Effect.withClock(Clock.make())
    ))

for (const [name, redis] of Object.entries(layers)) {
  const layer = CachePersistence.layerResult().pipe(Layer.provideMerge(redis))

  describe(`persistence over ${name}`, () => {
    it.scoped("PersistedCache: another cache on the same store finds what one has looked up", () =>
      Effect.gen(function*() {
        const store = yield* (yield* Persistence.ResultPersistence).make({ storeId: "users" })
        let lookups = 0
        const makeCache = PersistedCache.make({
          storeId: "users",
          lookup: (request: UserById) =>
            Effect.suspend(() => {
              lookups++
              return request.id < 0 ? Effect.fail("not found") : Effect.succeed(john(request.id))
            }),
          timeToLive: () => 60_000
        })
        const cache = yield* makeCache
        assert.deepStrictEqual(yield* cache.get(new UserById({ id: 1 })), john(1))
        assert.deepStrictEqual(yield* store.get(new UserById({ id: 1 })), Option.some(Exit.succeed(john(1))))
        assert.deepStrictEqual(yield* cache.get(new UserById({ id: 1 })), john(1))
        assert.strictEqual(lookups, 1)
        const another = yield* makeCache
        assert.deepStrictEqual(yield* another.get(new UserById({ id: 1 })), john(1))
        assert.strictEqual(lookups, 1)
        // Failures are stored, too.
        assert.strictEqual(yield* Effect.flip(cache.get(new UserById({ id: -1 }))), "not found")
        assert.strictEqual(yield* Effect.flip((yield* makeCache).get(new UserById({ id: -1 }))), "not found")
        assert.strictEqual(lookups, 2)
        yield* cache.invalidate(new UserById({ id: 1 }))
        assert.deepStrictEqual(yield* store.get(new UserById({ id: 1 })), Option.none())
        yield* cache.get(new UserById({ id: 1 }))
        assert.strictEqual(lookups, 3)
      }).pipe(Effect.provide(layer)))

    it.scoped("RequestResolver.persisted: batches, TTLs by outcome, clear", () =>
      Effect.gen(function*() {
        let asked = 0
        const source = RequestResolver.makeBatched((requests: ReadonlyArray<UserById>) => {
          asked += requests.length
          return Effect.forEach(
            requests,
            (request) =>
              request.id < 0 ? Request.fail(request, "not found") : Request.succeed(request, john(request.id)),
            { discard: true }
          )
        })
        const persisted = yield* Persisted.persisted(source, {
          storeId: "a:b",
          timeToLive: (_, exit) => Exit.isSuccess(exit) ? 1_500 : 500
        })
        const get = (ids: ReadonlyArray<number>) =>
          Effect.forEach(ids, (id) => Effect.exit(Effect.request(new UserById({ id }), persisted)), { batching: true })
        const exits = yield* get([-1, 1, 2, 3])
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [false, true, true, true])
        assert.deepStrictEqual(yield* get([-1, 1, 2, 3]), exits)
        assert.strictEqual(asked, 4)
        const kept = Cache.make({ name: "a%3Ab" })
        const isGone = (key: string) => Effect.map(Cache.has(kept, key), (has) => !has)
        yield* after(500, isGone("UserById:-1"))
        yield* get([-1])
        assert.strictEqual(asked, 5)
        yield* after(1_000, isGone("UserById:3"))
        yield* get([1, 2, 3])
        assert.strictEqual(asked, 8)
        yield* (yield* (yield* Persistence.ResultPersistence).make({ storeId: "a:b" })).clear
        yield* get([1, 2, 3])
        assert.strictEqual(asked, 11)
      }).pipe(Effect.provide(layer)))

    it.scoped("a store keeps what it is given, like a cache of its name", () =>
      Effect.gen(function*() {
        const backing = yield* Persistence.BackingPersistence
        const store = yield* backing.make("things")
        const values: Array<[string, unknown]> = [
          ["text", "x"],
          ["nothing", undefined],
          ["null", null],
          ["big", 2n ** 70n],
          ["nested", { _tag: "Success", value: [1, { a: new Uint8Array([1]) }] }]
        ]
        yield* store.setMany(values.map(([key, value]) => [key, value, Option.none()]))
        const keys = values.map(([key]) => key)
        assert.deepStrictEqual(
          yield* store.getMany([...keys, "absent", "text"]),
          [...values.map(([, value]) => Option.some(value)), Option.none(), Option.some("x")]
        )
        yield* store.set("text", "y", Option.some(Duration.minutes(5)))
        assert.deepStrictEqual(yield* store.get("text"), Option.some("y"))
        const cache = Cache.make({ name: "things" })
        assert.deepStrictEqual([...yield* Stream.runCollect(Cache.keys(cache))].sort(), [...keys].sort())
        const { state, timeToLive } = yield* Cache.explain(cache, "text")
        assert.strictEqual(state, "Fresh")
        assert.isAtMost(Duration.toMillis(Option.getOrThrow(timeToLive)), 300_000)
        assert.isAbove(Duration.toMillis(Option.getOrThrow(timeToLive)), 290_000)
        yield* store.set("text", "no life", Option.some(Duration.zero))
        assert.deepStrictEqual(yield* store.get("text"), Option.none())
        yield* store.remove("big")
        assert.deepStrictEqual(yield* store.get("big"), Option.none())
        assert.strictEqual(yield* Cache.flush(cache), 3)
        assert.deepStrictEqual(yield* store.getMany(keys), keys.map(() => Option.none()))
      }).pipe(Effect.provide(CachePersistence.layer().pipe(Layer.provideMerge(redis)))))
  })
}

describe("persistence", () => {
  const counted = (calls: Array<string>, fault?: RedisLayer.Fault) =>
    RedisLayer.layerFaulty({
      script: (operation) => {
        calls.push(operation)
        return fault
      }
    }).pipe(Layer.provide(RedisLayer.layerMemory))

  it.scoped("many keys take one round trip", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      yield* Effect.gen(function*() {
        const store = yield* (yield* Persistence.BackingPersistence).make("things")
        const keys = ["a", "b", "c"]
        yield* store.setMany(keys.map((key, i) => [key, i, Option.some(Duration.minutes(i + 1))]))
        yield* store.getMany(keys)
      }).pipe(Effect.provide(CachePersistence.layer().pipe(Layer.provide(counted(calls)))))
      assert.deepStrictEqual(calls, ["setMany", "getMany"])
    }))

  it.scoped("refusals by Redis or the codec are a PersistenceError with its cause; bypass misses", () =>
    Effect.gen(function*() {
      const away = counted([], { fail: "Connection" })
      const error = yield* Effect.gen(function*() {
        const store = yield* (yield* Persistence.BackingPersistence).make("things")
        return yield* Effect.flip(store.get("a"))
      }).pipe(Effect.provide(CachePersistence.layer().pipe(Layer.provide(away))))
      assert.strictEqual(error.reason, "BackingError")
      assert.instanceOf(error.reason === "BackingError" && error.cause, CacheError.RedisError)
      const bypassing = CachePersistence.layer({ onRedisError: "bypass", prefix: "kept-" })
      yield* Effect.gen(function*() {
        const store = yield* (yield* Persistence.BackingPersistence).make("things")
        yield* store.set("a", 1, Option.none())
        assert.deepStrictEqual(yield* store.get("a"), Option.none())
      }).pipe(Effect.provide(bypassing.pipe(Layer.provide(away))))
      yield* Effect.gen(function*() {
        const store = yield* (yield* Persistence.BackingPersistence).make("things")
        const refused = yield* Effect.flip(store.set("a", () => 1, Option.none()))
        assert.instanceOf(refused.reason === "BackingError" && refused.cause, CacheError.CodecError)
        yield* store.set("a", 1, Option.none())
        assert.isTrue(yield* Cache.has(Cache.make({ name: "kept-things" }), "a"))
      }).pipe(Effect.provide(bypassing.pipe(Layer.provideMerge(RedisLayer.layerMemory))))
    }))
})
