/** Updates of the source: keys are absent while they run, and hold the right value once they have ended. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Option } from "effect"
import { Cache, Memo } from "effect-redis-cache"
import { collect, failsWith, look, type Subject } from "../subject.js"

export const invalidating = ({ lasting, outlive, test, things }: Subject): void => {
  describe("invalidating", () => {
    test("the keys are absent while the update runs, and once it has ended", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(lasting, { a: 1, b: 1, c: 1 })
        const seen = yield* Effect.all({
          a: Cache.get(lasting, "a"),
          many: Cache.getMany(lasting, ["a", "b", "c"]),
          keys: collect(lasting),
          has: Cache.has(lasting, "b"),
          touched: Cache.touch(lasting, "a", "1 minute"),
          life: Cache.timeToLive(lasting, "a"),
          explained: Cache.explain(lasting, "a"),
          held: Effect.map(Cache.stats(lasting), ({ held }) => held)
        }).pipe(Cache.invalidating(lasting, ["a", "b", "a"], { tags: ["t"] }))
        const { explained, ...rest } = seen
        assert.deepStrictEqual(rest, {
          a: Option.none(),
          many: new Map([["c", 1]]),
          keys: ["c"],
          has: false,
          touched: false,
          life: Option.none(),
          held: 3
        })
        assert.strictEqual(explained.state, "Held")
        assert.strictEqual(explained.holds.length, 1)
        assert.closeTo(Duration.toSeconds(explained.holds[0]!.remaining), 5, 1)
        assert.isUndefined(yield* look("lasting", "a"))
        assert.deepStrictEqual(yield* collect(lasting), ["c"])
        const { failedEnds, held, updates } = yield* Cache.stats(lasting)
        assert.deepStrictEqual({ failedEnds, held, updates }, { failedEnds: 0, held: 0, updates: 1 })
      }))

    test("loads during an update return their value and store nothing, for one key and for many, forced or not", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", "old")
        const began = yield* Deferred.make<void>()
        const end = yield* Deferred.make<void>()
        const update = yield* Effect.fork(
          Effect.zipRight(Deferred.succeed(began, undefined), Deferred.await(end)).pipe(
            Cache.invalidating(things, ["a", "b"])
          )
        )
        yield* Deferred.await(began)
        assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed("loaded")), "loaded")
        assert.strictEqual(yield* Cache.refresh(things, "a", Effect.succeed("forced")), "forced")
        assert.deepStrictEqual(
          yield* Cache.getOrSetMany(
            things,
            ["a", "b", "c"],
            (absent) => Effect.succeed(absent.map((key) => [key, `many ${key}`] as const))
          ),
          new Map([["a", "many a"], ["b", "many b"], ["c", "many c"]])
        )
        assert.deepStrictEqual(yield* collect(things), ["c"])
        assert.strictEqual((yield* Cache.stats(things)).barredLoads, 4)
        yield* Deferred.succeed(end, undefined)
        yield* Fiber.join(update)
        assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed("new")), "new")
        assert.deepStrictEqual(yield* collect(things), ["a", "c"])
      }))

    test("returns the update's result, and ends the holds however the update ends", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        assert.strictEqual(yield* Cache.invalidating(Effect.succeed(42), things, ["a"]), 42)
        for (const update of [Effect.fail("no"), Effect.die("no"), Effect.interrupt] as const) {
          yield* Cache.set(things, "a", 1)
          yield* Effect.exit(Cache.invalidating(update, things, ["a"]))
          assert.isUndefined(yield* look("things", "a"))
        }
        yield* failsWith(Cache.invalidating(Effect.fail("rolled back"), things, ["a"]), /^rolled back$/)
      }))

    test("keys that the result names are removed at the end", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(things, { a: 1, b: 1 })
        const created = yield* Effect.succeed({ id: "a" }).pipe(Cache.invalidating(things, ({ id }) => [id]))
        assert.deepStrictEqual(created, { id: "a" })
        assert.deepStrictEqual(yield* collect(things), ["b"])
        yield* Effect.exit(Cache.invalidating(Effect.fail("no"), things, () => ["b"]))
        assert.deepStrictEqual(yield* collect(things), ["b"])
      }))

    test("linger leaves the hold in place for that long", () =>
      Effect.gen(function*() {
        // Long enough for a busy machine to look meanwhile.
        const brief = Duration.millis(400)
        yield* Cache.invalidating(Effect.void, things, ["a"], { linger: brief, tags: ["t"] })
        yield* Cache.invalidating(Effect.succeed("b"), things, (key) => [key], { linger: brief })
        for (const key of ["a", "b"]) {
          assert.strictEqual((yield* Cache.explain(things, key)).state, "Held")
          yield* Cache.getOrSet(things, key, Effect.succeed("of a replica"))
        }
        assert.deepStrictEqual(yield* collect(things), [])
        yield* outlive(400)
        assert.isUndefined(yield* look("things", "a"))
        yield* Cache.getOrSet(things, "a", Effect.succeed("new"), { tags: ["t"] })
        yield* Cache.getOrSet(things, "a", Effect.die("it is stored"), { tags: ["t"] })
      }))

    test("store replaces the holds with values from the result", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(lasting, { a: 1, b: 1, c: 1 })
        yield* Cache.invalidating(Effect.succeed(2), lasting, ["a", "b"], {
          // The last one is not held.
          store: (value) => [["a", value], ["c", value]]
        })
        assert.deepStrictEqual(yield* Cache.getMany(lasting, ["a", "b", "c"]), new Map([["a", 2], ["c", 1]]))
        assert.closeTo(Duration.toMinutes(Option.getOrThrow(yield* Cache.timeToLive(lasting, "a"))), 60, 1)
        const fails: Effect.Effect<number, string> = Effect.fail("no")
        yield* Effect.exit(Cache.invalidating(fails, lasting, ["a"], { store: (value) => [["a", value]] }))
        assert.isFalse(yield* Cache.has(lasting, "a"))
      }))

    test("store keeps the tags of what it stores, except those that the update itself holds", () =>
      Effect.gen(function*() {
        const tagged = Cache.make({ name: "tagged", tags: (key) => [key], valueTags: () => ["all"] })
        yield* Cache.invalidating(Effect.succeed(1), tagged, ["a", "b"], {
          store: (value) => [["a", value], ["b", value]]
        })
        assert.deepStrictEqual([...(yield* Cache.getMany(tagged, ["a", "b"])).keys()], ["a", "b"])
        yield* Cache.invalidateTags(tagged, ["a"])
        assert.deepStrictEqual([...(yield* Cache.getMany(tagged, ["a", "b"])).keys()], ["b"])
        yield* Cache.invalidating(Effect.succeed(1), tagged, ["a", "b"], {
          tags: ["a"],
          store: (value) => [["a", value], ["b", value]]
        })
        assert.deepStrictEqual([...(yield* Cache.getMany(tagged, ["a", "b"])).keys()], ["b"])
        assert.isUndefined(yield* look("tagged", "a"))
        // Another invalidation while the update runs.
        yield* Cache.invalidating(Cache.invalidateTags(tagged, ["all"]), tagged, ["a"], { store: () => [["a", 1]] })
        assert.deepStrictEqual([...(yield* Cache.getMany(tagged, ["a", "b"])).keys()], [])
      }))

    test("tags make all their entries absent, even those set during the update, and nothing that was loaded meanwhile is stored", () =>
      Effect.gen(function*() {
        const team = Cache.make({ name: "team", tags: (key) => [key[0]!], valueTags: (value) => [String(value)] })
        yield* Cache.setMany(team, { a1: "x", a2: "x", b1: "x", b2: "y" })
        const began = yield* Deferred.make<void>()
        const end = yield* Deferred.make<void>()
        const update = yield* Effect.fork(
          Effect.zipRight(Deferred.succeed(began, undefined), Deferred.await(end)).pipe(
            Cache.invalidating(team, [], { tags: ["a", "y"] })
          )
        )
        yield* Deferred.await(began)
        assert.deepStrictEqual(yield* collect(team), ["b1"])
        yield* Cache.set(team, "a1", "x")
        assert.isFalse(yield* Cache.has(team, "a1"))
        assert.include((yield* Cache.explain(team, "a1")).reason, "its tag \"a\" is held")
        assert.strictEqual(yield* Cache.getOrSet(team, "a2", Effect.succeed("x")), "x")
        assert.strictEqual(yield* Cache.getOrSet(team, "b2", Effect.succeed("y")), "y")
        assert.strictEqual(yield* Cache.getOrSet(team, "b3", Effect.succeed("x")), "x")
        assert.deepStrictEqual(yield* collect(team), ["b1", "b3"])
        yield* Deferred.succeed(end, undefined)
        yield* Fiber.join(update)
        assert.deepStrictEqual(yield* collect(team), ["b1", "b3"])
        yield* Cache.getOrSet(team, "a1", Effect.succeed("x"))
        yield* Cache.getOrSet(team, "b2", Effect.succeed("y"))
        assert.deepStrictEqual(yield* collect(team), ["a1", "b1", "b2", "b3"])
      }))

    test("explicit writes replace a hold, and the end removes them", () =>
      Effect.gen(function*() {
        yield* Cache.invalidating(
          Effect.gen(function*() {
            yield* Cache.set(things, "a", 1)
            assert.isTrue(yield* Cache.has(things, "a"))
            assert.isTrue(yield* Cache.setIfAbsent(things, "b", 1))
            yield* Cache.modify(things, "c", () => Option.some(1))
            yield* Cache.modify(things, "d", () => Option.none())
            assert.strictEqual((yield* Cache.explain(things, "d")).state, "Held")
          }),
          things,
          ["a", "b", "c", "d"]
        )
        assert.deepStrictEqual(yield* collect(things), [])
      }))

    test("many keys at once", () =>
      Effect.gen(function*() {
        const keys = Array.from({ length: 500 }, (_, i) => `${i}`)
        yield* Cache.setMany(things, keys.map((key) => [key, key] as const))
        yield* Cache.invalidating(
          Effect.map(collect(things), (found) => assert.deepStrictEqual(found, [])),
          things,
          keys
        )
        assert.deepStrictEqual(yield* collect(things), [])
      }))

    test("busting forgets the results of calls, including those with captured values", () =>
      Effect.gen(function*() {
        let runs = 0
        const getUser = Memo.cached((id: number) => Effect.sync(() => `${id}.${++runs}`), {
          name: "getUser",
          captures: ["tenant"]
        })
        assert.strictEqual(yield* getUser(1), "1.1")
        assert.strictEqual(yield* getUser(2), "2.2")
        yield* Effect.void.pipe(getUser.busting([1]))
        assert.strictEqual(yield* getUser(1), "1.3")
        assert.strictEqual(yield* getUser(2), "2.2")
        yield* Effect.succeed(2).pipe(getUser.busting((id) => [id]))
        assert.strictEqual(yield* getUser(2), "2.4")
        yield* Effect.succeed("stored").pipe(getUser.busting([1], { store: (result) => result }))
        assert.strictEqual(yield* getUser(1), "stored")
        yield* Effect.void.pipe(Cache.invalidating(getUser.cache, [[1], [2]]))
        assert.deepStrictEqual(yield* collect(getUser.cache), [])
        const name = Memo.cachedProperty({ id: 7 }, {
          name: "name",
          key: ({ id }) => id
        }, () => Effect.sync(() => ++runs))
        assert.strictEqual(yield* name, 5)
        yield* Effect.void.pipe(name.busting())
        assert.strictEqual(yield* name, 6)
        yield* Effect.succeed(60).pipe(name.busting({ store: (result) => result }))
        assert.strictEqual(yield* name, 60)
      }))

    test("invalid options are refused, and the update does not run", () =>
      Effect.gen(function*() {
        const ran = Effect.die("it ran")
        for (const duration of [0, -1, NaN, "soon" as "1 second"]) {
          yield* failsWith(
            Cache.invalidating(ran, things, ["a"], { linger: duration }),
            /^Cache "things": linger must be a duration longer than zero/
          )
          yield* failsWith(
            Cache.invalidating(ran, things, ["a"], { hold: duration }),
            /^Cache "things": hold must be a duration longer than zero/
          )
        }
        yield* failsWith(Cache.invalidating(ran, things, ["\ud800"]), /in cache "things".*surrogate/)
        yield* failsWith(Cache.invalidating(ran, things, ["a"], { tags: [""] }), /^Cache "things": tags must /)
        assert.isUndefined(yield* look("things", "a"))
      }))
  })
}
