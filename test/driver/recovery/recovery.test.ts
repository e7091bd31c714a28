/**
 * Writes that a store missed are remembered: their keys read as absent, and are removed before any other operation on
 * them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, TestClock } from "effect"
import { Cache, type Redis, RedisLayer } from "effect-redis-cache"
import { instances, logs, settle } from "../../load/memoryInstances.js"

const users = Cache.make({ name: "users", timeToLive: "1 hour", tags: (key) => [`t:${key}`], onRedisError: "bypass" })
const plain = Cache.make({ name: "plain", timeToLive: "1 hour", staleIfError: "1 hour", onRedisError: "bypass" })
const strict = Cache.make({ name: "plain", timeToLive: "1 hour", staleIfError: "1 hour" })

type Op = Effect.Effect<unknown, unknown, Redis.Redis>

/** Two processes; the first one cannot reach the store while `down`. */
const setUp = Effect.gen(function*() {
  const state: { down: boolean | ((operation: string) => boolean); asked: Array<string> } = { down: false, asked: [] }
  const both = yield* instances({
    script: (operation) => {
      state.asked.push(operation)
      const { down } = state
      return (typeof down === "boolean" ? down : down(operation)) ? { fail: "Connection" } : undefined
    }
  }, undefined)
  /** This many ms after the store answers again. */
  const back = (millis: number) =>
    Effect.zipRight(
      Effect.sync(() => {
        state.down = false
      }),
      TestClock.adjust(millis)
    )
  const remembered = both.first(Effect.map(Cache.stats(plain), (stats) => stats.remembered))
  return { ...both, state, back, remembered }
})

describe("writes that Redis missed", () => {
  const missed: Record<string, Op> = {
    set: Cache.set(plain, "a", "new"),
    "set with tags": Cache.set(plain, "a", "new", { tags: ["x"] }),
    setMany: Cache.setMany(plain, { a: "new" }),
    touch: Cache.touch(plain, "a", "1 minute"),
    refresh: Cache.refresh(plain, "a", Effect.succeed("new")),
    delete: Cache.delete(plain, "a"),
    deleteMany: Cache.deleteMany(plain, ["a"]),
    expire: Cache.expire(plain, "a"),
    flush: Cache.flush(plain),
    "an update's end": Effect.void.pipe(Cache.invalidating(plain, ["a"])),
    "an update's end, without bypass": Effect.void.pipe(Cache.invalidating(strict, ["a"]))
  }
  for (const [name, op] of Object.entries(missed)) {
    it.scoped(`${name}: the old value is not read here again, and by no process a second later`, () =>
      Effect.gen(function*() {
        const { back, first, second, state } = yield* setUp
        yield* second(Cache.set(plain, "a", "old"))
        yield* second(Cache.set(plain, "b", "other"))
        // The begin of an update fails without bypass, and so is done first.
        state.down = name.includes("without") ? (operation) => operation === "endHold" : true
        yield* first(Effect.exit(op))
        state.down = false
        const stale = first(Cache.getOrSet(plain, "a", Effect.fail("none"))).pipe(Effect.exit)
        assert.deepStrictEqual(yield* first(Cache.get(plain, "a")), Option.none())
        assert.deepStrictEqual([...(yield* first(Cache.getMany(plain, ["a"]))).keys()], [])
        yield* back(500)
        assert.deepStrictEqual(yield* second(Cache.get(plain, "a")), Option.none())
        assert.deepStrictEqual(yield* first(Cache.get(plain, "a")), Option.none())
        assert.deepStrictEqual(yield* stale, Exit.fail("none"))
        assert.strictEqual(Option.isSome(yield* second(Cache.get(plain, "b"))), name !== "flush")
        // Everything is back to normal.
        yield* first(Cache.set(plain, "a", "newer"))
        assert.deepStrictEqual(yield* second(Cache.get(plain, "a")), Option.some("newer"))
        assert.strictEqual((yield* first(Cache.stats(plain))).remembered, 0)
      }))
  }

  const missedTags: Record<string, Op> = {
    invalidateTags: Cache.invalidateTags(users, ["t:a"]),
    expireTags: Cache.expireTags(users, ["t:a"]),
    "an update's end": Effect.void.pipe(Cache.invalidating(users, [], { tags: ["t:a"] }))
  }
  for (const [name, op] of Object.entries(missedTags)) {
    it.scoped(`${name}: entries with the tag are absent here, and a second later for all processes`, () =>
      Effect.gen(function*() {
        const { back, first, second, state } = yield* setUp
        yield* second(Cache.setMany(users, { a: "old", b: "other" }))
        state.down = true
        yield* first(Effect.exit(op))
        state.down = false
        assert.deepStrictEqual([...(yield* first(Cache.getMany(users, ["a", "b"]))).keys()], ["b"])
        yield* back(500)
        for (const run of [first, second]) {
          assert.deepStrictEqual([...(yield* run(Cache.getMany(users, ["a", "b"]))).keys()], ["b"])
        }
        yield* first(Cache.set(users, "a", "new"))
        assert.deepStrictEqual(yield* second(Cache.get(users, "a")), Option.some("new"))
      }))
  }

  it.scoped("loads compute, and what they store replaces the old value", () =>
    Effect.gen(function*() {
      const { first, remembered, second, state } = yield* setUp
      yield* second(Cache.set(plain, "a", "old"))
      state.down = true
      yield* first(Cache.set(plain, "a", "new"))
      assert.strictEqual(yield* first(Cache.getOrSet(plain, "a", Effect.succeed("computed"))), "computed")
      assert.strictEqual(yield* remembered, 1)
      state.down = false
      // No time has passed: the key is removed first.
      assert.strictEqual(yield* first(Cache.getOrSet(plain, "a", Effect.succeed("loaded"))), "loaded")
      assert.deepStrictEqual(yield* second(Cache.get(plain, "a")), Option.some("loaded"))
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* second(Cache.get(plain, "a")), Option.some("loaded"))
      assert.strictEqual(yield* remembered, 0)
    }))

  it.scoped("a later acknowledged write forgets the key; one that began earlier does not", () =>
    Effect.gen(function*() {
      const { back, first, remembered, second, state } = yield* setUp
      state.down = true
      yield* first(Cache.set(plain, "a", "lost"))
      state.down = (operation) => operation === "discard"
      yield* first(Cache.set(plain, "a", "later"))
      assert.deepStrictEqual(yield* first(Cache.get(plain, "a")), Option.some("later"))
      assert.strictEqual(yield* remembered, 0)
      yield* back(2_000)
      assert.deepStrictEqual(yield* second(Cache.get(plain, "a")), Option.some("later"))
    }))

  it.scoped("compare-and-set and claims find nothing under keys that are to be removed", () =>
    Effect.gen(function*() {
      const { first, second, state } = yield* setUp
      yield* second(Cache.set(plain, "a", "old"))
      yield* second(Cache.set(plain, "b", "old"))
      state.down = true
      yield* first(Effect.exit(Cache.deleteMany(plain, ["a", "b"])))
      state.down = false
      const seen: Array<unknown> = []
      yield* first(Cache.modify(plain, "a", (found) => {
        seen.push(Option.getOrUndefined(found))
        return Option.some("made")
      }))
      assert.deepStrictEqual(seen, [undefined])
      assert.isTrue(yield* first(Cache.setIfAbsent(plain, "b", "claimed")))
      assert.deepStrictEqual(
        yield* second(Cache.getMany(plain, ["a", "b"])),
        new Map([["a", "made"], ["b", "claimed"]])
      )
    }))

  it.scoped("caches without bypass, and counters, remember nothing: their callers get the error", () =>
    Effect.gen(function*() {
      const { first, second, state } = yield* setUp
      const counts = Cache.counter({ name: "counts" })
      yield* second(Cache.set(strict, "a", "old"))
      yield* second(Cache.increment(counts, "a"))
      state.down = true
      for (const op of [Cache.set(strict, "a", "new"), Cache.delete(strict, "a"), Cache.flush(strict)]) {
        assert.isTrue(Exit.isFailure(yield* first(Effect.exit<unknown, unknown, Redis.Redis>(op))))
      }
      assert.isTrue(Exit.isFailure(yield* first(Effect.exit(Cache.delete(counts, "a")))))
      state.down = false
      assert.deepStrictEqual(yield* first(Cache.get(strict, "a")), Option.some("old"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* second(Cache.get(strict, "a")), Option.some("old"))
      assert.deepStrictEqual(yield* second(Cache.get(counts, "a")), Option.some(1))
    }))

  it.scoped("no near copy is kept of a key that is to be removed", () =>
    Effect.gen(function*() {
      const { back, first, second, state } = yield* setUp
      const near = Cache.make({ name: "plain", timeToLive: "1 hour", onRedisError: "bypass", near: { capacity: 10 } })
      const read = first(Cache.get(near, "a"))
      yield* second(Cache.set(plain, "a", "old"))
      yield* Effect.forEach([1, 2, 3], () => Effect.zipRight(read, settle))
      assert.strictEqual((yield* first(Cache.stats(near))).nearHits > 0, true)
      state.down = true
      yield* first(Cache.set(near, "a", "new"))
      state.down = (operation) => operation === "discard"
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* Effect.zipLeft(read, settle), Option.none())
      yield* back(500)
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* Effect.zipLeft(read, settle), Option.none())
    }))

  it.scoped("a stored hold stays", () =>
    Effect.gen(function*() {
      const { back, first, second, state } = yield* setUp
      const gate = yield* Effect.makeLatch()
      const update = yield* Effect.fork(second(gate.await.pipe(Cache.invalidating(plain, ["a"]))))
      yield* settle
      state.down = true
      yield* first(Cache.set(plain, "a", "new"))
      yield* back(500)
      assert.strictEqual((yield* second(Cache.explain(plain, "a"))).state, "Held")
      yield* gate.open
      yield* update
    }))

  it.scoped("an outage is logged once when it begins, and once when everything is made good", () => {
    const { annotated, layer, messages } = logs()
    return Effect.gen(function*() {
      const { back, first, state } = yield* setUp
      state.down = true
      for (const key of ["a", "b", "c"]) yield* first(Cache.set(plain, key, "new"))
      yield* first(Cache.set(users, "a", "new"))
      yield* TestClock.adjust("10 seconds")
      yield* back(500)
      const told = messages.filter((message) => !message.includes("continues without Redis"))
      assert.strictEqual(told.length, 2)
      assert.match(told[0]!, /^WARN Redis missed writes or invalidations/)
      assert.match(told[1]!, /^INFO Redis has caught up .*, after \d+\.\d s: 4 keys were removed$/)
      assert.deepStrictEqual(annotated[messages.indexOf(told[1]!)], { caches: "plain, users" })
      messages.length = annotated.length = 0
      state.down = true
      yield* first(Cache.set(plain, "a", "newer"))
      yield* back(500)
      assert.match(messages.at(-1)!, /: 1 key was removed$/)
      assert.deepStrictEqual(annotated.at(-1), { caches: "plain" })
    }).pipe(Effect.provide(layer))
  })

  it.scoped("warns once per outage, whatever errors operations fail with meanwhile", () => {
    const { layer, messages } = logs()
    let fail: "Connection" | "Timeout" | "CircuitOpen" | "OutOfMemory" | undefined
    return Effect.gen(function*() {
      for (fail of ["Connection", "Timeout", "CircuitOpen", "OutOfMemory"] as const) {
        yield* Cache.set(plain, "a", "new")
      }
      const warned = messages.filter((message) => message.includes("continues without Redis"))
      assert.strictEqual(warned.length, 2)
      assert.include(warned[0], "(Connection)")
      assert.include(warned[1], "(OutOfMemory)")
    }).pipe(
      Effect.provide(Layer.provide(
        RedisLayer.layerFaulty({ script: () => fail === undefined ? undefined : { fail } }),
        RedisLayer.layerMemory
      )),
      Effect.provide(layer)
    )
  })

  it.scoped("costs nothing if nothing is remembered: no operation sends more than before", () =>
    Effect.gen(function*() {
      const { first, state } = yield* setUp
      yield* first(Cache.set(plain, "a", 1))
      yield* first(Cache.get(plain, "a"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(state.asked, ["set", "get"])
    }))
})

describe("more keys than the limit", () => {
  it.scoped("the cache with the most keys is flushed, once in a fleet", () =>
    Effect.gen(function*() {
      let down = false
      const server = RedisLayer.memoryServer()
      const cleared: Array<number> = []
      const process = (id: number) =>
        Layer.build(
          RedisLayer.layerFaulty({
            maxRemembered: 3,
            script: (operation) => {
              if (operation === "clear" && !down) cleared.push(id)
              return down ? { fail: "Connection" } : undefined
            }
          }).pipe(Layer.provide(RedisLayer.layerMemoryServer(server)))
        )
      const [one, two] = [yield* process(1), yield* process(2)]
      yield* Effect.provide(Cache.setMany(plain, { a: "old", z: "old" }), one)
      yield* Effect.provide(Cache.setMany(users, { a: "old" }), one)
      down = true
      for (const context of [one, two]) {
        for (const key of ["a", "b", "c", "d", "e"]) yield* Effect.provide(Cache.set(plain, key, "new"), context)
        yield* Effect.provide(Cache.set(users, "b", "new"), context)
      }
      yield* TestClock.adjust("3 seconds")
      down = false
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(plain, "z"), one), Option.none())
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(cleared.length, 1)
      for (const context of [one, two]) {
        assert.deepStrictEqual(yield* Effect.provide(Cache.get(plain, "z"), context), Option.none())
        assert.deepStrictEqual(yield* Effect.provide(Cache.get(users, "a"), context), Option.some("old"))
        yield* Effect.provide(Cache.set(plain, "a", "again"), context)
        assert.deepStrictEqual(yield* Effect.provide(Cache.get(plain, "a"), context), Option.some("again"))
      }
    }))
})
