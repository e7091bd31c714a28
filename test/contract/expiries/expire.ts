/** `expire` makes a fresh value stale at once, and brings nothing back. */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cache, Memo, Redis } from "effect-redis-cache"
import { fillRequest, leaseRequest } from "../../support/driverRequests.js"
import { collect, header, look, minutes, plant, plantLease, redisKey, same, type Subject, token } from "../subject.js"

/** The message that identifies a failing load. */
const down = Effect.fail("the source is down")

export const expire = ({ counts, lasting, test, things }: Subject): void => {
  const rates = Cache.make({
    name: "rates",
    timeToLive: "1 hour",
    staleIfError: "30 minutes",
    tags: (key) => [`of:${key[0]}`]
  })
  /** A cache with each kind of window. */
  const windowed = Cache.make({ name: "windowed", timeToLive: "1 hour", staleWhileRevalidate: "10 minutes" })

  describe("expire", () => {
    test("makes a fresh value stale, at once and within its windows", () =>
      Effect.gen(function*() {
        yield* Cache.set(rates, "a", 1)
        assert.isTrue(yield* Cache.expire(rates, "a"))
        assert.deepStrictEqual(yield* Cache.get(rates, "a"), Option.none())
        assert.isFalse(yield* Cache.has(rates, "a"))
        assert.deepStrictEqual(yield* Cache.getMany(rates, ["a"]), new Map())
        assert.deepStrictEqual(yield* Cache.timeToLive(rates, "a"), Option.none())
        assert.isFalse(yield* Cache.touch(rates, "a", "1 hour"))
        assert.deepStrictEqual(yield* collect(rates), [])
        assert.strictEqual(yield* Cache.getOrSet(rates, "a", down), 1)
        const found = yield* Cache.explain(rates, "a")
        assert.strictEqual(found.state, "Stale")
        assert.match(found.reason, /^it was expired/)
        // The window began with the expiry.
        assert.closeTo(minutes(found.life), 30, 1)
        assert.deepStrictEqual(found.age, Option.none())
        assert.strictEqual(yield* Cache.getOrSet(rates, "b", Effect.succeed(2)), 2)
        assert.strictEqual(yield* Cache.getOrSet(rates, "a", Effect.succeed(3), { forceRefresh: true }), 3)
        assert.deepStrictEqual(yield* Cache.get(rates, "a"), Option.some(3))
      }))

    test("serves loads at once and refreshes in the background, if stale values are revalidated", () =>
      Effect.gen(function*() {
        yield* Cache.set(windowed, "a", 1)
        yield* Cache.expire(windowed, "a")
        assert.strictEqual(yield* Cache.getOrSet(windowed, "a", Effect.succeed(2)), 1)
        let value = yield* Cache.get(windowed, "a")
        for (let i = 0; i < 1_000 && Option.isNone(value); i++) {
          yield* Effect.yieldNow()
          value = yield* Cache.get(windowed, "a")
        }
        assert.deepStrictEqual(value, Option.some(2))
      }))

    test("removes entries without a stale window, and ends those that never expire", () =>
      Effect.gen(function*() {
        const forEver = Cache.make({ name: "forEver", staleIfError: "1 hour" })
        yield* Cache.set(lasting, "a", 1)
        yield* Cache.set(things, "a", 1)
        yield* Cache.set(forEver, "a", 1)
        assert.isTrue(yield* Cache.expire(lasting, "a"))
        assert.isTrue(yield* Cache.expire(things, "a"))
        assert.isTrue(yield* Cache.expire(forEver, "a"))
        assert.isUndefined(yield* look("lasting", "a"))
        assert.isUndefined(yield* look("things", "a"))
        assert.isFalse(yield* Cache.has(forEver, "a"))
        assert.closeTo(minutes((yield* Cache.explain(forEver, "a")).life), 60, 1)
        assert.strictEqual(yield* Cache.getOrSet(forEver, "a", down), 1)
      }))

    test("returns whether there was a fresh value, for one key and for many", () =>
      Effect.gen(function*() {
        assert.isFalse(yield* Cache.expire(rates, "a"))
        yield* Cache.setMany(rates, { a: 1, b: 2, c: 3 })
        assert.isTrue(yield* Cache.expire(rates, "a"))
        assert.isFalse(yield* Cache.expire(rates, "a"))
        assert.strictEqual(yield* Cache.expireMany(rates, ["a", "b", "c", "c", "x"]), 2)
        assert.strictEqual(yield* rates.pipe(Cache.expireMany(["a", "b"])), 0)
        assert.strictEqual(yield* Cache.expireMany(rates, []), 0)
        assert.strictEqual(yield* Cache.getOrSet(rates, "c", down), 3)
        assert.isFalse(yield* rates.pipe(Cache.expire("c")))
      }))

    test("does not restart a window", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        const key = yield* redisKey("rates", "a")
        yield* Cache.set(rates, "a", 1)
        yield* Cache.expire(rates, "a")
        const before = (yield* driver.inspect(key))!
        yield* driver.lease([leaseRequest({ key, seen: before.bytes, token, life: 10_800_000 })], "entry")
        yield* Cache.expire(rates, "a")
        const after = (yield* driver.inspect(key))!
        // The end is the same; the extra lifetime for the lease is gone together with the lease.
        assert.isAtMost(after.life!, before.life!)
        same(after.bytes.subarray(9, 15), before.bytes.subarray(9, 15))
      }))

    test("ends the lease of a load, forced or not, with or without an entry", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        const key = yield* redisKey("rates", "a")
        yield* Cache.set(rates, "a", 1)
        const { bytes } = (yield* driver.inspect(key))!
        const [granted] = yield* driver.lease([leaseRequest({ key, seen: bytes, token, force: true })], "entry")
        assert.strictEqual(granted?._tag, "Granted")
        yield* Cache.expire(rates, "a")
        const replaces = granted?._tag === "Granted" ? granted.grant : undefined
        assert.deepStrictEqual(yield* driver.fill([fillRequest({ key, token, bytes, replaces })]), [false])
        assert.deepStrictEqual((yield* Cache.explain(rates, "a")).lease, Option.none())

        yield* plantLease("rates", "b")
        assert.isFalse(yield* Cache.expire(rates, "b"))
        assert.isUndefined(yield* look("rates", "b"))
      }))

    test("counts as a write for compare-and-set", () =>
      Effect.gen(function*() {
        yield* Cache.set(rates, "a", 1)
        const seen: Array<unknown> = []
        yield* Cache.modify(rates, "a", (found) => {
          seen.push(Option.getOrUndefined(found))
          const next = Option.some(seen.length)
          return seen.length === 1 ? Effect.as(Cache.expire(rates, "a"), next) : Effect.succeed(next)
        })
        assert.deepStrictEqual(seen, [1, undefined])
        yield* Cache.expire(rates, "a")
        assert.isTrue(yield* Cache.setIfAbsent(rates, "a", 5))
      }))

    test("prevents loads in flight from being joined or stored", () =>
      Effect.gen(function*() {
        const gate = yield* Effect.makeLatch()
        const started = yield* Effect.makeLatch()
        const load = Effect.as(Effect.zipRight(started.open, gate.await), 1)
        const first = yield* Effect.fork(Cache.getOrSet(rates, "a", load))
        yield* started.await
        yield* Cache.expire(rates, "a")
        assert.strictEqual(yield* Cache.getOrSet(rates, "a", Effect.succeed(2)), 2)
        yield* gate.open
        assert.strictEqual(yield* Fiber.join(first), 1)
        assert.deepStrictEqual(yield* Cache.get(rates, "a"), Option.some(2))
      }))

    test("leaves foreign bytes alone, and does not bring back what was invalidated", () =>
      Effect.gen(function*() {
        yield* plant("rates", "foreign", "text")
        yield* plant("rates", "hold", header(1 + 16, 0, 0))
        assert.strictEqual(yield* Cache.expireMany(rates, ["foreign", "hold"]), 0)
        assert.strictEqual((yield* look("rates", "foreign"))?.text, "text")
        assert.isDefined(yield* look("rates", "hold"))
        yield* Cache.set(rates, "a", 1)
        yield* Cache.invalidateTags(rates, ["of:a"])
        assert.isFalse(yield* Cache.expire(rates, "a"))
        assert.strictEqual(yield* Effect.flip(Cache.getOrSet(rates, "a", down)), "the source is down")
      }))

    test("works on memoized functions and their failures", () =>
      Effect.gen(function*() {
        let runs = 0
        const square = Memo.cached((n: number) => Effect.sync(() => (runs++, n * n)), {
          name: "square",
          timeToLive: "1 hour"
        })
        yield* square(3)
        assert.isTrue(yield* Cache.expire(square.cache, [3]))
        yield* square(3)
        assert.strictEqual(runs, 2)
        const failing = Memo.cached(
          (_: number): Effect.Effect<number, number> => Effect.suspend(() => Effect.fail(++runs)),
          { name: "failing", errors: { schema: Schema.Number, timeToLive: "1 hour" }, staleIfError: "1 hour" }
        )
        assert.deepStrictEqual(yield* Effect.exit(failing(1)), Exit.fail(3))
        assert.deepStrictEqual(yield* Effect.exit(failing(1)), Exit.fail(3))
        yield* Cache.expire(failing.cache, [1])
        assert.deepStrictEqual(yield* Effect.exit(failing(1)), Exit.fail(4))
      }))

    test("leaves a counter as it is, if an untyped program calls it", () =>
      Effect.gen(function*() {
        yield* Cache.increment(counts, "a", 5)
        // as a program without types might
        yield* Cache.expire(counts as Cache.Cache<string, number>, "a")
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(5))
      }))
  })
}
