/** An invalid definition throws when it is constructed, before anything runs. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Schema } from "effect"
import { Cache, Codec, Memo, RedisLayer } from "effect-redis-cache"

type Options = NonNullable<Parameters<typeof Cache.make<string, "fail">>[0]>

/** Options of the wrong type, as an untyped program may pass them. */
const make = (options: object) => () => Cache.make(options as Options)

const notMeant: ReadonlyArray<Duration.DurationInput> = [
  0,
  -1,
  NaN,
  -Infinity,
  "0 seconds",
  "soon" as "1 second",
  "" as "1 second",
  "10 fortnights" as "1 second",
  Duration.zero,
  null as never,
  {} as never,
  true as never
]

describe("a cache", () => {
  it.effect("calls its tag functions once per write", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const tagged = Cache.make({
        name: "tagged",
        tags: (key) => {
          asked.push(`key ${key}`)
          return ["a"]
        },
        valueTags: (value) => {
          asked.push(`value ${String(value)}`)
          return []
        }
      })
      yield* Cache.set(tagged, "1", "v")
      assert.deepStrictEqual(asked.splice(0), ["key 1", "value v"])
      yield* Cache.setMany(tagged, { 1: "v", 2: "w" })
      assert.deepStrictEqual(asked, ["key 1", "value v", "key 2", "value w"])
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it("needs a name that is not empty and contains no colon", () => {
    assert.throws(make({ name: "" }), RangeError, /needs a non-empty name/)
    assert.throws(make({}), RangeError, /needs a non-empty name/)
    assert.throws(make({ name: 42 }), RangeError, /needs a non-empty name, got 42/)
    assert.throws(make({ name: "a:b" }), RangeError, /Cache "a:b": its name must not contain ":"/)
    assert.throws(make({ name: "a\ud800" }), RangeError, /surrogate|Unicode/)
    assert.throws(() => Cache.counter({ name: "" }), RangeError, /needs a (non-empty )?name/)
    assert.throws(() => Cache.counter({ name: "a:" }), RangeError, /":"/)
    for (const name of ["a", " ", "a*", "a b", "users.v2", "ключ"]) assert.strictEqual(Cache.make({ name }).name, name)
  })

  for (const option of ["timeToLive", "staleWhileRevalidate", "staleIfError"]) {
    it(`rejects a ${option} of zero or less`, () => {
      for (const each of notMeant) {
        assert.throws(
          make({ name: "users", [option]: each }),
          RangeError,
          new RegExp(`Cache "users": ${option} must be a duration longer than zero, got `)
        )
      }
      for (const each of [1, 0.5, "1 micros", "10 minutes", Duration.infinity, Infinity, [1, 0], 5n]) {
        assert.doesNotThrow(make({ name: "users", [option]: each }))
      }
    })
  }

  for (const option of ["duration", "maxDuration", "wait"]) {
    it(`rejects a lease.${option} of zero or less`, () => {
      for (const each of notMeant) {
        assert.throws(
          make({ name: "users", lease: { [option]: each } }),
          RangeError,
          new RegExp(`Cache "users": lease.${option} must be a duration longer than zero, got `)
        )
      }
      assert.doesNotThrow(make({ name: "users", lease: { [option]: "1 second" } }))
    })
  }

  const ranges: Readonly<
    Record<string, readonly [bad: ReadonlyArray<unknown>, good: ReadonlyArray<unknown>, what: RegExp]>
  > = {
    jitter: [[-0.1, 1.1, NaN, Infinity, "0.5"], [0, 0.5, 1], /from 0 to 1/],
    earlyRefresh: [[-1, NaN, Infinity, "1"], [0, 1, 2.5], /zero or more/],
    version: [[-1, 1.5, 65536, NaN, "1"], [0, 1, 65535], /a whole number from 0 to 65535/],
    maxConcurrentLoads: [[0, -1, 1.5, NaN, "1"], [1, 100, Infinity], /a whole number of 1 or more/],
    maxValueSize: [[0, -1, 1.5, NaN, "1"], [1, 1024], /a whole number of bytes, 1 or more/]
  }
  for (const [option, [bad, good, what]] of Object.entries(ranges)) {
    it(`takes ${option} only within its range`, () => {
      for (const each of bad) {
        assert.throws(
          make({ name: "users", [option]: each }),
          RangeError,
          new RegExp(`Cache "users": ${option} must be `)
        )
        assert.throws(make({ name: "users", [option]: each }), what)
      }
      for (const each of good) assert.doesNotThrow(make({ name: "users", [option]: each }))
    })
  }

  it("accepts \"fail\" and \"bypass\" for onRedisError, and nothing else", () => {
    for (const each of ["fail", "bypass", undefined]) {
      assert.doesNotThrow(make({ name: "users", onRedisError: each }))
    }
    assert.throws(make({ name: "users", onRedisError: "ignore" }), RangeError, /Cache "users": onRedisError must be/)
  })

  it("accepts options that are present but undefined", () => {
    assert.doesNotThrow(() =>
      Cache.make({
        name: "users",
        timeToLive: undefined,
        staleWhileRevalidate: undefined,
        jitter: undefined,
        lease: { duration: undefined },
        version: undefined,
        onRedisError: undefined
      })
    )
  })

  it("is a plain value that can be piped and recognized", () => {
    const users = Cache.make({ name: "users", schema: Schema.String })
    assert.isTrue(Cache.isCache(users))
    assert.isTrue(Cache.isCache(Cache.counter({ name: "hits" })))
    assert.isFalse(Cache.isCache({ name: "users" }))
    assert.isFalse(Cache.isCache(null))
    assert.strictEqual(users.pipe((self) => self.name), "users")
  })
})

describe("a memoized function", () => {
  it("needs a name", () => {
    assert.throws(() => Memo.cached(() => Effect.succeed(1), "1 minute"), RangeError, /needs a (non-empty )?name/)
    assert.throws(() => Memo.cached(() => Effect.succeed(1), { name: "a:b" }), RangeError, /":"/)
    assert.strictEqual(
      Memo.cached(function getTime() {
        return Effect.succeed(1)
      }, "1 minute").cache.name,
      "getTime"
    )
  })

  it("rejects durations of zero or less", () => {
    for (const timeToLive of notMeant.filter((each) => typeof each !== "object" && typeof each !== "boolean")) {
      assert.throws(
        () => Memo.cached(() => Effect.succeed(1), { name: "f", timeToLive }),
        RangeError,
        /Cache "f": timeToLive must be a duration longer than zero/
      )
    }
  })
})

describe("a codec", () => {
  it("rejects encryption keys that are not 32 bytes long", () => {
    assert.throws(
      () => Codec.encrypted(Codec.structural(), { current: { id: "a", key: new Uint8Array(16) } }),
      TypeError,
      /32/
    )
  })
})

describe("Cache.of", () => {
  it.effect("stores any structural value, and behaves like any other cache of its name", () =>
    Effect.gen(function*() {
      const users = Cache.of<{ readonly born: Date }>()({ name: "users", timeToLive: "1 minute" })
      const ada = { born: new Date(0) }
      yield* users.pipe(Cache.set("ada", ada))
      assert.deepStrictEqual(yield* Cache.get(users, "ada"), Option.some(ada))
      const same = Cache.make({ name: "users", codec: Codec.structural<unknown>() })
      assert.deepStrictEqual(yield* Cache.get(same, "ada"), Option.some<unknown>(ada))
      assert.throws(() => Cache.of<string>()({ name: "a:b" }), RangeError, /":"/)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
