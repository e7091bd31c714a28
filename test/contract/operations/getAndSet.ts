/** Which values can be stored, and how long they live. */
import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Option, Schema, TestClock } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { collect, failsWith, look, minutes, same, short, type Subject } from "../subject.js"

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

export const getAndSet = ({ brief, lasting, outlive, test, things, time }: Subject): void => {
  describe("get and set", () => {
    test("a value that was set is there, and one that was not is absent", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.none())
        assert.isFalse(yield* Cache.has(things, "a"))
        yield* Cache.set(things, "a", { n: 1 })
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some({ n: 1 }))
        assert.isTrue(yield* Cache.has(things, "a"))
        assert.deepStrictEqual(yield* Cache.get(things, "A"), Option.none())
      }))

    test("every value is stored, whatever it is", () =>
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

    test("a value that cannot be stored is refused, and the old value stays", () =>
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

    test("a set replaces the value and its TTL", () =>
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

    test("TTLs below a millisecond are rounded up", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1, { timeToLive: "1 micros" })
        if (time === "TestClock") {
          assert.deepStrictEqual(yield* Cache.timeToLive(things, "a"), Option.some(Duration.millis(1)))
        }
        yield* outlive(1)
        assert.isFalse(yield* Cache.has(things, "a"))
      }))

    test("TTLs of thousands of years mean: never expires", () =>
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

    test("a function of value and key gives the TTL; at zero or less nothing is stored, and the old value is gone", () =>
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

    test("jitter shortens TTLs, by at most its fraction", () =>
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

    test("other programs' values over maxValueSize are absent, and are loaded anew", () =>
      Effect.gen(function*() {
        yield* Cache.set(Cache.make({ name: "small" }), "a", "1234567890")
        const small = Cache.make({ name: "small", maxValueSize: 10 })
        assert.isTrue(Option.isNone(yield* Cache.get(small, "a")))
        assert.strictEqual(yield* Cache.getOrSet(small, "a", Effect.succeed("1")), "1")
      }))
  })
}
