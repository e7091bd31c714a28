/** Which keys are possible, and which of them are listed. */
import { assert, describe } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Cache } from "effect-redis-cache"
import { collect, failsWith, look, plant, plantLease, short, type Subject } from "../subject.js"

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

export const keys = ({ counts, outlive, staling, test, things }: Subject): void => {
  describe("keys", () => {
    test("may have any character, and are never confused with one another", () =>
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

    test("of a schema are stored in one form, and keys returns them in that form", () =>
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

    test("are listed if their value is fresh: no markers, nothing stale, nothing foreign", () =>
      Effect.gen(function*() {
        yield* Cache.set(staling, "stale", 1)
        yield* outlive(short)
        yield* Cache.set(staling, "fresh", 1, { timeToLive: "1 hour" })
        yield* plantLease("staling", "marker")
        yield* plant("staling", "foreign", "text")
        assert.deepStrictEqual(yield* collect(staling), ["fresh"])
      }))
  })
}
