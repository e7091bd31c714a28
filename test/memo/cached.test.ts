import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option, pipe, Ref, Schema, TestClock } from "effect"
import { Cache, CacheError, Codec, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

describe("Memo.cached", () => {
  it.effect("takes the function first, or last in a pipe", () =>
    Effect.gen(function*() {
      const runs = yield* Ref.make(0)
      const double = (n: number) => Effect.as(Ref.update(runs, (count) => count + 1), n * 2)
      const first = Memo.cached(double, "1 minute")
      const last = pipe(double, Memo.cached({ name: "last", timeToLive: "1 minute" }))
      assert.deepStrictEqual([yield* first(1), yield* first(1), yield* first(2)], [2, 2, 4])
      assert.deepStrictEqual([yield* last(1), yield* last(1), yield* last(2)], [2, 2, 4])
      assert.strictEqual(yield* Ref.get(runs), 4)
      assert.strictEqual(yield* pipe(double, Memo.cached("1 minute"))(1), 2)
      assert.strictEqual(yield* Ref.get(runs), 4, "of the same name and text as `first`")
    }).pipe(Effect.provide(memory)))

  it("keeps the function's name, and has its members", () => {
    const getUser = Memo.cached(function fetchUser(id: number) {
      return Effect.succeed(id)
    }, 1000)
    assert.strictEqual(getUser.name, "fetchUser")
    assert.strictEqual(getUser.cache.name, "fetchUser")
    assert.deepStrictEqual(Object.keys(getUser).sort(), ["bust", "busting", "cache", "key", "peek", "refresh"])
  })

  it.effect("runs nothing until the effect is run, and can be run again", () =>
    Effect.gen(function*() {
      let calls = 0
      const next = Memo.cached(function next() {
        return Effect.sync(() => ++calls)
      }, "1 second")
      const effect = next()
      assert.strictEqual(calls, 0)
      assert.strictEqual(yield* effect, 1)
      assert.strictEqual(yield* effect, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* effect, 2)
    }).pipe(Effect.provide(memory)))

  it.effect("never expires without a time to live", () =>
    Effect.gen(function*() {
      let calls = 0
      const next = Memo.cached(() => Effect.sync(() => ++calls), { name: "next" })
      yield* next()
      yield* TestClock.adjust("10000 days")
      assert.strictEqual(yield* next(), 1)
    }).pipe(Effect.provide(memory)))

  it.effect("stores through a schema, or a codec", () =>
    Effect.gen(function*() {
      class User extends Schema.Class<User>("User")({ id: Schema.Number, joined: Schema.Date }) {}
      const user = new User({ id: 7, joined: new Date(0) })
      const viaSchema = Memo.cached((_id: number) => Effect.succeed(user), { name: "schema", schema: User })
      assert.deepStrictEqual([yield* viaSchema(7), yield* viaSchema(7)], [user, user])
      assert.instanceOf(yield* viaSchema(7), User)
      const viaCodec = Memo.cached((id: number) => Effect.succeed(id), {
        name: "codec",
        codec: Codec.make<number>({
          encode: (n) => new TextEncoder().encode(String(n + 1)),
          decode: (bytes) => Number(new TextDecoder().decode(bytes))
        })
      })
      assert.deepStrictEqual([yield* viaCodec(1), yield* viaCodec(1)], [1, 2], "what was stored is what comes back")
    }).pipe(Effect.provide(memory)))

  it.effect("without a codec, preserves what JSON would lose", () =>
    Effect.gen(function*() {
      const values = [new Map([["a", new Set([1n])]]), new Date(5), -0, undefined, Option.some(NaN)]
      const nth = Memo.cached(function nth(n: number) {
        return Effect.succeed(values[n])
      }, "1 minute")
      for (const [n, value] of values.entries()) {
        yield* nth(n)
        assert.deepStrictEqual(yield* nth(n), value)
      }
      assert.strictEqual((yield* Cache.stats(nth.cache)).hits, values.length)
    }).pipe(Effect.provide(memory)))

  it.effect("takes the policy of a cache: version, tags, valueTags, stale windows", () =>
    Effect.gen(function*() {
      let calls = 0
      const page = Memo.cached(function page(_site: string, _path: string) {
        return Effect.sync(() => ({ author: "ada", calls: ++calls }))
      }, {
        timeToLive: "1 minute",
        staleWhileRevalidate: "1 minute",
        tags: ([site]) => [`site:${site}`],
        valueTags: ({ author }) => [`author:${author}`]
      })
      assert.strictEqual((yield* page("a", "/")).calls, 1)
      assert.strictEqual((yield* page("a", "/")).calls, 1)
      yield* Cache.invalidateTags(page.cache, ["site:b"])
      assert.strictEqual((yield* page("a", "/")).calls, 1)
      yield* Cache.invalidateTags(page.cache, ["site:a"])
      assert.strictEqual((yield* page("a", "/")).calls, 2)
      yield* Cache.invalidateTags(page.cache, ["author:ada"])
      assert.strictEqual((yield* page("a", "/")).calls, 3)
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual((yield* page("a", "/")).calls, 3, "stale, and refreshed behind")
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* page("a", "/")).calls, 4)
      const versioned = () => Effect.succeed("2")
      const newer = Memo.cached(versioned, { name: "v", version: 2, key: () => 0 })
      const older = Memo.cached(versioned, { name: "v", version: 1, key: () => 0 })
      yield* older()
      assert.isTrue(Option.isNone(yield* newer.peek()))
    }).pipe(Effect.provide(memory)))

  it.effect("computes without a store on layerOff", () =>
    Effect.gen(function*() {
      let calls = 0
      const next = Memo.cached(function next() {
        return Effect.sync(() => ++calls)
      }, "1 minute")
      assert.deepStrictEqual([yield* next(), yield* next()], [1, 2])
      assert.isFalse(yield* next.bust())
    }).pipe(Effect.provide(RedisLayer.layerOff)))

  it.effect("just computes under bypass if Redis is unreachable, and fails if it must", () =>
    Effect.gen(function*() {
      let calls = 0
      const next = Memo.cached(function next() {
        return Effect.sync(() => ++calls)
      }, { timeToLive: "1 minute", onRedisError: "bypass" })
      assert.deepStrictEqual([yield* next(), yield* next()], [1, 2])
      assert.strictEqual(yield* next.refresh(), 3)
      assert.isTrue(Option.isNone(yield* next.peek()))
      const lost = yield* Effect.flip(next.bust())
      assert.instanceOf(lost, CacheError.RedisError)
    }).pipe(Effect.provide(RedisLayer.layer({ host: "127.0.0.1", port: 1, lazy: true, connectTimeout: "1 second" }))))

  it.effect("takes the function's services from its caller", () =>
    Effect.gen(function*() {
      class Db extends Context.Tag("Db")<Db, { readonly find: (id: number) => string }>() {}
      const find = Memo.cached(function find(id: number) {
        return Effect.map(Db, (db) => db.find(id))
      }, "1 minute")
      const exit = yield* find(1).pipe(
        Effect.provide(Layer.succeed(Db, { find: (id) => `found ${id}` })),
        Effect.exit
      )
      assert.deepStrictEqual(exit, Exit.succeed("found 1"))
    }).pipe(Effect.provide(memory)))

  it.effect("a function that throws is a defect, and nothing is stored", () =>
    Effect.gen(function*() {
      let calls = 0
      const broken = Memo.cached(function broken(_id: number): Effect.Effect<string> {
        calls++
        throw new Error("before any effect")
      }, "1 minute")
      for (let i = 0; i < 2; i++) {
        const exit = yield* Effect.exit(broken(1))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      }
      assert.strictEqual(calls, 2)
      assert.isTrue(Option.isNone(yield* broken.peek(1)))
    }).pipe(Effect.provide(memory)))
})
