import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import { Memo, Pending, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

describe("Names of memoized functions", () => {
  it("no name throws where the function is memoized", () => {
    assert.throws(() => Memo.cached(() => Effect.succeed(1), "1 minute"), RangeError, "pass the option `name`")
    assert.throws(() => Memo.cached(() => Effect.succeed(1), { name: "" }), RangeError, "pass the option `name`")
    assert.throws(() => Memo.cachedAsync(() => Effect.succeed(1), "1 minute"), RangeError, "pass the option `name`")
  })

  it("a name with a colon throws where the function is memoized", () => {
    assert.throws(() => Memo.cached(() => Effect.succeed(1), { name: "a:b" }), RangeError, "\":\"")
    assert.throws(() => Memo.cachedAsync(() => Effect.succeed(1), { name: ":" }), RangeError, "\":\"")
    assert.throws(
      () => Memo.cachedProperty({ id: 1 }, { name: "a:b", key: (self) => self.id }, () => Effect.succeed(1)),
      RangeError,
      "\":\""
    )
    assert.throws(
      () => Memo.cachedProperty({ id: 1 }, { name: "", key: (self) => self.id }, () => Effect.succeed(1)),
      RangeError
    )
  })

  it.effect("the function's own name, or the given one, is the first part of the Redis key", () =>
    Effect.gen(function*() {
      const own = Memo.cached(function fetchUser(_id: number) {
        return Effect.succeed(1)
      }, "1 minute")
      const given = Memo.cached(function fetchUser(_id: number) {
        return Effect.succeed(1)
      }, { name: "given" })
      assert.isTrue((yield* own.key(1)).startsWith("fetchUser:"))
      assert.isTrue((yield* given.key(1)).startsWith("given:"))
    }).pipe(Effect.provide(memory)))

  it.effect("a second function with the same name: its first call dies and says what to do", () =>
    Effect.gen(function*() {
      const first = Memo.cached(() => Effect.succeed("one"), { name: "same" })
      const second = Memo.cached(() => Effect.succeed("two"), { name: "same" })
      assert.strictEqual(yield* first(), "one")
      for (const call of [second(), second.peek(), second.bust(), second.key(), second.refresh()]) {
        const exit = yield* Effect.exit(call as Effect.Effect<unknown, unknown>)
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        const [defect] = Exit.isFailure(exit) ? Cause.defects(exit.cause) : []
        assert.include(String(defect), "\"same\"")
        assert.include(String(defect), "`captures: [tenant]`")
        assert.include(String(defect), "pass the option `name`")
      }
      assert.strictEqual(yield* first(), "one", "the first is unharmed")
    }).pipe(Effect.provide(memory)))

  it.effect("so does its first asynchronous call", () =>
    Effect.gen(function*() {
      const first = Memo.cached(() => Effect.succeed("one"), { name: "same" })
      const second = Memo.cachedAsync(() => Effect.succeed("two"), { name: "same" })
      yield* first()
      const exit = yield* Effect.exit(Effect.flatMap(second(), Pending.await))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }).pipe(Effect.provide(memory)))

  it.effect("one function memoized twice counts as one", () =>
    Effect.gen(function*() {
      let calls = 0
      const next = () => Effect.sync(() => ++calls)
      const [first, second] = [Memo.cached(next, { name: "twice" }), Memo.cached(next, { name: "twice" })]
      assert.strictEqual(yield* first(), 1)
      assert.strictEqual(yield* second(), 1)
      assert.isTrue(yield* second.bust())
      assert.isTrue(Option.isNone(yield* first.peek()))
    }).pipe(Effect.provide(memory)))

  it.effect("different functions may have the same name on different Redis instances", () =>
    Effect.gen(function*() {
      const first = Memo.cached(() => Effect.succeed("one"), { name: "same" })
      const second = Memo.cached(() => Effect.succeed("two"), { name: "same" })
      assert.strictEqual(yield* Effect.provide(first(), RedisLayer.layerMemory), "one")
      assert.strictEqual(yield* Effect.provide(second(), RedisLayer.layerMemory), "two")
    }))
})
