import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, flow, Option } from "effect"
import { Cache, Memo, type Redis, RedisLayer } from "effect-redis-cache"
import { Claims } from "../../src/internal/cache/claims.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

type Call = Effect.Effect<unknown, unknown, Redis.Redis>

/** Asserts that it dies because another function has the name. */
const bars = (call: Call) =>
  Effect.map(Effect.exit(call), (exit) => {
    assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), `${exit}`)
    const text = Exit.isFailure(exit) ? String([...Cause.defects(exit.cause)]) : ""
    assert.include(text, "What a function closes over is not part of its key")
    assert.include(text, "captures")
  })

const layers = {
  memory: () => RedisLayer.layerMemory,
  Redis: () => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() })
}

for (const [store, layer] of Object.entries(layers)) {
  const test = (name: string, run: () => Effect.Effect<unknown, unknown, Redis.Redis>) =>
    it.live(name, () => Effect.provide(run(), layer()))

  describe(`Closures of memoized functions, on ${store}`, () => {
    test("a factory's second function dies at its first call, because it would share the first one's results", () =>
      Effect.gen(function*() {
        const repository = (table: string) => ({
          find: Memo.cached((id: number) => Effect.succeed(`${table} ${id}`), { name: "find", timeToLive: "1 minute" })
        })
        const [users, orders] = [repository("users"), repository("orders")]
        assert.strictEqual(yield* users.find(1), "users 1")
        for (const { bust, cache, key, peek, refresh } of [orders.find]) {
          const calls = [orders.find(1), bust(1), refresh(1), peek(1), key(1), Cache.get(cache, [1])]
          for (const call of calls) yield* bars(call)
        }
        assert.strictEqual(yield* users.find(1), "users 1")
      }))

    test("a field of a class is such a factory: once one instance has it, another cannot have it", () =>
      Effect.gen(function*() {
        class Scale {
          constructor(readonly factor: number) {}
          readonly times = Memo.cachedAsync((n: number) => Effect.succeed(n * this.factor), { name: "times" })
        }
        assert.strictEqual(yield* Effect.flatten(new Scale(2).times(3)), 6)
        yield* bars(Effect.flatten(new Scale(5).times(3)))
      }))

    test("functions with the same text that differ: bound, Effect.fn, flow", () =>
      Effect.gen(function*() {
        const table = (name: string) => ({
          name,
          find(this: { readonly name: string }) {
            return Effect.succeed(this.name)
          }
        })
        const bound = (name: string) => table(name).find.bind(table(name))
        const traced = (name: string) =>
          Effect.fn("traced")(function*() {
            return yield* Effect.succeed(name)
          })
        const flowing = (name: string) => flow(() => name, (text) => Effect.succeed(text))
        for (const [name, make] of Object.entries({ bound, traced, flowing })) {
          const [users, orders] = ["users", "orders"].map((table) => Memo.cached(make(table), { name }))
          assert.strictEqual(yield* users!(), "users")
          yield* bars(orders!())
        }
      }))

    test("`captures` are part of the key for all operations, and functions are not compared", () =>
      Effect.gen(function*() {
        const repository = (table: string, since: Date) => ({
          find: Memo.cached((id: number) => Effect.succeed(`${table} ${id} ${since.getTime()}`), {
            name: "find",
            captures: [table, since]
          })
        })
        const [users, orders] = [repository("users", new Date(1)).find, repository("orders", new Date(1)).find]
        assert.strictEqual(yield* users(1), "users 1 1")
        assert.strictEqual(yield* orders(1), "orders 1 1")
        assert.notStrictEqual(yield* users.key(1), yield* orders.key(1))
        assert.match(yield* users.key(1), /find:captures\["users",Date\(.*\)\]\[1\]$/)
        assert.deepStrictEqual(yield* Cache.get(orders.cache, [1]), Option.some("orders 1 1"))
        assert.isTrue(yield* users.bust(1))
        assert.deepStrictEqual(yield* users.peek(1), Option.none())
        assert.deepStrictEqual(yield* orders.peek(1), Option.some("orders 1 1"))
        assert.strictEqual(yield* orders.refresh(1), "orders 1 1")

        const again = repository("users", new Date(1)).find
        assert.strictEqual(yield* again.refresh(1), "users 1 1")
        assert.deepStrictEqual(yield* users.peek(1), Option.some("users 1 1"), "the same captures are the same entries")
        assert.deepStrictEqual(yield* repository("users", new Date(2)).find.peek(1), Option.none())
      }))

    test("`captures: []` lets you define a function again, and leaves keys unchanged", () =>
      Effect.gen(function*() {
        const define = (text: string) => Memo.cached((_id: number) => Effect.succeed(text), { name: "f", captures: [] })
        const old = define("old")
        assert.strictEqual(yield* old(1), "old")
        const reloaded = define("new")
        assert.strictEqual(yield* reloaded(1), "old")
        assert.strictEqual(yield* reloaded.refresh(1), "new")
        assert.isTrue((yield* reloaded.key(1)).endsWith("f:[1]"))
      }))
  })
}

describe("Captures", () => {
  it("that cannot be part of a key are refused when the function is memoized", () => {
    const f = () => Effect.succeed(1)
    assert.throws(
      () => Memo.cached(f, { captures: ["a", { on: () => 1 }] }),
      RangeError,
      "Cache \"f\": captures[1].on: a function cannot be part of a key"
    )
    class Db {}
    assert.throws(() => Memo.cached(f, { captures: [new Db()] }), RangeError, "captures[0]: an instance of Db")
  })

  it.effect("are read at that moment: later changes to them do not change the key", () =>
    Effect.gen(function*() {
      const tenant = { id: 1 }
      const f = Memo.cached(() => Effect.succeed(1), { name: "f", captures: [tenant] })
      const before = yield* f.key()
      tenant.id = 2
      assert.strictEqual(yield* f.key(), before)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("are not arguments: no call without captures has the same key", () =>
    Effect.gen(function*() {
      const f = (..._args: ReadonlyArray<unknown>) => Effect.succeed(1)
      const plain = Memo.cached(f, { name: "f" })
      const captured = Memo.cached(f, { name: "f", captures: ["a"] })
      const keyed = Memo.cached(f, { name: "f", key: () => "captures[\"a\"][]" })
      const keys = yield* Effect.all([captured.key(), plain.key(), plain.key("a"), plain.key(["a"], []), keyed.key()])
      assert.strictEqual(new Set(keys).size, keys.length)
      const long = "x".repeat(200)
      assert.notStrictEqual(yield* captured.key(long), yield* plain.key(long))
      assert.isBelow((yield* captured.key(long)).length, 150)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})

describe("Claims of names", () => {
  it("persist, and stay below a bound once their functions are gone", () => {
    const claims = new Claims()
    const owner = () => 1
    assert.isTrue(claims.claim("kept", owner))
    assert.isTrue(claims.claim("text", "() => 1"))
    assert.isFalse(claims.claim("kept", () => 1))
    assert.isFalse(claims.claim("text", "() => 2"))
    assert.isTrue(claims.claim("text", "() => 1"))
    for (let i = 0; i < 50_000; i++) claims.claim(`property ${i}`, `text ${i}`)
    assert.isAtMost(claims.size, 10_000)
    assert.isFalse(claims.claim("kept", () => 1), "its function is alive")
    assert.isTrue(claims.claim("kept", owner))
  })
})
