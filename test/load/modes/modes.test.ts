/** Loads in regions of other modes: which callers share one, what ends them, and what they store. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, Codec, Memo, Redis, RedisLayer } from "effect-redis-cache"
import { clean, instances, nothingLeft, Origin, settle, stored } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const users = Cache.make({ name: "users", codec })
const bounded = Cache.make({ name: "bounded", codec, maxConcurrentLoads: 1 })
const bypassing = Cache.make({ name: "bypassing", codec, onRedisError: "bypass" })
const near = Cache.make({ name: "near", codec, near: { capacity: 100 } })

const others = ["refresh", "readOnly", "off"] as const

/** The `Redis` of a region. */
const redisIn = (mode: Cache.Mode) => Cache.withMode(Redis.Redis, mode)

const ofMode = (mode: Cache.Mode) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Cache.withMode(effect, mode)

describe("a Redis of a mode", () => {
  it.effect("is made once, and is that of the innermost mode", () =>
    Effect.gen(function*() {
      const base = yield* Redis.Redis
      for (const mode of others) {
        const once = yield* redisIn(mode)
        assert.notStrictEqual(once, base)
        assert.strictEqual(yield* redisIn(mode), once)
        assert.strictEqual(yield* Cache.withMode(redisIn(mode), "off"), once)
        assert.strictEqual(yield* Cache.withMode(redisIn("use"), mode), base)
      }
      assert.strictEqual(yield* redisIn("use"), base)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it("no other mode is taken", () => {
    assert.throws(
      () => Cache.withMode(Effect.void, "none" as "off"),
      /"use", "refresh", "readOnly", "off", got none/
    )
    assert.throws(() => Cache.withMode(Effect.void, "toString" as "off"), /got toString/)
  })
})

describe("loads in different modes", () => {
  for (const mode of others) {
    const within = ofMode(mode)

    it.scoped(`${mode}: are not joined, in either order`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        const origin = new Origin()
        const load = Cache.getOrSet(users, "42", origin.load)
        const outside = yield* Effect.fork(first(load))
        yield* settle
        const inside = yield* Effect.fork(first(within(load)))
        yield* settle
        const later = yield* Effect.fork(first(load))
        yield* settle
        assert.strictEqual(origin.runs, 2)
        yield* origin.succeed(2)
        assert.strictEqual(yield* Fiber.join(inside), "v2")
        yield* origin.succeed(1)
        assert.strictEqual((yield* first(Cache.stats(users))).loads, 2)
        const given = [yield* Fiber.join(outside), yield* Fiber.join(later)]
        // A load that replaces the stored value has filled before: the other one is refused, and a later caller looks
        // again.
        assert.deepStrictEqual(given, ["v1", mode === "refresh" ? "v2" : "v1"])
        assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some(mode === "refresh" ? "v2" : "v1"))
      }))

    it.scoped(`${mode}: many callers share one load, and its failure`, () =>
      Effect.gen(function*() {
        const { first, services } = yield* instances(undefined)
        const origin = new Origin()
        const memoized = Memo.cached((_: string) => origin.load, { name: "memoized", captures: [] })
        for (const load of [Cache.getOrSet(users, "42", origin.load), memoized("42")]) {
          const { runs } = origin
          const all = yield* Effect.fork(
            first(within(Effect.all(Array.from({ length: 20 }, () => Effect.exit(load)), { concurrency: "unbounded" })))
          )
          yield* settle
          yield* origin.fail(runs + 1)
          const exits = yield* Fiber.join(all)
          assert.strictEqual(origin.runs, runs + 1)
          assert.isTrue(exits.every((exit) => Exit.isFailure(exit)))
        }
        assert.strictEqual((yield* first(Cache.stats(users))).coalesced, 19)
        assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
      }))

    it.scoped(`${mode}: the last waiter's interruption ends the load, and leaves nothing`, () =>
      Effect.gen(function*() {
        const { first, services } = yield* instances(undefined)
        const origin = new Origin()
        const load = yield* Effect.fork(first(within(Cache.getOrSet(users, "42", origin.load))))
        const redis = yield* first(redisIn(mode))
        yield* settle
        assert.strictEqual(redis.runtime.flights.size, 1)
        assert.strictEqual(yield* stored(services[0]!.driver, "users:42"), mode === "refresh" ? "marker" : "nothing")
        yield* Fiber.interrupt(load)
        yield* settle
        assert.strictEqual(origin.interrupted, 1)
        assert.strictEqual(redis.runtime.flights.size, 0)
        assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
      }))

    for (
      const [name, write] of Object.entries({
        set: Effect.asVoid(Cache.set(users, "42", "written")),
        delete: Effect.asVoid(Cache.delete(users, "42")),
        flush: Effect.asVoid(Cache.flush(users)),
        invalidateTags: Cache.invalidateTags(users, ["t"])
      })
    ) {
      it.scoped(`${mode}: a local ${name} outside detaches them`, () =>
        Effect.gen(function*() {
          const { first } = yield* instances(undefined)
          const origin = new Origin()
          const load = within(Cache.getOrSet(users, "42", origin.load))
          const before = yield* Effect.fork(first(load))
          yield* settle
          yield* first(write)
          const after = yield* Effect.fork(first(load))
          yield* settle
          const value = mode === "readOnly" && name === "set" ? "written" : "v2"
          assert.strictEqual(origin.runs, value === "v2" ? 2 : 1)
          yield* origin.succeed(1)
          yield* origin.succeed(2)
          assert.deepStrictEqual([yield* Fiber.join(before), yield* Fiber.join(after)], ["v1", value])
        }))
    }

    it.scoped(`${mode}: a delete inside detaches those outside`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        const origin = new Origin()
        const load = Cache.getOrSet(users, "42", origin.load)
        const before = yield* Effect.fork(first(load))
        yield* settle
        yield* first(within(Cache.delete(users, "42")))
        const after = yield* Effect.fork(first(load))
        yield* settle
        assert.strictEqual(origin.runs, 2)
        yield* origin.succeed(1)
        yield* origin.succeed(2)
        assert.deepStrictEqual([yield* Fiber.join(before), yield* Fiber.join(after)], ["v1", "v2"])
        assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("v2"))
      }))

    it.scoped(`${mode}: they count towards the cache's bound`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        const origin = new Origin()
        const outside = yield* Effect.fork(first(Cache.getOrSet(bounded, "a", origin.load)))
        yield* settle
        const inside = yield* Effect.fork(first(within(Cache.getOrSet(bounded, "b", origin.load))))
        yield* settle
        assert.strictEqual(origin.runs, 1)
        yield* origin.succeed(1)
        yield* origin.succeed(2)
        assert.deepStrictEqual([yield* Fiber.join(outside), yield* Fiber.join(inside)], ["v1", "v2"])
      }))

    it.scoped(`${mode}: they do not wait for another process's load`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        const origin = new Origin()
        const there = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
        yield* settle
        assert.strictEqual(yield* first(within(Cache.getOrSet(users, "42", Effect.succeed("here")))), "here")
        yield* origin.succeed(1)
        assert.strictEqual(yield* Fiber.join(there), "v1")
        const value = mode === "refresh" ? "here" : "v1"
        assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some(value))
      }))

    it.scoped(`${mode}: a refresh joins no load`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        const origin = new Origin()
        const one = yield* Effect.fork(first(within(Cache.getOrSet(users, "42", origin.load))))
        yield* settle
        const two = yield* Effect.fork(first(within(Cache.refresh(users, "42", origin.load))))
        yield* settle
        assert.strictEqual(origin.runs, 2)
        yield* origin.succeed(1)
        yield* origin.succeed(2)
        assert.deepStrictEqual([yield* Fiber.join(one), yield* Fiber.join(two)], ["v1", "v2"])
      }))
  }
})

describe("without a working Redis", () => {
  const away: RedisLayer.FaultyOptions = { script: () => ({ fail: "Connection" }) }

  it.scoped("off does not need it", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(away)
      yield* first(Cache.withMode(
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.none())
          assert.strictEqual((yield* Cache.getMany(users, ["42"])).size, 0)
          yield* Cache.set(users, "42", "new", { tags: ["t"] })
          assert.strictEqual(yield* Cache.getOrSet(users, "42", Effect.succeed("loaded")), "loaded")
          assert.strictEqual(yield* Cache.refresh(users, "42", Effect.succeed("loaded")), "loaded")
          assert.strictEqual((yield* Effect.flip(Cache.delete(users, "42")))._tag, "RedisError")
        }),
        "off"
      ))
    }))

  it.scoped("a dropped write sends nothing to Redis in readOnly", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(away)
      yield* first(Cache.withMode(
        Effect.zipRight(
          Cache.set(users, "42", "new", { tags: ["t"] }),
          Cache.setMany(users, { a: "new" }, { tags: ["t"] })
        ),
        "readOnly"
      ))
    }))

  it.scoped("under bypass, keys that refresh could not replace are remembered, and those of other modes are not", () =>
    Effect.gen(function*() {
      let isAway = true
      const { first, second } = yield* instances(
        { script: () => isAway ? { fail: "Connection" } : undefined },
        undefined
      )
      yield* second(Cache.setMany(bypassing, { refresh: "old", readOnly: "old", off: "old" }))
      for (const mode of others) {
        const loaded = first(Cache.withMode(Cache.getOrSet(bypassing, mode, Effect.succeed("new")), mode))
        assert.strictEqual(yield* loaded, "new")
        yield* first(Cache.withMode(Cache.refresh(bypassing, mode, Effect.succeed("new")), mode))
      }
      assert.strictEqual((yield* first(Cache.stats(bypassing))).remembered, 1)
      isAway = false
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([...(yield* second(Cache.getMany(bypassing, others))).keys()], ["readOnly", "off"])
    }))
})

describe("near copies", () => {
  /** The feed is proven, so that reads create copies. */
  const linked = Effect.zipRight(Cache.get(near, "other"), settle)

  it.scoped("are read in modes that read values, and not filled in others", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(linked)
      yield* first(Cache.set(near, "a", "old"))
      const nearHits = Effect.map(first(Cache.stats(near)), (stats) => stats.nearHits)
      const get = Cache.get(near, "a")
      for (const mode of ["off", "refresh"] as const) {
        assert.deepStrictEqual(yield* first(Cache.withMode(get, mode)), Option.none())
      }
      // These modes kept nothing.
      yield* first(get)
      assert.strictEqual(yield* nearHits, 0)
      yield* first(get)
      assert.strictEqual(yield* nearHits, 1)
      for (const mode of ["off", "refresh"] as const) {
        const inside = Effect.gen(function*() {
          return [yield* get, Option.fromNullable((yield* Cache.getMany(near, ["a"])).get("a"))]
        })
        assert.deepStrictEqual(yield* first(Cache.withMode(inside, mode)), [Option.none(), Option.none()])
      }
      assert.strictEqual(yield* nearHits, 1)
      assert.deepStrictEqual(yield* first(Cache.withMode(get, "readOnly")), Option.some("old"))
      assert.strictEqual(yield* nearHits, 2)
    }))

  it.scoped("are gone once another mode has replaced their entry", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(linked)
      const get = first(Cache.get(near, "a"))
      yield* first(Cache.set(near, "a", "old"))
      yield* get
      yield* get
      yield* first(Cache.withMode(Cache.getOrSet(near, "a", Effect.succeed("new")), "refresh"))
      assert.deepStrictEqual(yield* get, Option.some("new"))
      yield* first(Cache.withMode(Cache.getOrSet(near, "a", Effect.succeed("local")), "off"))
      assert.deepStrictEqual(yield* get, Option.some("new"))
      yield* first(Cache.withMode(Cache.delete(near, "a"), "off"))
      assert.deepStrictEqual(yield* get, Option.none())
      yield* first(Cache.withMode(Cache.getOrSet(near, "a", Effect.succeed("local")), "readOnly"))
      assert.deepStrictEqual(yield* get, Option.none())
    }))
})
