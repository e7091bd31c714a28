import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Option, Schema, TestClock } from "effect"
import { Cache, Codec, Memo } from "effect-redis-cache"
import { settle } from "../load/memoryInstances.js"
import { instances } from "./watchedInstances.js"

class User extends Schema.Class<User>("User")({ name: Schema.String }) {}

const users = Cache.make({ name: "users", schema: User, near: { capacity: 100 }, timeToLive: "1 minute" })
const ada = new User({ name: "Ada" })
const grace = new User({ name: "Grace" })

describe("near copies", () => {
  it.scoped("a second read does no I/O and no decoding, and returns the same reference", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first.run(Cache.set(users, "42", ada))
      yield* first.run(Cache.get(users, "42"))
      const one = yield* first.run(Cache.get(users, "42"))
      first.calls.length = 0
      const two = yield* first.run(Cache.get(users, "42"))
      assert.deepStrictEqual(one, Option.some(ada))
      assert.strictEqual(Option.getOrThrow(one), Option.getOrThrow(two))
      assert.isTrue(yield* first.run(Cache.has(users, "42")))
      assert.strictEqual(yield* first.run(Cache.getOrSet(users, "42", Effect.die("no"))), Option.getOrThrow(one))
      assert.deepStrictEqual(first.calls, [])
      const { hits, nearHits } = yield* first.run(Cache.stats(users))
      assert.deepStrictEqual([hits, nearHits], [5, 4])
    }))

  it.scoped("a read whose tag function throws leaves nothing behind", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const broken = Cache.make({
        name: "users",
        near: { capacity: 100 },
        tags: () => {
          throw new Error("broken")
        }
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(first.run(Cache.get(broken, "42")))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(first.run(Cache.getMany(broken, ["42"])))))
      assert.strictEqual(first.service.runtime.near.reading, 0)
    }))

  it.scoped("writes do not fill it", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first.run(Cache.get(users, "other"))
      yield* settle
      yield* first.run(Cache.set(users, "42", ada))
      yield* first.run(Cache.getOrSet(users, "43", Effect.succeed(grace)))
      first.calls.length = 0
      yield* first.run(Cache.get(users, "42"))
      yield* first.run(Cache.get(users, "43"))
      assert.deepStrictEqual(first.calls, ["get", "get"])
    }))

  it.scoped("another instance's write, delete and flush reach it, and so does clearing the server", () =>
    Effect.gen(function*() {
      const { first, second, server } = yield* instances(undefined, undefined)
      const read = first.run(Cache.get(users, "42"))
      const warm = Effect.gen(function*() {
        yield* second.run(Cache.set(users, "42", ada))
        yield* read
        yield* settle
        assert.deepStrictEqual(yield* read, Option.some(ada))
        first.calls.length = 0
        yield* read
        assert.deepStrictEqual(first.calls, [])
      })
      yield* warm
      yield* second.run(Cache.set(users, "42", grace))
      assert.deepStrictEqual(yield* read, Option.some(grace))
      yield* warm
      yield* second.run(Cache.delete(users, "42"))
      assert.deepStrictEqual(yield* read, Option.none())
      yield* warm
      yield* second.run(Cache.flush(users))
      assert.deepStrictEqual(yield* read, Option.none())
      yield* warm
      server.clear()
      assert.deepStrictEqual(yield* read, Option.none())
    }))

  it.scoped("a copy ends with its TTL, without any notice", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first.run(Cache.set(users, "42", ada))
      yield* first.run(Cache.get(users, "42"))
      yield* settle
      yield* TestClock.adjust("59999 millis")
      assert.deepStrictEqual(yield* first.run(Cache.get(users, "42")), Option.some(ada))
      yield* TestClock.adjust("1 millis")
      first.calls.length = 0
      assert.deepStrictEqual(yield* first.run(Cache.get(users, "42")), Option.none())
      assert.deepStrictEqual(first.calls, ["get"])
    }))

  it.scoped("a touch by this process or another reaches it", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const left = first.run(Cache.get(users, "42"))
      yield* first.run(Cache.set(users, "42", ada))
      yield* left
      for (const instance of [first, second]) {
        yield* instance.run(Cache.touch(users, "42", "1 second"))
        yield* left
        yield* TestClock.adjust("500 millis")
        assert.isTrue(Option.isSome(yield* left))
        yield* instance.run(Cache.touch(users, "42", "1 minute"))
      }
      yield* second.run(Cache.touch(users, "42", "1 second"))
      yield* left
      yield* TestClock.adjust("1 second")
      assert.isTrue(Option.isNone(yield* left))
    }))

  it.scoped("getMany and getOrSetMany read only the keys without a copy, and return the order of the call", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first.run(Cache.setMany(users, [["a", ada], ["b", grace], ["c", ada]]))
      yield* first.run(Cache.get(users, "b"))
      yield* settle
      yield* first.run(Cache.get(users, "b"))
      first.calls.length = 0
      assert.deepStrictEqual([...yield* first.run(Cache.getMany(users, ["a", "b", "x"]))], [["a", ada], ["b", grace]])
      const load = (keys: ReadonlyArray<string>) => Effect.succeed(keys.map((key) => [key, grace] as const))
      const values = yield* first.run(Cache.getOrSetMany(users, ["x", "b", "a", "c"], load))
      assert.deepStrictEqual([...values.keys()], ["x", "b", "a", "c"])
      first.calls.length = 0
      yield* first.run(Cache.getMany(users, ["a", "b", "c"]))
      yield* first.run(Cache.getOrSetMany(users, ["a", "b", "c"], load))
      assert.deepStrictEqual(first.calls, [])
    }))

  it.scoped("it stays within its capacity", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const few = Cache.make({ name: "few", near: { capacity: 2 } })
      yield* first.run(Cache.setMany(few, { a: 1, b: 2, c: 3 }))
      for (const key of ["a", "b", "c", "c", "b"]) {
        yield* first.run(Cache.get(few, key))
        yield* settle
      }
      first.calls.length = 0
      yield* first.run(Cache.getMany(few, ["b", "c"]))
      assert.deepStrictEqual(first.calls, [])
      yield* first.run(Cache.get(few, "a"))
      assert.deepStrictEqual(first.calls, ["get"])
    }))

  it.scoped("it stays within its bytes, and does not keep a value larger than the limit", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const small = Cache.make({ name: "small", near: { maxBytes: 1000 } })
      yield* first.run(
        Cache.setMany(small, { a: "a".repeat(200), b: "b".repeat(200), c: "c".repeat(200), d: "d".repeat(2000) })
      )
      const read = (key: string) => Effect.zipRight(first.run(Cache.get(small, key)), settle)
      yield* Effect.forEach(["a", "a", "b", "c", "d"], read)
      first.calls.length = 0
      yield* read("b")
      yield* read("c")
      assert.deepStrictEqual(first.calls, [])
      yield* read("a")
      yield* read("d")
      yield* read("d")
      assert.deepStrictEqual(first.calls, ["get", "get", "get"])
    }))

  it.scoped("two caches of one name: only caches of the same codec share a copy, and a write through either ends both copies", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const named = (codec: Codec.Codec<unknown>) => Cache.make({ name: "both", codec, near: { capacity: 10 } })
      const structural = named(Codec.structural<unknown>())
      const again = named(Codec.structural<unknown>())
      const text = named(Codec.json(Schema.Unknown))
      yield* first.run(Cache.set(structural, "a", new Map([[1, 2]])))
      yield* first.run(Cache.get(structural, "a"))
      yield* settle
      yield* first.run(Cache.get(structural, "a"))
      first.calls.length = 0
      assert.deepStrictEqual(yield* first.run(Cache.get(again, "a")), Option.some(new Map([[1, 2]])))
      assert.deepStrictEqual(first.calls, [])
      // JSON cannot decode these bytes.
      assert.deepStrictEqual(yield* first.run(Cache.get(text, "a")), Option.none())
      yield* first.run(Cache.set(text, "a", { json: true }))
      assert.deepStrictEqual(yield* first.run(Cache.get(text, "a")), Option.some({ json: true }))
      assert.deepStrictEqual(yield* first.run(Cache.get(structural, "a")), Option.none())
    }))

  it.scoped("another version's copy is not served", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const of = (version: number) => Cache.make({ name: "versions", version, near: { capacity: 10 } })
      const [old, young] = [of(1), of(2)]
      yield* first.run(Cache.set(old, "a", "old"))
      yield* Effect.forEach([1, 2], () => Effect.zipRight(first.run(Cache.get(old, "a")), settle))
      assert.deepStrictEqual(yield* first.run(Cache.get(young, "a")), Option.none())
    }))

  it.scoped("Memo reads from it, and bust and refresh reach it at once", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      let runs = 0
      const double = Memo.cached(
        (n: number) => Effect.sync(() => `${n} ${++runs}`),
        { name: "double", timeToLive: "1 hour", near: { capacity: 10 } }
      )
      const call = Effect.zipRight(settle, first.run(double(1)))
      assert.strictEqual(yield* call, "1 1")
      yield* call
      yield* call
      first.calls.length = 0
      assert.strictEqual(yield* call, "1 1")
      assert.deepStrictEqual(first.calls, [])
      yield* first.run(double.bust(1))
      assert.strictEqual(yield* call, "1 2")
      yield* call
      assert.strictEqual(yield* first.run(double.refresh(1)), "1 3")
      assert.strictEqual(yield* call, "1 3")
    }))

  it.scoped("an early refresh is considered at every read, as without copies", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      let runs = 0
      const load = Effect.suspend(() => Effect.as(Effect.sleep("1 second"), ++runs))
      const early = Cache.make({ name: "early", timeToLive: "100 seconds", earlyRefresh: 1e9, near: { capacity: 10 } })
      const fiber = yield* Effect.fork(first.run(Cache.getOrSet(early, "a", load)))
      yield* TestClock.adjust("1 second")
      yield* fiber
      assert.strictEqual(yield* first.run(Cache.getOrSet(early, "a", load)), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(runs, 2)
    }))

  it.scoped("cached typed failures come from the store", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      class Gone extends Data.TaggedError("Gone")<{ readonly id: number }> {}
      let runs = 0
      const find = Memo.cached(
        (id: number) =>
          Effect.suspend(() => {
            runs++
            return Effect.fail(new Gone({ id }))
          }),
        {
          name: "find",
          near: { capacity: 10 },
          errors: {
            schema: Schema.transform(Schema.Number, Schema.declare((u): u is Gone => u instanceof Gone), {
              decode: (id) => new Gone({ id }),
              encode: (gone) => gone.id
            }),
            timeToLive: "1 minute"
          }
        }
      )
      for (let i = 0; i < 3; i++) {
        assert.strictEqual((yield* Effect.flip(first.run(find(1))))._tag, "Gone")
        yield* settle
      }
      assert.strictEqual(runs, 1)
    }))

  it("a configuration without bounds is refused", () => {
    const near = (options: object) => () => Cache.make({ name: "n", near: options, staleIfError: "1 second" })
    assert.throws(near({}), /near must be bounded: give capacity or maxBytes/)
    assert.throws(near({ capacity: 0 }), /near.capacity must be a whole number from 1/)
    assert.throws(near({ capacity: 1.5 }), /near.capacity/)
    assert.throws(near({ maxBytes: -1 }), /near.maxBytes/)
    assert.throws(near({ capacity: 1, maxStaleness: 0 }), /near.maxStaleness must be a duration/)
    assert.throws(near({ capacity: 1, onDisconnect: "never" }), /near.onDisconnect/)
    assert.throws(
      () => Cache.make({ name: "n", near: { capacity: 1, onDisconnect: "serveStale" } }),
      /staleIfError must be given if near.onDisconnect/
    )
  })
})
