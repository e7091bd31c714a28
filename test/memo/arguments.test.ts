import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Duration, Effect, Exit, HashSet, Option, PrimaryKey, Schema } from "effect"
import { Cache, CacheError, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

/** A memoized function of any arguments, which numbers its runs. */
const numbered = () => {
  let runs = 0
  return Memo.cached((..._args: ReadonlyArray<unknown>) => Effect.sync(() => ++runs), { name: "numbered" })
}

class UserId implements PrimaryKey.PrimaryKey {
  constructor(readonly id: string, readonly noise = Math.random()) {}

  [PrimaryKey.symbol]() {
    return this.id
  }
}

describe("Arguments of memoized functions", () => {
  const alike: ReadonlyArray<readonly [what: string, one: ReadonlyArray<unknown>, other: ReadonlyArray<unknown>]> = [
    ["fields in another order", [{ a: 1, b: [2] }], [{ b: [2], a: 1 }]],
    ["dates", [new Date(5)], [new Date(5)]],
    ["maps in another order", [new Map([["a", 1], ["b", 2]])], [new Map([["b", 2], ["a", 1]])]],
    ["sets in another order", [new Set([1, 2])], [new Set([2, 1])]],
    ["nested", [{ when: [new Date(1), { who: new Set(["x"]) }] }], [{ when: [new Date(1), { who: new Set(["x"]) }] }]],
    ["Effect's data", [Data.struct({ a: Option.some(1) })], [Data.struct({ a: Option.some(1) })]],
    ["hash sets", [HashSet.make(1, 2)], [HashSet.make(2, 1)]],
    ["durations", [Duration.seconds(60)], [Duration.minutes(1)]],
    ["primary keys", [new UserId("7")], [new UserId("7")]]
  ]
  for (const [what, one, other] of alike) {
    it.effect(`alike: ${what}`, () =>
      Effect.gen(function*() {
        const f = numbered()
        assert.strictEqual(yield* f(...one), 1)
        assert.strictEqual(yield* f(...other), 1)
      }).pipe(Effect.provide(memory)))
  }

  it.effect("different keys: types, signs, nesting, missing parts", () =>
    Effect.gen(function*() {
      const f = numbered()
      const calls: ReadonlyArray<ReadonlyArray<unknown>> = [
        [],
        [undefined],
        [null],
        [undefined, undefined],
        [1],
        ["1"],
        [1n],
        [true],
        ["true"],
        [0],
        [-0],
        [NaN],
        [["a", "b"]],
        ["a", "b"],
        ["a:b"],
        [["a:b"]],
        [{}],
        [{ a: undefined }],
        [{ a: null }],
        [new Date(0)],
        [new Date(1)],
        [new Map([["a", 1]])],
        [{ a: 1 }],
        [Option.none()],
        [Option.some(1)],
        [new Uint8Array([1])],
        [[1]],
        [Duration.millis(1)],
        [new UserId("1")],
        [new UserId("2")],
        ["{1}"],
        ["%7B1}"]
      ]
      const keys = yield* Effect.forEach(calls, (args) => f.key(...args))
      assert.strictEqual(new Set(keys).size, calls.length)
      for (const [i, args] of calls.entries()) assert.strictEqual(yield* f(...args), i + 1)
      for (const [i, args] of calls.entries()) assert.strictEqual(yield* f(...args), i + 1)
    }).pipe(Effect.provide(memory)))

  it.effect("long arguments have a short key", () =>
    Effect.gen(function*() {
      const f = numbered()
      const long = "x".repeat(100_000)
      assert.isBelow((yield* f.key(long)).length, 200)
      assert.deepStrictEqual([yield* f(long), yield* f(`${long}y`), yield* f(long)], [1, 2, 1])
    }).pipe(Effect.provide(memory)))

  class Empty_ {}
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const unsupported: ReadonlyArray<readonly [what: string, args: ReadonlyArray<unknown>, path: string]> = [
    ["functions", [1, { on: [() => 1] }], "$[1].on[0]"],
    ["symbols", [{ a: Symbol("s") }], "$[0].a"],
    ["cycles", [cyclic], "$[0]"],
    ["promises", [[Promise.resolve(1)]], "$[0][0]"],
    ["weak collections", [1, 2, new WeakMap()], "$[2]"],
    ["instances without fields", [{ a: { b: new Empty_() } }], "$[0].a.b"],
    ["effects", [Effect.succeed(1)], "$[0]"]
  ]
  for (const [what, args, path] of unsupported) {
    it.effect(`refuses with the path, without running the function: ${what}`, () =>
      Effect.gen(function*() {
        let runs = 0
        const f = Memo.cached((..._args: ReadonlyArray<unknown>) => Effect.sync(() => ++runs), { name: "f" })
        const calls = [f(...args), f.bust(...args), f.peek(...args), f.refresh(...args), f.key(...args)]
        for (const call of calls) {
          const error = yield* Effect.flip(call as Effect.Effect<unknown, unknown>)
          assert.instanceOf(error, CacheError.CodecError)
          if (error instanceof CacheError.CodecError) {
            assert.strictEqual(error.subject, "key")
            assert.strictEqual(error.cache, "f")
            assert.isTrue(error.path.startsWith(path), `${error.path} does not start with ${path}`)
            assert.include(error.message, "\"f\"")
          }
        }
        assert.strictEqual(runs, 0)
      }).pipe(Effect.provide(memory)))
  }

  it.effect("`key` selects what the result depends on", () =>
    Effect.gen(function*() {
      let runs = 0
      const f = Memo.cached(
        (_user: { readonly id: number; readonly name: string }, _trace: () => void) => Effect.sync(() => ++runs),
        { name: "f", key: (user) => user.id }
      )
      const trace = () => {}
      assert.strictEqual(yield* f({ id: 1, name: "ada" }, trace), 1)
      assert.strictEqual(yield* f({ id: 1, name: "bob" }, trace), 1)
      assert.strictEqual(yield* f({ id: 2, name: "ada" }, trace), 2)
      assert.isTrue(yield* f.bust({ id: 1, name: "" }, trace))
      assert.deepStrictEqual(yield* f.peek({ id: 2, name: "" }, trace), Option.some(2))
      const text = Memo.cached((_n: number) => Effect.succeed(1), { name: "text", key: (n) => `{${n}}` })
      assert.notStrictEqual(yield* text.key(1), yield* text.key(2))
    }).pipe(Effect.provide(memory)))

  it.effect("a `key` that throws is a defect, and a result that cannot be a key is refused", () =>
    Effect.gen(function*() {
      let runs = 0
      const run = (_n: number) => Effect.sync(() => ++runs)
      const throwing = Memo.cached(run, {
        name: "throwing",
        key: () => {
          throw new Error("no key")
        }
      })
      const exit = yield* Effect.exit(throwing(1))
      const defects = Exit.isFailure(exit) ? [...Cause.defects(exit.cause), ...Cause.failures(exit.cause)] : []
      assert.include(defects.map(String).join(), "no key")
      const refused = Memo.cached(run, { name: "refused", key: (n) => ({ f: () => n }) })
      const error = yield* Effect.flip(refused(1))
      assert.instanceOf(error, CacheError.CodecError)
      assert.strictEqual(error instanceof CacheError.CodecError && error.path, "$.f")
      assert.strictEqual(runs, 0)
    }).pipe(Effect.provide(memory)))

  it.effect("a result that cannot be stored is a CodecError with its path, and nothing is stored", () =>
    Effect.gen(function*() {
      const structural = Memo.cached((_n: number) => Effect.succeed({ list: [1, () => 1] }), { name: "structural" })
      const error = yield* Effect.flip(structural(1))
      assert.instanceOf(error, CacheError.CodecError)
      if (error instanceof CacheError.CodecError) {
        assert.strictEqual(error.subject, "value")
        assert.strictEqual(error.path, "$.list[1]")
      }
      const schema = Memo.cached((_n: number) => Effect.succeed({ age: -1 }), {
        name: "schema",
        schema: Schema.Struct({ age: Schema.NonNegative })
      })
      const invalid = yield* Effect.flip(schema(1))
      assert.strictEqual(invalid instanceof CacheError.CodecError && invalid.path, "$.age")
      const large = Memo.cached(() => Effect.succeed("x".repeat(101)), { name: "large", maxValueSize: 100 })
      const tooLarge = yield* Effect.flip(large())
      assert.include(tooLarge.message, "more than maxValueSize (100) allows")
      assert.strictEqual(yield* Cache.flush(structural.cache), 0)
      assert.strictEqual(yield* Cache.flush(schema.cache), 0)
      assert.strictEqual(yield* Cache.flush(large.cache), 0)
    }).pipe(Effect.provide(memory)))
})
