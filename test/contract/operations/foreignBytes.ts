/** Bytes that are not a value: every read misses them, every write replaces them. */
import { assert, describe } from "@effect/vitest"
import { Effect, Logger, LogLevel, Option, Schema, TestClock } from "effect"
import { Cache, Codec, Redis } from "effect-redis-cache"
import { fillRequest } from "../../support/driverRequests.js"
import { collect, header, look, plant, plantLease, redisKey, releaseLease, type Subject, token } from "../subject.js"

/** Bytes that are not a value, whatever program stored them. */
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

/** For these the header says that there is a value, and a delete does not look further. */
const wholeByTheirHeaders = new Set(["a header with a payload that does not decode", "a header without a payload"])

export const foreignBytes = ({ counts, test, time }: Subject): void => {
  describe("bytes that are not a value", () => {
    /** No operation that reads sees a value. */
    const assertAbsent = (cache: Cache.Cache<string, number>, key: string) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Cache.get(cache, key), Option.none())
        assert.isFalse(yield* Cache.has(cache, key))
        assert.deepStrictEqual(yield* Cache.getMany(cache, [key]), new Map())
        assert.deepStrictEqual(yield* Cache.timeToLive(cache, key), Option.none())
        assert.isFalse(yield* Cache.touch(cache, key, "1 hour"))
      })

    /** Every write finds nothing, and writes. `put` stores the bytes again. */
    const assertOverwritten = <E>(
      cache: Cache.Cache<string, number>,
      key: string,
      put: Effect.Effect<void, E, Redis.Redis>,
      isWhole = false
    ) =>
      Effect.gen(function*() {
        yield* put
        assert.deepStrictEqual(yield* Cache.take(cache, key), Option.none())
        assert.isUndefined(yield* look(cache.name, key))
        yield* put
        assert.strictEqual(yield* Cache.delete(cache, key), isWhole)
        assert.isUndefined(yield* look(cache.name, key))
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
      test(`${what} is absent, and is overwritten`, () =>
        Effect.forEach([numbers, plain], (cache) =>
          Effect.gen(function*() {
            // A JSON payload is occasionally valid MessagePack too; none of these is a value to both.
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
            yield* assertOverwritten(cache, "a", plant("numbers", "a", bytes), wholeByTheirHeaders.has(what))
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

    test("an entry that is cut short inside its tags is counted, and explained", () =>
      Effect.gen(function*() {
        yield* plant("numbers", "a", foreign["tags cut short"]!)
        yield* Cache.get(numbers, "a")
        yield* Cache.getMany(numbers, ["a"])
        assert.strictEqual((yield* Cache.stats(numbers)).undecodable, 2)
        assert.strictEqual((yield* Cache.explain(numbers, "a")).state, "Undecodable")
      }))

    test("a marker is absent, and is overwritten", () =>
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
            yield* driver.fill([fillRequest({ key, token, bytes: Uint8Array.of(1) })]),
            [false]
          )
          yield* Cache.delete(numbers, "a")
        }
      }))

    test("counters treat anything that is not a number as absent, including markers", () =>
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
}
