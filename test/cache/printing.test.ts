/** How caches, their results and handles print: in a console, and in the diffs of failed assertions. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Redacted, Schema, TestClock } from "effect"
import { Cache, Codec, Memo, RedisLayer } from "effect-redis-cache"
import assert from "node:assert"
import { inspect } from "node:util"

class User extends Schema.Class<User>("User")({ id: Schema.Number }) {}

const key = Redacted.make(new Uint8Array(32).fill(7))

const users = Cache.make({
  name: "users",
  key: Schema.NumberFromString,
  schema: User,
  timeToLive: "10 minutes",
  staleWhileRevalidate: Duration.minutes(90),
  staleIfError: 1_500,
  lease: { wait: Duration.seconds(2) },
  tags: () => [],
  near: { capacity: 10, maxStaleness: 500 },
  onRedisError: "bypass"
})

describe("printing", () => {
  it("a cache shows its name, its kind, and its options as given", () => {
    const expected = {
      _id: "Cache",
      name: "users",
      kind: "entry",
      key: "NumberFromString",
      schema: "User",
      timeToLive: "10 minutes",
      staleWhileRevalidate: "1 hour 30 minutes",
      staleIfError: "1 second 500 millis",
      lease: { wait: "2 seconds" },
      tags: "[Function]",
      near: { capacity: 10, maxStaleness: "500 millis" },
      onRedisError: "bypass"
    }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(users)), expected)
    assert.strictEqual(inspect(users), inspect(expected))
    assert.deepStrictEqual(JSON.parse(String(users)), expected)
    expect({ cache: Cache.counter({ name: "hits", timeToLive: [1, 0] }) }).toMatchInlineSnapshot(`
      {
        "cache": {
          "_id": "Cache",
          "kind": "counter",
          "name": "hits",
          "timeToLive": "1 second",
        },
      }
    `)
  })

  it("a codec shows its parts, and no key", () => {
    const codec = Codec.json(User).pipe(Codec.compressed(), Codec.encrypted({ current: { id: "a", key } }))
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Cache.make({ name: "secret", codec }))), {
      _id: "Cache",
      name: "secret",
      kind: "entry",
      codec: { _id: "Codec", name: "encrypted(compressed(json(User)))" }
    })
    const own = Codec.make<string>({ encode: () => new Uint8Array(), decode: () => "" })
    assert.strictEqual(
      inspect([Codec.structural(), own]),
      inspect([
        { _id: "Codec", name: "structural" },
        { _id: "Codec", name: "custom" }
      ])
    )
  })

  it("a memoized function shows its cache", () => {
    const getUser = Memo.cached((id: number) => Effect.succeed(new User({ id })), {
      name: "getUser",
      schema: User,
      timeToLive: Duration.days(1)
    })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(getUser.cache)), {
      _id: "Cache",
      name: "getUser",
      kind: "entry",
      schema: "User",
      timeToLive: "1 day"
    })
  })

  it.effect("a Pending shows its key and its state, but not its fiber", () =>
    Effect.gen(function*() {
      const slow = Memo.cachedAsync(
        (n: number) => Effect.delay(n > 0 ? Effect.succeed(n) : Effect.fail("no"), "1 second"),
        {
          name: "slow",
          timeToLive: "1 minute"
        }
      )
      const [done, failed] = [yield* slow(1), yield* slow(0)]
      assert.strictEqual(inspect(done), inspect({ _id: "Pending", key: "slow:[1]", state: "Running" }))
      yield* TestClock.adjust("1 second")
      yield* Effect.exit(failed)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(done)), {
        _id: "Pending",
        key: "slow:[1]",
        state: "Done",
        exit: { _id: "Exit", _tag: "Success", value: yield* done }
      })
      assert.match(inspect(failed), /state: 'Failed'/)
      assert.match(String(failed), /"error": "no"/)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("the results of stats and explain show their times in words, and compare as before", () =>
    Effect.gen(function*() {
      const plain = Cache.make({ name: "plain", timeToLive: "10 minutes" })
      const load = yield* Effect.fork(
        Cache.getOrSet(plain, "a", Effect.delay(Effect.succeed(1), "250 millis"))
      )
      yield* TestClock.adjust("250 millis")
      yield* Fiber.join(load)
      yield* TestClock.adjust("90 seconds")
      const stats = yield* Cache.stats(plain)
      assert.match(inspect(stats), /loadTime: \{ mean: '250 millis', max: '250 millis' \}/)
      assert.strictEqual(JSON.parse(JSON.stringify(stats)).loadTime.max, "250 millis")
      const { loadTime, ...counts } = stats
      assert.deepStrictEqual(stats, { ...counts, loadTime: { ...loadTime } })
      const explanation = yield* Cache.explain(plain, "a")
      const shown = JSON.parse(JSON.stringify(explanation))
      assert.deepStrictEqual(
        [shown.state, shown.age, shown.timeToLive, shown.lease, shown.loadTime],
        ["Fresh", "1 minute 30 seconds", "8 minutes 30 seconds", null, "248 millis"]
      )
      assert.doesNotMatch(inspect(explanation), /_id/)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
