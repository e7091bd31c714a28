/** `touch` and `timeToLive` renew and report the remaining TTL. */
import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import { Cache, Redis } from "effect-redis-cache"
import { fillRequest, leaseRequest } from "../../support/driverRequests.js"
import { look, minutes, redisKey, short, type Subject, token } from "../subject.js"

export const touch = ({ counts, outlive, staling, test, things }: Subject): void => {
  describe("touch and timeToLive", () => {
    test("report and renew the TTL", () =>
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
        yield* driver.lease([leaseRequest({ key, seen: bytes, token, force: true })], "entry")
        assert.isTrue(yield* Cache.touch(staling, "a", "2 hours"))
        const { lease, life } = yield* Cache.explain(staling, "a")
        assert.isTrue(Option.isSome(lease))
        assert.closeTo(minutes(life), 180, 1)
        assert.deepStrictEqual(
          yield* driver.fill([fillRequest({ key, token, bytes })]),
          [true]
        )
      }))

    for (const life of [undefined, "1 hour"] as const) {
      test(`a lease stays, however short the new TTL of an entry that lived ${life ?? "for ever"}`, () =>
        Effect.gen(function*() {
          const { driver } = yield* Redis.Redis
          const key = yield* redisKey("things", "a")
          yield* Cache.set(things, "a", 1, { timeToLive: life })
          const { bytes } = (yield* driver.inspect(key))!
          yield* driver.lease([leaseRequest({ key, seen: bytes, token, force: true })], "entry")
          assert.isTrue(yield* Cache.touch(things, "a", short))
          yield* outlive(short)
          assert.isFalse(yield* Cache.has(things, "a"))
          const other = leaseRequest({ key, seen: bytes, token: new Uint8Array(8).fill(9) })
          assert.strictEqual((yield* driver.lease([other], "entry"))[0]?._tag, "Held")
          assert.deepStrictEqual(yield* driver.fill([fillRequest({ key, token, bytes })]), [true])
        }))

      test(`once the lease is released, an entry that lived ${life ?? "for ever"} ends with its new TTL`, () =>
        Effect.gen(function*() {
          const { driver } = yield* Redis.Redis
          const key = yield* redisKey("things", "a")
          yield* Cache.set(things, "a", 1, { timeToLive: life })
          const { bytes } = (yield* driver.inspect(key))!
          for (const [renewed, left] of [["30 seconds", 30_000], ["3 hours", 10_800_000]] as const) {
            yield* driver.lease([leaseRequest({ key, seen: bytes, token, force: true })], "entry")
            assert.isTrue(yield* Cache.touch(things, "a", renewed))
            yield* driver.release([{ key, token }])
            assert.closeTo((yield* driver.inspect(key))!.life!, left, 1_000)
          }
          yield* driver.lease([leaseRequest({ key, seen: bytes, token, force: true })], "entry")
          assert.isTrue(yield* Cache.touch(things, "a", Duration.infinity))
          yield* driver.release([{ key, token }])
          assert.isUndefined((yield* driver.inspect(key))!.life)
        }))
    }

    test("while a source is left alone, the entry ends with its new TTL", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        const key = yield* redisKey("things", "a")
        yield* Cache.set(things, "a", 1)
        const { bytes } = (yield* driver.inspect(key))!
        yield* driver.lease([leaseRequest({ key, seen: bytes, token })], "entry")
        yield* driver.release([{ key, token, backOff: 1_000 }])
        assert.isTrue(yield* Cache.touch(things, "a", "30 seconds"))
        assert.closeTo((yield* driver.inspect(key))!.life!, 30_000, 1_000)
      }))

    test("counters have a TTL, too", () =>
      Effect.gen(function*() {
        yield* Cache.increment(counts, "a")
        assert.deepStrictEqual(yield* Cache.timeToLive(counts, "a"), Option.some(Duration.infinity))
        assert.isTrue(yield* Cache.touch(counts, "a", "1 hour"))
        assert.closeTo(minutes(yield* Cache.timeToLive(counts, "a")), 60, 1)
        assert.isFalse(yield* Cache.touch(counts, "b", "1 hour"))
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(1))
      }))
  })
}
