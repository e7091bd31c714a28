/**
 * What every driver of the `Redis` service promises, through the operations of `Cache`. Each driver's test file runs it
 * over its layer; a driver that needs an exception has a bug.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Duration,
  Effect,
  Exit,
  type Layer,
  Logger,
  LogLevel,
  Option,
  pipe,
  Ref,
  Schema,
  Stream,
  TestClock
} from "effect"
import { Cache, type CacheError, Codec, Memo, Redis } from "effect-redis-cache"
import { inspect, isDeepStrictEqual } from "node:util"
import { uniquePrefix } from "../support/sharedRedis.js"

/** Who keeps the time of what is stored. */
export type Time = "TestClock" | "server"

/** A life that one can wait for. Whatever has it may be gone at any time where a server keeps the time. */
const short = 50

const collect = <Key, Value, Error>(cache: Cache.Cache<Key, Value, Error>) =>
  Effect.map(Stream.runCollect(Cache.keys(cache)), (found) => [...Chunk.toReadonlyArray(found)].sort())

/** Why an operation failed, in one line. */
const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<string, never, R> =>
  Effect.match(effect, {
    onFailure: (error) =>
      typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error),
    onSuccess: (value) => `no failure: ${inspect(value)}`
  })

const failsWith = <A, E, R>(effect: Effect.Effect<A, E, R>, pattern: RegExp): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (message) => assert.match(message, pattern))

const same = (actual: unknown, expected: unknown): void =>
  assert.isTrue(isDeepStrictEqual(actual, expected), `${inspect(actual)} is not ${inspect(expected)}`)

const redisKey = (name: string, key: string): Effect.Effect<string, never, Redis.Redis> =>
  Effect.map(Redis.Redis, ({ driver }) => `${driver.prefix}${name}:${key}`)

/** Puts bytes under a key, as another program might. */
const plant = (name: string, key: string, bytes: string | Uint8Array) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const write = {
      key: yield* redisKey(name, key),
      bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
      life: undefined
    }
    yield* driver.set(write, { onSuccess: () => Effect.void, onFailure: (error) => Effect.fail(error) })
  })

/** The text under a key and its life, as another program would see them. */
const look = (name: string, key: string) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const found = yield* driver.inspect(yield* redisKey(name, key))
    return found === undefined ? undefined : { text: new TextDecoder().decode(found.bytes), life: found.life }
  })

const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** Another process's load of a key begins: it takes the lease. */
const plantLease = (name: string, key: string, kind: "entry" | "counter" = "entry") =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const replies = yield* driver.lease(
      [{ key: yield* redisKey(name, key), seen: undefined, token, duration: 60_000, force: false }],
      kind
    )
    assert.deepStrictEqual(replies, ["Granted"])
  })

const releaseLease = (name: string, key: string) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    yield* driver.release([{ key: yield* redisKey(name, key), token }])
  })

const header = (flags: number, ...rest: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.of(0xe1, flags, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, ...rest)

/** Bytes that are no value, whoever put them there. */
const foreign: Readonly<Record<string, string | Uint8Array>> = {
  "nothing at all": "",
  "text": "hello",
  "a number": "42",
  "JSON": "{\"a\":1}",
  "bytes that are not UTF-8": Uint8Array.of(0xff, 0xfe, 0x00, 0x80),
  "a header cut short": header(0).subarray(0, 15),
  "a header of a newer format": Uint8Array.of(0xe2, ...header(0, 0x01).subarray(1)),
  "a header with a payload that does not decode": header(0, 0xc1, 0xc1),
  "a header without a payload": header(0),
  "a lease slot cut short": header(2, 1, 2, 3),
  "tags cut short": header(4, 3, 200, 1),
  "tags that nobody knows": header(4, 1, 1, 0x61, 1, 2, 3, 4, 5, 6, 7, 8, 0x01),
  "another version": Uint8Array.of(0xe1, 0, 0, 9, ...header(0, 0x01).subarray(4)),
  "a failure that is not this cache's": header(8, 0x7b, 0x7d)
}

const oddKeys = [
  "",
  " ",
  ":",
  "a:b",
  "{a}",
  "a{b}c}",
  "%",
  "%7B",
  "%257B",
  "100%",
  "😀",
  "ключ",
  "two\nlines\r\n",
  "\0",
  "*",
  "a?",
  "[x]",
  "\\",
  "\"quoted\"",
  "x".repeat(2_000)
]

const values: ReadonlyArray<unknown> = [
  0,
  -0,
  NaN,
  1.5,
  false,
  true,
  "",
  "text",
  null,
  undefined,
  12n,
  [],
  [undefined, null],
  {},
  { a: undefined },
  new Date(0),
  new Map([["a", new Set([1])]])
]

export const contract = (
  name: string,
  layer: (prefix: string) => Layer.Layer<Redis.Redis, CacheError.RedisError>,
  time: Time
): void => {
  const run = time === "TestClock" ? it.effect : it.live

  /** Lets what has a life of so many milliseconds end. */
  const outlive = (life: number): Effect.Effect<void> =>
    time === "TestClock" ? TestClock.adjust(life) : Effect.sleep(life + 30)

  const test = <E>(behaviour: string, body: () => Effect.Effect<void, E, Redis.Redis>): void =>
    run(behaviour, () =>
      Effect.suspend(body).pipe(
        Effect.provide(layer(uniquePrefix())),
        Logger.withMinimumLogLevel(LogLevel.None)
      ))

  const things = Cache.make({ name: "things" })
  const brief = Cache.make({ name: "brief", timeToLive: short })
  const lasting = Cache.make({ name: "lasting", timeToLive: "1 hour" })
  /** Stale values stay for an hour. */
  const staling = Cache.make({ name: "staling", timeToLive: short, staleIfError: "1 hour" })
  const counts = Cache.counter({ name: "counts" })

  describe(name, () => {
    describe("get and set", () => {
      test("what was set is there, what was not is absent", () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.none())
          assert.isFalse(yield* Cache.has(things, "a"))
          yield* Cache.set(things, "a", { n: 1 })
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some({ n: 1 }))
          assert.isTrue(yield* Cache.has(things, "a"))
          assert.deepStrictEqual(yield* Cache.get(things, "A"), Option.none())
        }))

      test("every value is a value", () =>
        Effect.forEach(values, (value) =>
          Effect.gen(function*() {
            yield* Cache.set(things, "a", value)
            same(yield* Cache.get(things, "a"), Option.some(value))
            same(yield* Cache.getMany(things, ["a"]), new Map([["a", value]]))
            assert.isTrue(yield* Cache.has(things, "a"))
            same(yield* Cache.getOrSet(things, "a", Effect.die("it is there")), value)
            same(yield* Cache.modify(things, "a", (found) => found), Option.some(value))
            same(yield* Cache.take(things, "a"), Option.some(value))
            assert.isTrue(yield* Cache.setIfAbsent(things, "a", value))
            assert.isFalse(yield* Cache.setIfAbsent(things, "a", "another"))
            assert.isTrue(yield* Cache.delete(things, "a"))
            same(yield* Cache.getOrSet(things, "a", Effect.succeed(value)), value)
            same(yield* Cache.get(things, "a"), Option.some(value))
          }), { discard: true }))

      test("values of a schema come back as its type", () =>
        Effect.gen(function*() {
          class User extends Schema.Class<User>("User")({ id: Schema.Number, joined: Schema.Date }) {}
          const users = Cache.make({ name: "users", schema: User })
          const ada = new User({ id: 1, joined: new Date("1815-12-10T00:00:00Z") })
          yield* Cache.set(users, "ada", ada)
          const found = Option.getOrThrow(yield* Cache.get(users, "ada"))
          assert.instanceOf(found, User)
          assert.deepStrictEqual(found, ada)
        }))

      test("a value that cannot be stored is refused, and what was there stays", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "a", "old")
          const refused = /Cannot store this value in cache "things".*\$\.f/
          yield* failsWith(Cache.set(things, "a", { f: () => 1 }), refused)
          yield* failsWith(Cache.setMany(things, { b: 1, a: { f: () => 1 } }), refused)
          yield* failsWith(Cache.setIfAbsent(things, "c", { f: () => 1 }), refused)
          yield* failsWith(Cache.modify(things, "a", () => Option.some({ f: () => 1 })), refused)
          yield* failsWith(Cache.getOrSet(things, "d", Effect.succeed({ f: () => 1 })), refused)
          assert.deepStrictEqual(yield* Cache.getMany(things, ["a", "b", "c", "d"]), new Map([["a", "old"]]))
          assert.deepStrictEqual(yield* collect(things), ["a"])
        }))

      test("a set replaces the value and its life", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "long", 1, { timeToLive: short })
          yield* Cache.set(things, "long", 2)
          yield* Cache.set(things, "short", 1)
          yield* Cache.set(things, "short", 2, { timeToLive: short })
          yield* outlive(short)
          assert.deepStrictEqual(yield* Cache.getMany(things, ["long", "short"]), new Map([["long", 2]]))
        }))

      test("values expire", () =>
        Effect.gen(function*() {
          yield* Cache.set(brief, "a", 1)
          yield* Cache.set(lasting, "a", 1)
          yield* Cache.set(lasting, "b", 1, { timeToLive: short })
          yield* Cache.setMany(lasting, { c: 1 }, { timeToLive: short })
          if (time === "TestClock") {
            yield* TestClock.adjust(short - 1)
            assert.isTrue(yield* Cache.has(brief, "a"))
            yield* TestClock.adjust(1)
          } else yield* outlive(short)
          assert.isFalse(yield* Cache.has(brief, "a"))
          assert.deepStrictEqual(yield* collect(brief), [])
          assert.isFalse(yield* Cache.delete(brief, "a"))
          assert.deepStrictEqual(yield* collect(lasting), ["a"])
          assert.isUndefined(yield* look("lasting", "b"))
        }))

      test("lives below a millisecond are rounded up", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "a", 1, { timeToLive: "1 micros" })
          if (time === "TestClock") {
            assert.deepStrictEqual(yield* Cache.timeToLive(things, "a"), Option.some(Duration.millis(1)))
          }
          yield* outlive(1)
          assert.isFalse(yield* Cache.has(things, "a"))
        }))

      test("lives of thousands of years are as good as for ever", () =>
        Effect.gen(function*() {
          const aeon = Cache.make({
            name: "aeon",
            timeToLive: Number.MAX_SAFE_INTEGER,
            staleIfError: Duration.infinity
          })
          yield* Cache.set(aeon, "a", 1)
          yield* Cache.set(aeon, "b", 1, { timeToLive: Infinity })
          yield* Cache.set(aeon, "c", 1, { timeToLive: "1 hour" })
          yield* Cache.set(aeon, "d", 1, { timeToLive: Number.MAX_VALUE })
          assert.strictEqual(yield* Cache.getOrSet(aeon, "e", Effect.succeed(1)), 1)
          assert.isTrue(yield* Cache.touch(aeon, "c", Number.MAX_SAFE_INTEGER))
          assert.deepStrictEqual(yield* collect(aeon), ["a", "b", "c", "d", "e"])
          assert.deepStrictEqual(yield* Cache.timeToLive(aeon, "b"), Option.some(Duration.infinity))
        }))

      test("a function of value and key tells the life; zero or less: not stored, and the old value is gone", () =>
        Effect.gen(function*() {
          const chosen = Cache.make({
            name: "chosen",
            codec: Codec.structural<number>(),
            timeToLive: (value, key) => key === "never" ? -1 : Duration.minutes(value)
          })
          yield* Cache.set(chosen, "a", 10)
          assert.closeTo(minutes(yield* Cache.timeToLive(chosen, "a")), 10, 0.1)
          yield* Cache.set(chosen, "a", 0)
          assert.isFalse(yield* Cache.has(chosen, "a"))
          yield* Cache.setMany(chosen, { a: 5, b: 6, never: 7 })
          yield* Cache.setMany(chosen, { b: 0 })
          assert.deepStrictEqual(yield* collect(chosen), ["a"])
          assert.isFalse(yield* Cache.setIfAbsent(chosen, "b", 0))
          assert.strictEqual(yield* Cache.getOrSet(chosen, "never", Effect.succeed(7)), 7)
          assert.deepStrictEqual(yield* Cache.modify(chosen, "a", () => Option.some(0)), Option.some(0))
          assert.deepStrictEqual(yield* collect(chosen), [])
        }))

      test("jitter shortens lives, by its share at the most", () =>
        Effect.gen(function*() {
          const spread = Cache.make({ name: "spread", timeToLive: "100 minutes", jitter: 0.5 })
          const keys = Array.from({ length: 20 }, (_, i) => `${i}`)
          yield* Cache.setMany(spread, keys.map((key) => [key, 1]))
          yield* Cache.set(spread, "set", 1)
          yield* Cache.getOrSet(spread, "loaded", Effect.succeed(1))
          const lives = yield* Effect.forEach(
            [...keys, "set", "loaded"],
            (key) => Effect.map(Cache.timeToLive(spread, key), minutes)
          )
          for (const life of lives) assert.isTrue(life > 49.9 && life <= 100, `${life}`)
          assert.isAbove(new Set(lives).size, 10)
        }))

      test("values over maxValueSize are refused", () =>
        Effect.gen(function*() {
          const small = Cache.make({ name: "small", maxValueSize: 10 })
          yield* Cache.set(small, "a", "123456789")
          const refused = /in cache "small".*maxValueSize/
          yield* failsWith(Cache.set(small, "a", "1234567890"), refused)
          yield* failsWith(Cache.setMany(small, { b: "1234567890" }), refused)
          yield* failsWith(Cache.getOrSet(small, "b", Effect.succeed("1234567890")), refused)
          assert.deepStrictEqual(yield* Cache.getMany(small, ["a", "b"]), new Map([["a", "123456789"]]))
          assert.deepStrictEqual(yield* collect(small), ["a"])
        }))

      test("what others wrote is absent over maxValueSize, and is loaded anew", () =>
        Effect.gen(function*() {
          yield* Cache.set(Cache.make({ name: "small" }), "a", "1234567890")
          const small = Cache.make({ name: "small", maxValueSize: 10 })
          assert.isTrue(Option.isNone(yield* Cache.get(small, "a")))
          assert.strictEqual(yield* Cache.getOrSet(small, "a", Effect.succeed("1")), "1")
        }))
    })

    describe("keys", () => {
      test("may have any character, and none is taken for another", () =>
        Effect.gen(function*() {
          yield* Cache.setMany(things, oddKeys.map((key) => [key, key]))
          assert.deepStrictEqual(yield* Cache.getMany(things, oddKeys), new Map(oddKeys.map((key) => [key, key])))
          for (const key of oddKeys) {
            assert.deepStrictEqual(yield* Cache.get(things, key), Option.some(key))
            assert.strictEqual(yield* Cache.getOrSet(things, key, Effect.die("it is there")), key)
          }
          assert.deepStrictEqual(yield* collect(things), [...oddKeys].sort())
          assert.strictEqual(yield* Cache.deleteMany(things, oddKeys), oddKeys.length)
        }))

      test("with half of a surrogate pair are refused", () =>
        Effect.gen(function*() {
          const bad = "a\ud800"
          const refused = /Cannot store this key in cache "things".*surrogate/
          yield* failsWith(Cache.get(things, bad), refused)
          yield* failsWith(Cache.set(things, bad, 1), refused)
          yield* failsWith(Cache.getMany(things, ["a", bad]), refused)
          yield* failsWith(Cache.setMany(things, [["a", 1], [bad, 1]]), refused)
          yield* failsWith(Cache.deleteMany(things, ["a", bad]), refused)
          yield* failsWith(Cache.getOrSet(things, bad, Effect.succeed(1)), refused)
          yield* failsWith(Cache.increment(counts, bad), /Cannot store this key in cache "counts".*surrogate/)
          assert.deepStrictEqual(yield* collect(things), [])
        }))

      test("of a schema are stored in one form, which is what keys gives", () =>
        Effect.gen(function*() {
          const seats = Cache.make({ name: "seats", key: Schema.Struct({ row: Schema.String, seat: Schema.Number }) })
          yield* Cache.set(seats, { row: "a", seat: 1 }, "ada")
          assert.deepStrictEqual(yield* Cache.get(seats, { seat: 1, row: "a" }), Option.some("ada"))
          assert.deepStrictEqual(yield* Cache.get(seats, { seat: 2, row: "a" }), Option.none())
          const [stored] = yield* collect(seats)
          assert.isDefined(yield* look("seats", stored!))
          const numbers = Cache.make({ name: "numbers", key: Schema.Union(Schema.Number, Schema.String) })
          yield* Cache.set(numbers, 1, "number")
          yield* Cache.set(numbers, "1", "text")
          assert.deepStrictEqual(yield* Cache.get(numbers, 1), Option.some("number"))
          assert.strictEqual((yield* collect(numbers)).length, 2)
          const dates = Cache.make({ name: "dates", key: Schema.Date })
          yield* Cache.set(dates, new Date(0), "epoch")
          assert.deepStrictEqual(yield* collect(dates), ["1970-01-01T00:00:00.000Z"])
          yield* failsWith(Cache.get(dates, new Date(NaN)), /Cannot store this key in cache "dates"/)
        }))

      test("are listed where a value is fresh: no markers, nothing stale, nothing foreign", () =>
        Effect.gen(function*() {
          yield* Cache.set(staling, "stale", 1)
          yield* outlive(short)
          yield* Cache.set(staling, "fresh", 1, { timeToLive: "1 hour" })
          yield* plantLease("staling", "marker")
          yield* plant("staling", "foreign", "text")
          assert.deepStrictEqual(yield* collect(staling), ["fresh"])
        }))
    })

    describe("caches", () => {
      // What would match, were names and prefixes patterns.
      const names = [
        "users",
        "usersAbc",
        "user",
        "a*",
        "ab",
        "abc",
        "a?",
        "[ab]",
        "a",
        "b\\c",
        "bc",
        "b\\\\c",
        "^",
        "tag"
      ]
      const caches = names.map((each) => Cache.make({ name: each }))

      test("list and flush their own keys, whatever their names", () =>
        Effect.gen(function*() {
          const { driver } = yield* Redis.Redis
          const besides = [`${driver.prefix}users`, `${driver.prefix}:tag:users:a`, `x${driver.prefix}users:1`]
          for (const key of besides) {
            yield* driver.set({ key, bytes: Uint8Array.of(1), life: undefined }, {
              onSuccess: () => Effect.void,
              onFailure: (error) => Effect.fail(error)
            })
          }
          const expected = (cache: string) => [`${cache}:1`, `${cache}:2`, "1"].sort()
          for (const cache of caches) {
            yield* Cache.setMany(cache, expected(cache.name).map((key) => [key, cache.name]))
          }
          const left = new Set(names)
          for (const cache of caches) {
            assert.deepStrictEqual(yield* collect(cache), expected(cache.name))
            assert.strictEqual(yield* Cache.flush(cache), 3)
            left.delete(cache.name)
            for (const other of caches) {
              assert.deepStrictEqual(yield* collect(other), left.has(other.name) ? expected(other.name) : [])
            }
          }
          assert.deepStrictEqual((yield* driver.heads(besides, 1)).map((head) => head?.[0]), [1, 1, 1])
          yield* driver.take(besides)
        }))

      run("of other prefixes are not touched, whatever the prefixes", () =>
        Effect.gen(function*() {
          const root = uniquePrefix()
          const prefixes = ["a*:", "ab:", "a?:", "a[b]:", "a\\*:", "a", ""]
          const on = <A, E>(prefix: string, effect: Effect.Effect<A, E, Redis.Redis>) =>
            Effect.provide(effect, layer(`${root}${prefix}`))
          for (const prefix of prefixes) yield* on(prefix, Cache.setMany(things, { a: 1, b: prefix }))
          for (const [index, prefix] of prefixes.entries()) {
            assert.strictEqual(yield* on(prefix, Cache.flush(things)), 2)
            for (const other of prefixes.slice(index + 1)) {
              assert.deepStrictEqual(yield* on(other, collect(things)), ["a", "b"])
            }
          }
        }))

      test("of many keys are listed and flushed in full", () =>
        Effect.gen(function*() {
          const keys = Array.from({ length: 2_500 }, (_, i) => `${i}`)
          yield* Cache.setMany(things, keys.map((key) => [key, 1]))
          assert.deepStrictEqual([...new Set(yield* collect(things))], [...keys].sort())
          assert.strictEqual(yield* Cache.flush(things), 2_500)
          assert.strictEqual(yield* Cache.flush(things), 0)
          assert.deepStrictEqual(yield* collect(things), [])
        }))

      test("flush markers and garbage too, and count all of it", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "a", 1)
          yield* plantLease("things", "leased")
          yield* plant("things", "garbage", "text")
          assert.strictEqual(yield* Cache.flush(things), 3)
          assert.isUndefined(yield* look("things", "leased"))
          assert.isUndefined(yield* look("things", "garbage"))
        }))

      test("of one name and different versions do not see each other's values", () =>
        Effect.gen(function*() {
          const first = Cache.make({ name: "versions", version: 1 })
          const second = Cache.make({ name: "versions", version: 2 })
          yield* Cache.set(first, "a", "one")
          assert.isFalse(yield* Cache.has(second, "a"))
          assert.deepStrictEqual(yield* Cache.getMany(second, ["a"]), new Map())
          assert.deepStrictEqual(yield* collect(second), [])
          assert.deepStrictEqual(yield* Cache.timeToLive(second, "a"), Option.none())
          assert.isFalse(yield* Cache.touch(second, "a", "1 hour"))
          assert.deepStrictEqual(yield* Cache.get(first, "a"), Option.some("one"))
          assert.isTrue(yield* Cache.setIfAbsent(second, "a", "two"))
          assert.deepStrictEqual(yield* Cache.get(second, "a"), Option.some("two"))
          assert.isFalse(yield* Cache.has(first, "a"))
          assert.strictEqual(yield* Cache.getOrSet(first, "a", Effect.succeed("new")), "new")
          assert.isFalse(yield* Cache.delete(second, "a"))
          assert.isFalse(yield* Cache.has(first, "a"))
        }))
    })

    describe("many at once", () => {
      test("getMany gives the hits, each key once", () =>
        Effect.gen(function*() {
          yield* Cache.setMany(things, { a: 1, b: undefined, c: 3 })
          assert.deepStrictEqual(
            [...yield* Cache.getMany(things, ["c", "x", "a", "b", "a"])],
            [["c", 3], ["a", 1], ["b", undefined]]
          )
          assert.deepStrictEqual(yield* Cache.getMany(things, new Set(["a"])), new Map([["a", 1]]))
          assert.deepStrictEqual(yield* Cache.getMany(things, []), new Map())
        }))

      test("setMany takes pairs, maps and records; the last value of a key wins", () =>
        Effect.gen(function*() {
          yield* Cache.setMany(things, [["a", 1], ["b", 1], ["a", 2]])
          yield* Cache.setMany(things, new Map([["c", 3]]))
          yield* Cache.setMany(things, { d: 4, ["__proto__"]: 5 })
          yield* Cache.setMany(things, [])
          yield* Cache.setMany(things, {})
          const expected = new Map([["a", 2], ["b", 1], ["c", 3], ["d", 4], ["__proto__", 5]])
          assert.deepStrictEqual(yield* Cache.getMany(things, expected.keys()), expected)
        }))

      test("setMany gives every value its life", () =>
        Effect.gen(function*() {
          yield* Cache.setMany(lasting, { a: 1, b: 2 })
          for (const key of ["a", "b"]) {
            assert.closeTo((yield* look("lasting", key))!.life!, 3_600_000, 5_000)
          }
          yield* Cache.setMany(lasting, { a: 1 }, { timeToLive: "2 hours" })
          assert.closeTo((yield* look("lasting", "a"))!.life!, 7_200_000, 5_000)
        }))

      test("deleteMany counts fresh values, each once", () =>
        Effect.gen(function*() {
          yield* Cache.set(staling, "stale", 1)
          yield* outlive(short)
          yield* Cache.setMany(staling, { a: 1, b: 2 }, { timeToLive: "1 hour" })
          yield* plantLease("staling", "leased")
          assert.strictEqual(yield* Cache.deleteMany(staling, ["a", "b", "a", "stale", "leased", "x"]), 2)
          assert.strictEqual(yield* Cache.deleteMany(staling, []), 0)
          assert.isUndefined(yield* look("staling", "stale"))
          assert.isUndefined(yield* look("staling", "leased"))
        }))
    })

    describe("delete and take", () => {
      test("tell what was there, once", () =>
        Effect.gen(function*() {
          yield* Cache.setMany(things, { a: 1, b: 2 })
          assert.isTrue(yield* Cache.delete(things, "a"))
          assert.isFalse(yield* Cache.delete(things, "a"))
          assert.deepStrictEqual(yield* Cache.take(things, "b"), Option.some(2))
          assert.deepStrictEqual(yield* Cache.take(things, "b"), Option.none())
        }))

      test("a value is taken by one of many", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "a", 1)
          const taken = yield* Effect.all(Array.from({ length: 20 }, () => Cache.take(things, "a")), {
            concurrency: "unbounded"
          })
          assert.strictEqual(taken.filter(Option.isSome).length, 1)
        }))

      test("stale values are gone and do not count", () =>
        Effect.gen(function*() {
          yield* Cache.setMany(staling, { a: 1, b: 2 })
          yield* outlive(short)
          assert.isDefined(yield* look("staling", "a"))
          assert.isFalse(yield* Cache.delete(staling, "a"))
          assert.deepStrictEqual(yield* Cache.take(staling, "b"), Option.none())
          assert.isUndefined(yield* look("staling", "a"))
          assert.isUndefined(yield* look("staling", "b"))
        }))
    })

    describe("setIfAbsent", () => {
      test("stores where nothing is, with its life", () =>
        Effect.gen(function*() {
          assert.isTrue(yield* Cache.setIfAbsent(lasting, "a", 1))
          assert.isFalse(yield* Cache.setIfAbsent(lasting, "a", 2))
          assert.deepStrictEqual(yield* Cache.get(lasting, "a"), Option.some(1))
          assert.closeTo(minutes(yield* Cache.timeToLive(lasting, "a")), 60, 1)
          assert.isTrue(yield* Cache.setIfAbsent(lasting, "b", 1, { timeToLive: short }))
          yield* outlive(short)
          assert.isTrue(yield* Cache.setIfAbsent(lasting, "b", 2))
        }))

      test("stores over what is stale", () =>
        Effect.gen(function*() {
          yield* Cache.set(staling, "a", 1)
          yield* outlive(short)
          assert.isTrue(yield* Cache.setIfAbsent(staling, "a", 2, { timeToLive: "1 hour" }))
          assert.deepStrictEqual(yield* Cache.get(staling, "a"), Option.some(2))
        }))

      test("one of many succeeds", () =>
        Effect.gen(function*() {
          const stored = yield* Effect.all(
            Array.from({ length: 20 }, (_, i) => Cache.setIfAbsent(things, "a", i)),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(stored.filter((each) => each).length, 1)
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(stored.indexOf(true)))
        }))
    })

    describe("touch and timeToLive", () => {
      test("tell and renew the fresh life", () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Cache.timeToLive(things, "a"), Option.none())
          assert.isFalse(yield* Cache.touch(things, "a", "1 hour"))
          yield* Cache.set(things, "a", 1)
          assert.deepStrictEqual(yield* Cache.timeToLive(things, "a"), Option.some(Duration.infinity))
          assert.isTrue(yield* Cache.touch(things, "a", "1 hour"))
          assert.closeTo(minutes(yield* Cache.timeToLive(things, "a")), 60, 1)
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(1))
          assert.isTrue(yield* Cache.touch(things, "a", Duration.infinity))
          assert.deepStrictEqual(yield* Cache.timeToLive(things, "a"), Option.some(Duration.infinity))
          assert.isTrue(yield* Cache.touch(things, "a", short))
          yield* outlive(short)
          assert.isFalse(yield* Cache.has(things, "a"))
          assert.isUndefined(yield* look("things", "a"))
        }))

      test("leave stale values alone", () =>
        Effect.gen(function*() {
          yield* Cache.set(staling, "a", 1)
          yield* outlive(short)
          assert.deepStrictEqual(yield* Cache.timeToLive(staling, "a"), Option.none())
          assert.isFalse(yield* Cache.touch(staling, "a", "1 hour"))
          assert.isFalse(yield* Cache.has(staling, "a"))
        }))

      test("a touch keeps the stale window and a lease on the entry", () =>
        Effect.gen(function*() {
          const { driver } = yield* Redis.Redis
          yield* Cache.set(staling, "a", 1, { timeToLive: "1 hour" })
          const key = yield* redisKey("staling", "a")
          const { bytes } = (yield* driver.inspect(key))!
          yield* driver.lease([{ key, seen: bytes, token, duration: 60_000, force: true }], "entry")
          assert.isTrue(yield* Cache.touch(staling, "a", "2 hours"))
          const { lease, life } = yield* Cache.explain(staling, "a")
          assert.isTrue(Option.isSome(lease))
          assert.closeTo(minutes(life), 180, 1)
          assert.deepStrictEqual(
            yield* driver.fill([{ key, token, bytes, life: undefined }]),
            [true]
          )
        }))

      test("counters have a life, too", () =>
        Effect.gen(function*() {
          yield* Cache.increment(counts, "a")
          assert.deepStrictEqual(yield* Cache.timeToLive(counts, "a"), Option.some(Duration.infinity))
          assert.isTrue(yield* Cache.touch(counts, "a", "1 hour"))
          assert.closeTo(minutes(yield* Cache.timeToLive(counts, "a")), 60, 1)
          assert.isFalse(yield* Cache.touch(counts, "b", "1 hour"))
          assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(1))
        }))
    })

    describe("modify", () => {
      test("replaces, stores and deletes", () =>
        Effect.gen(function*() {
          const numbers = Cache.make({ name: "numbers", codec: Codec.structural<number>() })
          const next = (found: Option.Option<number>) => Option.some(Option.getOrElse(found, () => 0) + 1)
          assert.deepStrictEqual(yield* Cache.modify(numbers, "a", next), Option.some(1))
          assert.deepStrictEqual(
            yield* Cache.modify(numbers, "a", (found) => Effect.succeed(next(found))),
            Option.some(2)
          )
          assert.deepStrictEqual(
            yield* Cache.modify(numbers, "a", (found) => Option.map(found, (n) => n * 10)),
            Option.some(20)
          )
          assert.deepStrictEqual(yield* Cache.modify(numbers, "a", () => Option.none()), Option.none())
          assert.isFalse(yield* Cache.has(numbers, "a"))
          assert.deepStrictEqual(yield* Cache.modify(numbers, "a", (found) => found), Option.none())
          yield* Cache.modify(numbers, "a", next, { timeToLive: "1 hour" })
          assert.closeTo(minutes(yield* Cache.timeToLive(numbers, "a")), 60, 1)
        }))

      test("sees fresh values only, and fails with what the function fails with", () =>
        Effect.gen(function*() {
          yield* Cache.set(staling, "a", 1)
          yield* outlive(short)
          const seen = yield* Ref.make<Option.Option<unknown>>(Option.some("nothing seen"))
          yield* Cache.modify(staling, "a", (found) => Effect.as(Ref.set(seen, found), Option.some(2)), {
            timeToLive: "1 hour"
          })
          assert.deepStrictEqual(yield* Ref.get(seen), Option.none())
          assert.strictEqual(yield* failureOf(Cache.modify(staling, "a", () => Effect.fail("no"))), "no")
          assert.deepStrictEqual(yield* Cache.get(staling, "a"), Option.some(2))
        }))

      test("concurrent ones all count", () =>
        Effect.gen(function*() {
          const numbers = Cache.make({ name: "numbers", codec: Codec.structural<number>() })
          const one = Cache.modify(numbers, "a", (found) =>
            Effect.as(
              Effect.yieldNow(),
              Option.some(Option.getOrElse(found, () => 0) + 1)
            ))
          yield* Effect.all(Array.from({ length: 25 }, () => one), { concurrency: "unbounded" })
          assert.deepStrictEqual(yield* Cache.get(numbers, "a"), Option.some(25))
        }))
    })

    describe("increment", () => {
      test("adds, and get reads it", () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Cache.increment(counts, "a"), 1)
          assert.strictEqual(yield* Cache.increment(counts, "a", 41), 42)
          assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(42))
          assert.strictEqual((yield* look("counts", "a"))!.text, "42")
          assert.strictEqual(yield* Cache.increment(counts, "a", -43), -1)
          assert.strictEqual((yield* look("counts", "a"))!.text, "-1")
          assert.strictEqual(yield* Cache.increment(counts, "a", 1), 0)
          assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(0))
          assert.isTrue(Object.is(yield* Cache.increment(counts, "b", -0), 0))
          yield* Cache.set(counts, "a", 7)
          assert.strictEqual(yield* Cache.increment(counts, "a"), 8)
          assert.deepStrictEqual(yield* collect(counts), ["a", "b"])
          assert.deepStrictEqual(yield* Cache.take(counts, "a"), Option.some(8))
        }))

      test("all increments count", () =>
        Effect.gen(function*() {
          const sums = yield* Effect.all(Array.from({ length: 100 }, () => Cache.increment(counts, "a")), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual([...sums].sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1))
        }))

      test("the life is set with the first", () =>
        Effect.gen(function*() {
          const hourly = Cache.counter({ name: "hits", timeToLive: "1 hour" })
          const daily = Cache.counter({ name: "hits", timeToLive: "1 day" })
          yield* Cache.increment(hourly, "a")
          assert.strictEqual(yield* Cache.increment(daily, "a"), 2)
          assert.closeTo((yield* look("hits", "a"))!.life!, 3_600_000, 5_000)
          const brieflyCounted = Cache.counter({ name: "hits", timeToLive: short })
          yield* Cache.increment(brieflyCounted, "b")
          yield* outlive(short)
          assert.isFalse(yield* Cache.has(brieflyCounted, "b"))
          assert.strictEqual(yield* Cache.increment(daily, "b"), 1)
        }))

      test("a life of zero: nothing is stored", () =>
        Effect.gen(function*() {
          const never = Cache.counter({ name: "counts", timeToLive: () => 0 })
          assert.strictEqual(yield* Cache.increment(never, "a", 5), 5)
          assert.isFalse(yield* Cache.has(never, "a"))
        }))

      test("sums stay whole and exact", () =>
        Effect.gen(function*() {
          yield* failsWith(Cache.increment(counts, "a", 1.5), /in cache "counts".*whole numbers/)
          yield* failsWith(Cache.increment(counts, "a", NaN), /in cache "counts".*whole numbers/)
          yield* failsWith(Cache.set(counts, "a", 1.5), /in cache "counts".*safe integer/)
          yield* Cache.set(counts, "a", Number.MAX_SAFE_INTEGER - 1)
          assert.strictEqual(yield* Cache.increment(counts, "a", 1), Number.MAX_SAFE_INTEGER)
          yield* failsWith(Cache.increment(counts, "a", 1), /overflow/)
          assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(Number.MAX_SAFE_INTEGER))
          assert.strictEqual(yield* Cache.increment(counts, "b", -Number.MAX_SAFE_INTEGER), -Number.MAX_SAFE_INTEGER)
          yield* failsWith(Cache.increment(counts, "b", -1), /overflow/)
        }))
    })

    describe("what is no value", () => {
      /** No operation that reads sees anything. */
      const assertAbsent = (cache: Cache.Cache<string, number>, key: string) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.none())
          assert.isFalse(yield* Cache.has(cache, key))
          assert.deepStrictEqual(yield* Cache.getMany(cache, [key]), new Map())
          assert.deepStrictEqual(yield* Cache.timeToLive(cache, key), Option.none())
          assert.isFalse(yield* Cache.touch(cache, key, "1 hour"))
        })

      /** Every write sees nothing, and writes. `put` puts it there again. */
      const assertOverwritten = <E>(
        cache: Cache.Cache<string, number>,
        key: string,
        put: Effect.Effect<void, E, Redis.Redis>
      ) =>
        Effect.gen(function*() {
          yield* put
          assert.deepStrictEqual(yield* Cache.take(cache, key), Option.none())
          assert.isUndefined(yield* look(cache.name, key))
          yield* put
          assert.isFalse(yield* Cache.delete(cache, key))
          yield* put
          yield* Cache.set(cache, key, 1)
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(1))
          yield* put
          assert.isTrue(yield* Cache.setIfAbsent(cache, key, 2))
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(2))
          yield* put
          yield* Cache.setMany(cache, [[key, 3]])
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(3))
          yield* put
          assert.deepStrictEqual(yield* Cache.modify(cache, key, () => Option.none()), Option.none())
          yield* put
          yield* Cache.modify(cache, key, (found) => Option.isNone(found) ? Option.some(4) : Option.none())
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(4))
          yield* put
          assert.strictEqual(yield* Cache.refresh(cache, key, Effect.succeed(5)), 5)
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(5))
        })

      const assertLoaded = (cache: Cache.Cache<string, number>, key: string) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Cache.getOrSet(cache, key, Effect.succeed(6)), 6)
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(6))
          yield* Cache.delete(cache, key)
        })

      const numbers = Cache.make({ name: "numbers", schema: Schema.Number })
      const plain = Cache.make({ name: "numbers", codec: Codec.structural<number>() })
      for (const [what, bytes] of Object.entries(foreign)) {
        test(`${what} is absent, and is written over`, () =>
          Effect.forEach([numbers, plain], (cache) =>
            Effect.gen(function*() {
              // A payload of JSON's is one of MessagePack's now and then; none of these is a value to both.
              yield* plant("numbers", "a", bytes)
              if (cache === plain && Option.isSome(yield* Cache.get(cache, "a"))) return
              yield* assertAbsent(cache, "a")
              assert.deepStrictEqual(
                yield* collect(cache).pipe(Effect.map((keys) => keys.filter((key) => key !== "a"))),
                []
              )
              yield* assertLoaded(cache, "a")
              yield* plant("numbers", "a", bytes)
              assert.deepStrictEqual(
                yield* Cache.getOrSetMany(cache, ["a"], (keys) => Effect.succeed(keys.map((key) => [key, 7] as const))),
                new Map([["a", 7]])
              )
              assert.deepStrictEqual(yield* Cache.get(cache, "a"), Option.some(7))
              yield* assertOverwritten(cache, "a", plant("numbers", "a", bytes))
              yield* Cache.delete(cache, "a")
            }), { discard: true }))
      }

      test("what does not decode is counted, and logged once a minute", () =>
        Effect.gen(function*() {
          const logged: Array<string> = []
          const get = Cache.get(numbers, "a").pipe(
            Effect.provide(Logger.replace(
              Logger.defaultLogger,
              Logger.make(({ message }) => void logged.push(String(message)))
            )),
            Logger.withMinimumLogLevel(LogLevel.All)
          )
          yield* plant("numbers", "a", foreign["a header with a payload that does not decode"]!)
          yield* get
          yield* get
          assert.strictEqual((yield* Cache.stats(numbers)).undecodable, 2)
          assert.strictEqual((yield* Cache.stats(numbers)).misses, 2)
          assert.strictEqual(logged.length, 1)
          assert.match(logged[0]!, /could not be decoded/)
          if (time === "server") return
          yield* TestClock.adjust("61 seconds")
          yield* get
          assert.strictEqual(logged.length, 2)
        }))

      test("a marker is absent, and is written over", () =>
        Effect.gen(function*() {
          yield* plantLease("numbers", "a")
          yield* assertAbsent(numbers, "a")
          assert.deepStrictEqual(yield* collect(numbers), [])
          assert.strictEqual(yield* Cache.flush(numbers), 1)
          yield* assertOverwritten(
            numbers,
            "a",
            Effect.zipRight(Cache.delete(numbers, "a"), plantLease("numbers", "a"))
          )
          yield* Cache.delete(numbers, "a")
          yield* plantLease("numbers", "a")
          yield* releaseLease("numbers", "a")
          assert.isUndefined(yield* look("numbers", "a"))
          yield* assertLoaded(numbers, "a")
        }))

      test("a write revokes a lease", () =>
        Effect.gen(function*() {
          const { driver } = yield* Redis.Redis
          const key = yield* redisKey("numbers", "a")
          for (const write of [Cache.set(numbers, "a", 1), Cache.delete(numbers, "a"), Cache.take(numbers, "a")]) {
            yield* plantLease("numbers", "a")
            yield* write
            assert.deepStrictEqual(
              yield* driver.fill([{ key, token, bytes: Uint8Array.of(1), life: undefined }]),
              [false]
            )
            yield* Cache.delete(numbers, "a")
          }
        }))

      test("counters count what is no number as nothing, markers included", () =>
        Effect.gen(function*() {
          for (
            const [what, bytes] of Object.entries({ ...foreign, "-0": "-0", "007": "007", "1.5": "1.5", " 1": " 1" })
          ) {
            if (what === "a number") continue
            yield* plant("counts", "a", bytes)
            assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.none(), what)
            assert.deepStrictEqual(yield* Cache.timeToLive(counts, "a"), Option.none(), what)
            assert.isFalse(yield* Cache.touch(counts, "a", "1 hour"), what)
            assert.deepStrictEqual(yield* collect(counts), [], what)
            assert.strictEqual(yield* Cache.increment(counts, "a", 3), 3, what)
            assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(3), what)
          }
          yield* assertOverwritten(
            counts,
            "a",
            Effect.zipRight(Cache.delete(counts, "a"), plantLease("counts", "a", "counter"))
          )
          yield* Cache.delete(counts, "a")
          yield* plantLease("counts", "a", "counter")
          assert.strictEqual(yield* Cache.increment(counts, "a", 3), 3)
          assert.strictEqual((yield* look("counts", "a"))!.text, "3")
          assert.isUndefined((yield* look("counts", "a"))!.life)
        }))

      test("a number that another program wrote is a counter", () =>
        Effect.gen(function*() {
          yield* plant("counts", "a", "41")
          assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(41))
          assert.strictEqual(yield* Cache.increment(counts, "a"), 42)
        }))
    })

    describe("tags", () => {
      const team = Cache.make({
        name: "team",
        codec: Codec.structural<{ readonly by: string }>(),
        timeToLive: "1 hour",
        tags: (key) => [`team:${key[0]}`],
        valueTags: (value) => [`by:${value.by}`]
      })

      test("of key, value and write all invalidate, and only what has them", () =>
        Effect.gen(function*() {
          const fill = Effect.gen(function*() {
            yield* Cache.set(team, "a1", { by: "ada" }, { tags: ["odd: {*} 😀"] })
            yield* Cache.setMany(team, { a2: { by: "bob" }, b1: { by: "ada" } })
            yield* Cache.getOrSet(team, "b2", Effect.succeed({ by: "bob" }))
            assert.deepStrictEqual(yield* collect(team), ["a1", "a2", "b1", "b2"])
          })
          const left: ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<string>]> = [
            [["team:a"], ["b1", "b2"]],
            [["by:ada"], ["a2", "b2"]],
            [["odd: {*} 😀"], ["a2", "b1", "b2"]],
            [["team:a", "by:bob"], ["b1"]],
            [["nobody has it"], ["a1", "a2", "b1", "b2"]],
            [[], ["a1", "a2", "b1", "b2"]]
          ]
          for (const [tags, keys] of left) {
            yield* fill
            yield* Cache.invalidateTags(team, tags)
            assert.deepStrictEqual(yield* collect(team), keys)
            assert.deepStrictEqual([...(yield* Cache.getMany(team, ["a1", "a2", "b1", "b2"])).keys()], keys)
            for (const key of ["a1", "a2", "b1", "b2"]) {
              assert.strictEqual(yield* Cache.has(team, key), keys.includes(key))
              assert.strictEqual(Option.isSome(yield* Cache.timeToLive(team, key)), keys.includes(key))
              assert.strictEqual(yield* Cache.touch(team, key, "2 hours"), keys.includes(key))
              assert.strictEqual(yield* Cache.delete(team, key), keys.includes(key))
            }
          }
        }))

      test("what was invalidated is loaded, written and modified anew", () =>
        Effect.gen(function*() {
          const invalidated = Effect.zipRight(
            Cache.set(team, "a1", { by: "ada" }),
            Cache.invalidateTags(team, ["team:a"])
          )
          yield* invalidated
          assert.deepStrictEqual(yield* Cache.getOrSet(team, "a1", Effect.succeed({ by: "eve" })), { by: "eve" })
          assert.deepStrictEqual(yield* Cache.get(team, "a1"), Option.some({ by: "eve" }))
          yield* invalidated
          assert.isTrue(yield* Cache.setIfAbsent(team, "a1", { by: "eve" }))
          yield* invalidated
          assert.deepStrictEqual(
            yield* Cache.modify(team, "a1", (found) => Option.isNone(found) ? Option.some({ by: "eve" }) : found),
            Option.some({ by: "eve" })
          )
          yield* invalidated
          assert.deepStrictEqual(yield* Cache.take(team, "a1"), Option.none())
        }))

      test("are each cache's own", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "a", 1, { tags: ["t"] })
          yield* Cache.set(lasting, "a", 1, { tags: ["t"] })
          yield* Cache.invalidateTags(things, ["t"])
          assert.isFalse(yield* Cache.has(things, "a"))
          assert.isTrue(yield* Cache.has(lasting, "a"))
        }))

      test("that an entry cannot hold are refused", () =>
        Effect.gen(function*() {
          for (const tags of [[""], ["x".repeat(256)], ["\ud800"], Array.from({ length: 256 }, (_, i) => `${i}`)]) {
            yield* failsWith(Cache.set(things, "a", 1, { tags }), /in cache "things".*tag|surrogate/)
            yield* failsWith(
              Cache.getOrSet(things, "a", Effect.succeed(1), { tags }),
              /in cache "things".*tag|surrogate/
            )
            yield* failsWith(Cache.invalidateTags(things, tags), /in cache "things".*tag|surrogate/)
          }
          assert.deepStrictEqual(yield* collect(things), [])
          const most = Array.from({ length: 255 }, (_, i) => `${i}`.padStart(255, "x"))
          yield* Cache.set(things, "a", 1, { tags: most })
          assert.isTrue(yield* Cache.has(things, "a"))
          assert.deepStrictEqual(yield* collect(things), ["a"])
        }))
    })

    describe("explain", () => {
      const teller = Cache.make({ name: "teller", timeToLive: "1 hour", staleIfError: "1 hour" })

      test("tells what is fresh", () =>
        Effect.gen(function*() {
          yield* Cache.set(teller, "a", "value", { tags: ["t"] })
          const found = yield* Cache.explain(teller, "a")
          assert.strictEqual(found.state, "Fresh")
          assert.strictEqual(found.redisKey, yield* redisKey("teller", "a"))
          assert.closeTo(minutes(found.timeToLive), 60, 1)
          assert.closeTo(minutes(found.life), 120, 1)
          assert.closeTo(minutes(found.age), 0, 1)
          assert.isAbove(found.size, 16)
          assert.isAbove(Option.getOrThrow(found.memory), found.size)
          assert.deepStrictEqual(found.version, Option.some(0))
          assert.deepStrictEqual(found.lease, Option.none())
          assert.deepStrictEqual(found.tags, [{ name: "t", holds: true }])
          yield* Cache.set(things, "a", 1)
          assert.deepStrictEqual((yield* Cache.explain(things, "a")).timeToLive, Option.some(Duration.infinity))
        }))

      test("tells why a get would miss", () =>
        Effect.gen(function*() {
          const states: Record<string, string> = {}
          const state = <V, E>(what: string, cache: Cache.Cache<string, V, E>, key = what) =>
            Effect.map(Cache.explain(cache, key), (found) => {
              states[what] = found.state
              assert.isNotEmpty(found.reason)
            })
          yield* state("missing", teller)
          yield* Cache.set(staling, "stale", 1)
          yield* outlive(short)
          yield* state("stale", staling)
          yield* plantLease("teller", "leased")
          yield* state("leased", teller)
          assert.isTrue(Option.isSome((yield* Cache.explain(teller, "leased")).lease))
          yield* Cache.set(teller, "invalidated", 1, { tags: ["t"] })
          yield* Cache.invalidateTags(teller, ["t"])
          yield* state("invalidated", teller)
          yield* Cache.set(Cache.make({ name: "teller", version: 3 }), "versioned", 1)
          yield* state("versioned", teller)
          yield* plant("teller", "undecodable", header(0, 0xc1))
          yield* state("undecodable", teller)
          yield* plant("teller", "foreign", "text")
          yield* state("foreign", teller)
          yield* plant("counts", "foreign counter", "text")
          yield* state("foreign counter", counts)
          yield* Cache.increment(counts, "counter")
          yield* state("counter", counts)
          assert.deepStrictEqual(states, {
            "missing": "Missing",
            "stale": "Stale",
            "leased": "Leased",
            "invalidated": "Invalidated",
            "versioned": "OtherVersion",
            "undecodable": "Undecodable",
            "foreign": "Foreign",
            "foreign counter": "Foreign",
            "counter": "Fresh"
          })
        }))

      test("tells of a cached failure, which is no value", () =>
        Effect.gen(function*() {
          const failing = Memo.cached(
            (_id: number): Effect.Effect<string, string> => Effect.fail("no such user"),
            { name: "failing", errors: { schema: Schema.String, timeToLive: "1 hour" } }
          )
          assert.strictEqual(yield* failureOf(failing(1)), "no such user")
          assert.strictEqual((yield* Cache.explain(failing.cache, [1])).state, "Failure")
          assert.deepStrictEqual(yield* failing.peek(1), Option.none())
          assert.deepStrictEqual(yield* collect(failing.cache), [])
          assert.isFalse(yield* failing.bust(1))
          assert.strictEqual((yield* Cache.explain(failing.cache, [1])).state, "Missing")
        }))
    })

    describe("loads", () => {
      test("getOrSet computes what is absent, once, and stores it", () =>
        Effect.gen(function*() {
          const runs = yield* Ref.make(0)
          const load = (key: string) => Effect.map(Ref.updateAndGet(runs, (n) => n + 1), (n) => `${key}${n}`)
          assert.strictEqual(yield* Cache.getOrSet(lasting, "a", load), "a1")
          assert.strictEqual(yield* Cache.getOrSet(lasting, "a", load), "a1")
          assert.closeTo(minutes(yield* Cache.timeToLive(lasting, "a")), 60, 1)
          const together = yield* Effect.all(
            Array.from(
              { length: 50 },
              () => Cache.getOrSet(lasting, "b", Effect.zipLeft(load("b"), Effect.yieldNow()))
            ),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual([...new Set(together)], ["b2"])
          yield* Cache.getOrSet(lasting, "c", load, { timeToLive: "2 hours", tags: ["t"] })
          assert.closeTo(minutes(yield* Cache.timeToLive(lasting, "c")), 120, 1)
          yield* Cache.invalidateTags(lasting, ["t"])
          assert.strictEqual(yield* Cache.getOrSet(lasting, "c", load), "c4")
        }))

      test("a failure is not kept, and leaves nothing behind", () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* failureOf(Cache.getOrSet(things, "a", Effect.fail("no"))), "no")
          const died = yield* Effect.exit(Cache.getOrSet(things, "a", Effect.die("worse")))
          assert.isTrue(Exit.isFailure(died))
          assert.isUndefined(yield* look("things", "a"))
          assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed(1)), 1)
        }))

      test("a load has a scope of its own, which ends with it", () =>
        Effect.gen(function*() {
          const events: Array<string> = []
          const load = Effect.acquireRelease(
            Effect.sync(() => events.push("opened")),
            () => Effect.sync(() => events.push("closed"))
          )
          yield* Cache.getOrSet(things, "a", load)
          assert.deepStrictEqual(events, ["opened", "closed"])
        }))

      test("refresh and forceRefresh load whatever is stored", () =>
        Effect.gen(function*() {
          yield* Cache.set(things, "a", 1)
          assert.strictEqual(yield* Cache.refresh(things, "a", Effect.succeed(2)), 2)
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(2))
          assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed(3), { forceRefresh: true }), 3)
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(3))
          assert.strictEqual(yield* failureOf(Cache.refresh(things, "a", Effect.fail("no"))), "no")
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(3))
          assert.strictEqual(yield* Cache.refresh(counts, "a", Effect.succeed(4)), 4)
          assert.strictEqual(yield* Cache.refresh(counts, "a", Effect.succeed(5)), 5)
          assert.strictEqual((yield* look("counts", "a"))!.text, "5")
        }))

      test("getOrSetMany loads what is absent in one go", () =>
        Effect.gen(function*() {
          const asked: Array<ReadonlyArray<string>> = []
          const load = (keys: ReadonlyArray<string>) => {
            asked.push(keys)
            return Effect.succeed(keys.filter((key) => key !== "unknown").map((key) => [key, `new ${key}`] as const))
          }
          yield* Cache.setMany(lasting, { a: "a", b: "b" })
          assert.deepStrictEqual(
            [...yield* Cache.getOrSetMany(lasting, ["c", "a", "unknown", "b", "d", "a", "c"], load)],
            [["c", "new c"], ["a", "a"], ["b", "b"], ["d", "new d"]]
          )
          assert.deepStrictEqual(asked, [["c", "unknown", "d"]])
          assert.deepStrictEqual(yield* collect(lasting), ["a", "b", "c", "d"])
          assert.isUndefined(yield* look("lasting", "unknown"))
          assert.deepStrictEqual(yield* Cache.getOrSetMany(lasting, ["a"], load), new Map([["a", "a"]]))
          assert.deepStrictEqual(yield* Cache.getOrSetMany(lasting, [], load), new Map())
          assert.strictEqual(asked.length, 1)
          assert.strictEqual(yield* failureOf(Cache.getOrSetMany(lasting, ["x"], () => Effect.fail("no"))), "no")
          assert.isUndefined(yield* look("lasting", "x"))
        }))

      test("getOrSet of a counter stores plain text", () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Cache.getOrSet(counts, "a", Effect.succeed(41)), 41)
          assert.strictEqual(yield* Cache.increment(counts, "a"), 42)
        }))

      test("a delete during a load is not undone", () =>
        Effect.gen(function*() {
          const value = yield* Cache.getOrSet(things, "a", Effect.as(Cache.delete(things, "a"), "old"))
          assert.strictEqual(value, "old")
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.none())
          yield* Cache.getOrSet(things, "a", Effect.as(Cache.set(things, "a", "newer"), "old"))
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some("newer"))
          assert.strictEqual((yield* Cache.stats(things)).refusedFills, 2)
        }))
    })

    test("stats count what was done here", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Cache.stats(things)).hits, 0)
        yield* Cache.set(things, "a", 1)
        yield* Cache.setMany(things, { b: 1, c: 1 })
        yield* Cache.get(things, "a")
        yield* Cache.get(things, "x")
        yield* Cache.getMany(things, ["a", "b", "y"])
        yield* Cache.getOrSet(things, "a", Effect.succeed(1))
        yield* Cache.getOrSet(things, "d", Effect.succeed(1))
        yield* Effect.ignore(Cache.getOrSet(things, "e", Effect.fail("no")))
        const { loadTime, ...found } = yield* Cache.stats(things)
        assert.deepStrictEqual(found, {
          hits: 4,
          nearHits: 0,
          misses: 4,
          writes: 4,
          loads: 2,
          coalesced: 0,
          staleServed: 0,
          failures: 1,
          refusedFills: 0,
          undecodable: 0,
          bypassed: 0
        })
        assert.isTrue(Duration.lessThanOrEqualTo(loadTime.mean, loadTime.max))
        // Another cache of the same name counts for itself.
        assert.strictEqual((yield* Cache.stats(Cache.make({ name: "things" }))).hits, 0)
      }))

    test("onRedisError: \"bypass\" changes nothing while Redis answers", () =>
      Effect.gen(function*() {
        const lenient = Cache.make({ name: "lenient", onRedisError: "bypass" })
        yield* Cache.set(lenient, "a", 1)
        assert.deepStrictEqual(yield* Cache.get(lenient, "a"), Option.some(1))
        assert.isTrue(yield* Cache.setIfAbsent(lenient, "b", 2))
        assert.isFalse(yield* Cache.setIfAbsent(lenient, "b", 3))
        assert.isTrue(yield* Cache.touch(lenient, "a", "1 hour"))
        yield* Cache.setMany(lenient, { c: 3 })
        assert.strictEqual(yield* Cache.getOrSet(lenient, "d", Effect.succeed(4)), 4)
        assert.deepStrictEqual(yield* collect(lenient), ["a", "b", "c", "d"])
        assert.isTrue(yield* Cache.delete(lenient, "a"))
        assert.strictEqual((yield* Cache.stats(lenient)).bypassed, 0)
      }))

    test("every operation can be piped", () =>
      Effect.gen(function*() {
        yield* things.pipe(Cache.set("a", 1))
        yield* pipe(things, Cache.set("b", 2, { timeToLive: "1 hour" }))
        assert.deepStrictEqual(yield* things.pipe(Cache.get("a")), Option.some(1))
        assert.isTrue(yield* things.pipe(Cache.has("a")))
        assert.deepStrictEqual(yield* things.pipe(Cache.getMany(["a"])), new Map([["a", 1]]))
        yield* things.pipe(Cache.setMany([["c", 3]]))
        yield* things.pipe(Cache.setMany({ d: 4 }, { timeToLive: "1 hour" }))
        assert.isFalse(yield* things.pipe(Cache.setIfAbsent("a", 1)))
        assert.isTrue(yield* things.pipe(Cache.setIfAbsent("e", 1, { timeToLive: "1 hour" })))
        assert.isTrue(yield* things.pipe(Cache.touch("a", "1 hour")))
        assert.isTrue(Option.isSome(yield* things.pipe(Cache.timeToLive("a"))))
        assert.deepStrictEqual(yield* things.pipe(Cache.modify("a", () => Option.some(5))), Option.some(5))
        assert.strictEqual(yield* counts.pipe(Cache.increment("a")), 1)
        assert.strictEqual(yield* counts.pipe(Cache.increment("a", 2)), 3)
        assert.strictEqual(yield* things.pipe(Cache.getOrSet("a", Effect.succeed(6))), 5)
        assert.strictEqual(yield* things.pipe(Cache.getOrSet("a", Effect.succeed(6), { forceRefresh: true })), 6)
        assert.deepStrictEqual(
          yield* things.pipe(Cache.getOrSetMany(["a"], () => Effect.succeed([]))),
          new Map([["a", 6]])
        )
        assert.strictEqual(yield* things.pipe(Cache.refresh("a", Effect.succeed(7))), 7)
        assert.strictEqual((yield* things.pipe(Cache.explain("a"))).state, "Fresh")
        yield* things.pipe(Cache.invalidateTags(["t"]))
        assert.deepStrictEqual(yield* things.pipe(Cache.take("a")), Option.some(7))
        assert.isTrue(yield* things.pipe(Cache.delete("b")))
        assert.strictEqual(yield* things.pipe(Cache.deleteMany(["c", "d", "x"])), 2)
        assert.strictEqual((yield* things.pipe(Cache.stats)).bypassed, 0)
        assert.strictEqual(yield* things.pipe(Cache.flush), 1)
        assert.deepStrictEqual(yield* things.pipe(Cache.keys, Stream.runCollect), Chunk.empty())
      }))

    test("options of one call that cannot be meant are refused, and nothing is stored", () =>
      Effect.gen(function*() {
        for (const timeToLive of [0, -1, NaN, "soon" as "1 second"]) {
          const refused = /in cache "things".*timeToLive must be a duration of more than zero/
          yield* failsWith(Cache.set(things, "a", 1, { timeToLive }), refused)
          yield* failsWith(Cache.setMany(things, { a: 1 }, { timeToLive }), refused)
          yield* failsWith(Cache.setIfAbsent(things, "a", 1, { timeToLive }), refused)
          yield* failsWith(Cache.modify(things, "a", () => Option.some(1), { timeToLive }), refused)
          yield* failsWith(Cache.touch(things, "a", timeToLive), refused)
          yield* failsWith(Cache.getOrSet(things, "a", Effect.die("it ran"), { timeToLive }), refused)
          yield* failsWith(Cache.getOrSetMany(things, ["a"], () => Effect.die("it ran"), { timeToLive }), refused)
          yield* failsWith(
            Cache.getOrSet(things, "a", Effect.die("it ran"), { timeout: timeToLive }),
            /in cache "things".*timeout must be a duration of more than zero/
          )
        }
        assert.isUndefined(yield* look("things", "a"))
      }))
  })
}

const minutes = (life: Option.Option<Duration.Duration>): number => Duration.toMinutes(Option.getOrThrow(life))
