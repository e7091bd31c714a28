/**
 * A forced load is joined only by callers that have looked and found nothing, and its failure is given to no other
 * caller.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, Codec, Memo } from "effect-redis-cache"
import { clean, instances, nothingLeft, Origin, settle } from "./memoryInstances.js"

const codec = Codec.structural<string>()
const users = Cache.make({ name: "users", codec })
const swr = Cache.make({ name: "swr", codec, timeToLive: "1 second", staleWhileRevalidate: "1 minute" })
const sie = Cache.make({ name: "sie", codec, timeToLive: "1 second", staleIfError: "1 minute" })

const never = Effect.dieMessage("nothing is to be computed")

/** A refresh that runs in the first of two processes, over an earlier value. */
const refreshing = (cache: typeof users, before?: string) =>
  Effect.gen(function*() {
    const { first, second, services } = yield* instances(undefined, undefined)
    const origin = new Origin()
    if (before !== undefined) yield* first(Cache.set(cache, "42", before))
    yield* TestClock.adjust("2 seconds")
    const refresh = yield* Effect.fork(first(Effect.exit(Cache.refresh(cache, "42", origin.load))))
    yield* settle
    assert.strictEqual(origin.runs, 1)
    return { first, second, services, origin, refresh }
  })

const calls = (cache: typeof users, load: Effect.Effect<string, string>) => ({
  getOrSet: Cache.getOrSet(cache, "42", load),
  getOrSetMany: Effect.map(
    Cache.getOrSetMany(cache, ["42"], () => Effect.map(load, (value) => [["42", value] as const])),
    (found) => found.get("42")
  )
})

const forms = ["getOrSet", "getOrSetMany"] as const

for (const form of forms) {
  describe(`${form} while a refresh runs in the same process`, () => {
    it.scoped("a fresh value is returned at once, and the refresh's failure to no other caller", () =>
      Effect.gen(function*() {
        const { first, origin, refresh } = yield* refreshing(users, "stored")
        assert.strictEqual(yield* first(calls(users, never)[form]), "stored")
        yield* origin.fail(1)
        assert.deepStrictEqual(yield* Fiber.join(refresh), Exit.fail("e1"))
        assert.strictEqual(yield* first(calls(users, never)[form]), "stored")
      }))

    it.scoped("a stale value inside staleWhileRevalidate, too", () =>
      Effect.gen(function*() {
        const { first, origin } = yield* refreshing(swr, "stale")
        assert.strictEqual(yield* first(calls(swr, never)[form]), "stale")
        yield* origin.succeed(1)
        assert.strictEqual(yield* first(calls(swr, never)[form]), "v1")
      }))

    it.scoped("a value that another process has set meanwhile, too", () =>
      Effect.gen(function*() {
        const { first, second } = yield* refreshing(users)
        yield* second(Cache.set(users, "42", "set meanwhile"))
        assert.strictEqual(yield* first(calls(users, never)[form]), "set meanwhile")
      }))

    it.scoped("if nothing is there, the refresh is joined, and its value shared", () =>
      Effect.gen(function*() {
        const { first, origin, refresh } = yield* refreshing(users)
        yield* Fiber.interrupt(refresh)
        const again = yield* Effect.fork(first(Cache.refresh(users, "42", origin.load)))
        yield* settle
        const joining = yield* Effect.fork(first(calls(users, never)[form]))
        yield* settle
        // It began after the refresh asked for its lease, which then held until the fill.
        yield* origin.succeed(2)
        assert.deepStrictEqual([yield* Fiber.join(again), yield* Fiber.join(joining)], ["v2", "v2"])
        assert.strictEqual((yield* first(Cache.stats(users))).coalesced, 1)
      }))

    it.scoped("a joined load interrupts itself: the value written meanwhile is returned", () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        const origin = new Origin()
        const load = Effect.catchAll(origin.load, () => Effect.interrupt)
        const leading = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(users, "42", load))))
        yield* settle
        const joining = yield* Effect.fork(first(Effect.exit(calls(users, never)[form])))
        yield* settle
        yield* second(Cache.set(users, "42", "written"))
        yield* origin.fail(1)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.join(leading)))
        assert.deepStrictEqual(yield* Fiber.join(joining), Exit.succeed("written"))
      }))

    for (const cache of [users, sie]) {
      const before = cache === users ? undefined : "stale"
      it.scoped(`a joined refresh ${before === undefined ? "" : "over a stale value "}fails: one more load`, () =>
        Effect.gen(function*() {
          const { first, origin, refresh, services } = yield* refreshing(cache, before)
          const joining = yield* Effect.fork(first(calls(cache, origin.load)[form]))
          yield* settle
          assert.strictEqual(origin.runs, 1)
          yield* origin.fail(1)
          assert.deepStrictEqual(yield* Fiber.join(refresh), Exit.fail("e1"))
          assert.strictEqual(origin.runs, 2)
          // It does not wait for another one.
          const next = yield* Effect.fork(first(Effect.exit(Cache.refresh(cache, "42", origin.load))))
          yield* settle
          yield* origin.succeed(2)
          assert.strictEqual(yield* Fiber.join(joining), "v2")
          yield* Fiber.interrupt(next)
          yield* settle
          assert.deepStrictEqual(yield* nothingLeft(services[0]!, `${cache.name}:42`), clean)
        }))
    }

    it.scoped("the caller's own load fails: the caller gets that failure", () =>
      Effect.gen(function*() {
        const { first, origin } = yield* refreshing(users)
        const joining = yield* Effect.fork(first(Effect.exit(calls(users, Effect.fail("own"))[form])))
        yield* settle
        yield* origin.fail(1)
        assert.deepStrictEqual(yield* Fiber.join(joining), Exit.fail("own"))
      }))

    it.scoped("a joined load fails: the value written meanwhile is returned", () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        const origin = new Origin()
        const leading = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(users, "42", origin.load))))
        yield* settle
        const joining = yield* Effect.fork(first(Effect.exit(calls(users, never)[form])))
        const alone = yield* Effect.fork(first(Effect.exit(calls(users, never)[form])))
        yield* settle
        yield* second(Cache.set(users, "42", "written"))
        yield* origin.fail(1)
        assert.deepStrictEqual(yield* Fiber.join(leading), Exit.fail("e1"))
        assert.deepStrictEqual(yield* Fiber.join(joining), Exit.succeed("written"))
        assert.deepStrictEqual(yield* Fiber.join(alone), Exit.succeed("written"))
        assert.strictEqual(origin.runs, 1)
      }))
  })
}

describe("a memoized function while its refresh runs", () => {
  it.scoped("returns the stored value, and never the refresh's failure", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const find = Memo.cached((_: number) => origin.load, { name: "find", codec })
      const loading = yield* Effect.fork(first(find(1)))
      yield* settle
      yield* origin.succeed(1)
      yield* Fiber.join(loading)
      const refresh = yield* Effect.fork(first(Effect.exit(find.refresh(1))))
      yield* settle
      assert.strictEqual(yield* first(find(1)), "v1")
      const absent = yield* Effect.fork(first(Effect.exit(find.refresh(2))))
      yield* settle
      const joining = yield* Effect.fork(first(find(2)))
      yield* settle
      yield* origin.fail(2)
      yield* origin.fail(3)
      assert.deepStrictEqual([yield* Fiber.join(refresh), yield* Fiber.join(absent)], [
        Exit.fail("e2"),
        Exit.fail("e3")
      ])
      yield* origin.succeed(4)
      assert.strictEqual(yield* Fiber.join(joining), "v4")
      assert.deepStrictEqual(yield* first(find.peek(2)), Option.some("v4"))
    }))
})
