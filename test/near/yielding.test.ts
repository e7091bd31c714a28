/** Copies that are read with `yield*`, without a step of the runtime. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"

const users = Cache.make({ name: "users", near: { capacity: 10 } })

/** Until a copy is served. */
const copied = Effect.gen(function*() {
  yield* Cache.set(users, "42", "Ada")
  while ((yield* Cache.stats(users)).nearHits === 0) {
    yield* Effect.sleep("5 millis")
    yield* Cache.get(users, "42")
  }
})

describe("copies read with yield*", () => {
  it.live("are counted once each, and one effect may be yielded repeatedly", () =>
    Effect.gen(function*() {
      yield* copied
      const get = Cache.get(users, "42")
      const load = Cache.getOrSet(users, "42", Effect.succeed("another"))
      const before = (yield* Cache.stats(users)).nearHits
      for (let n = 0; n < 20; n++) {
        assert.deepStrictEqual(yield* get, Option.some("Ada"))
        assert.strictEqual(yield* load, "Ada")
      }
      assert.strictEqual((yield* Cache.stats(users)).nearHits - before, 40)
      yield* Cache.set(users, "42", "Grace")
      assert.deepStrictEqual(yield* get, Option.some("Grace"))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.live("take no step of the runtime, except one in 2,048", () =>
    Effect.gen(function*() {
      yield* copied
      const get = Cache.get(users, "42")
      let steps = 0
      for (let n = 0; n < 2 * 2048; n++) {
        const first = get[Symbol.iterator]().next()
        if (first.done === true) assert.deepStrictEqual(first.value, Option.some("Ada"))
        else {
          steps++
          yield* Effect.asVoid(get)
        }
      }
      assert.strictEqual(steps, 2)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.live("let other fibers run after that many", () =>
    Effect.gen(function*() {
      yield* copied
      let turns = 0
      yield* Effect.fork(Effect.forever(Effect.sync(() => turns++)))
      for (let n = 0; n < 10 * 2048; n++) yield* Cache.get(users, "42")
      assert.isAtLeast(turns, 10)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.live("can be interrupted in a loop", () =>
    Effect.gen(function*() {
      yield* copied
      const loop = yield* Effect.fork(Effect.gen(function*() {
        for (let n = 0; n < 3_000_000; n++) yield* Cache.get(users, "42")
      }))
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(loop)))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.live("do not hide a refused call", () =>
    Effect.gen(function*() {
      yield* copied
      for (let n = 0; n < 16; n++) {
        const refused = yield* Effect.flip(Effect.gen(function*() {
          return yield* Cache.getOrSet(users, "42", Effect.succeed("another"), { timeout: 0 })
        }))
        assert.include(refused.message, "timeout must be a duration longer than zero")
        yield* Cache.get(users, "42")
      }
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
