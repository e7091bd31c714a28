/**
 * Loads that wait for each other in a circle, in one process: the wait that closes the circle dies, and its message has
 * the path.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Runtime, TestClock } from "effect"
import { Cache, Codec, Memo, type Redis } from "effect-redis-cache"
import { clean, instances, nothingLeft, settle } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const users = Cache.make({ name: "users", codec, lease: { maxDuration: "1 minute" } })

type Load = Effect.Effect<string, unknown, Redis.Redis>

/** Loads a key, after the others have begun. */
const loading = (key: string, inner: Load): Load =>
  Cache.getOrSet(
    users,
    key,
    Effect.map(Effect.zipRight(Effect.sleep("1 millis"), inner), (value) => `${key}(${value})`)
  )

const leaf = (key: string): Load => loading(key, Effect.succeed("leaf"))

const messageOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
  assert.isTrue(Cause.isRuntimeException(defect), String(exit))
  return String(defect)
}

/** Runs them concurrently in one process; they end long before any load's time is over. */
const together = (...loads: ReadonlyArray<Load>) =>
  Effect.gen(function*() {
    const { first, services } = yield* instances(undefined)
    const fibers = yield* Effect.forEach(loads, (load) => Effect.fork(Effect.exit(first(load))))
    yield* TestClock.adjust("100 millis")
    const exits = yield* Effect.forEach(fibers, (fiber) => Fiber.poll(fiber))
    yield* Effect.forEach(fibers, Fiber.interrupt)
    yield* settle
    return {
      service: services[0]!,
      exits: exits.map((exit) => Option.getOrThrowWith(exit, () => new Error("it waits")))
        .map((exit) => Exit.flatten(exit))
    }
  })

describe("a circle of loads", () => {
  it.scoped("a key that loads itself", () =>
    Effect.gen(function*() {
      const { exits, service } = yield* together(loading("a", leaf("a")))
      assert.include(messageOf(exits[0]!), "users:a → users:a")
      assert.deepStrictEqual(yield* nothingLeft(service, "users:a"), clean)
    }))

  it.scoped("over other keys, in one fiber", () =>
    Effect.gen(function*() {
      const { exits, service } = yield* together(loading("a", loading("b", loading("c", leaf("a")))))
      assert.include(messageOf(exits[0]!), "users:a → users:b → users:c → users:a")
      for (const key of ["a", "b", "c"]) assert.deepStrictEqual(yield* nothingLeft(service, `users:${key}`), clean)
    }))

  it.scoped("a loads b while b loads a, in two fibers", () =>
    Effect.gen(function*() {
      const { exits, service } = yield* together(loading("a", leaf("b")), loading("b", leaf("a")))
      for (const exit of exits) assert.match(messageOf(exit), /users:([ab]) → users:[ab] → users:\1/)
      for (const key of ["a", "b"]) assert.deepStrictEqual(yield* nothingLeft(service, `users:${key}`), clean)
    }))

  it.scoped("of three, in three fibers", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(
        loading("a", leaf("b")),
        loading("b", leaf("c")),
        loading("c", leaf("a"))
      )
      for (const exit of exits) assert.match(messageOf(exit), /(users:[abc]) → users:[abc] → users:[abc] → \1/)
    }))

  it.scoped("a load that catches the defect may continue without the other", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(
        loading("a", Effect.catchAllDefect(leaf("b"), () => Effect.succeed("alone"))),
        loading("b", Effect.catchAllDefect(leaf("a"), () => Effect.succeed("alone")))
      )
      assert.isTrue(exits.every(Exit.isSuccess))
      const values = exits.map((exit) => Exit.isSuccess(exit) ? exit.value : "")
      assert.includeMembers(["a(alone) b(a(alone))", "a(b(alone)) b(alone)"], [values.join(" ")])
    }))

  it.scoped("a batch of a and b loads c while c loads a", () =>
    Effect.gen(function*() {
      const batch = Effect.as(
        Cache.getOrSetMany(users, ["a", "b"], (keys) =>
          Effect.zipRight(
            Effect.sleep("1 millis"),
            Effect.map(leaf("c"), (value) => keys.map((key) => [key, value] as const))
          )),
        "batch"
      )
      const { exits, service } = yield* together(batch, loading("c", leaf("a")))
      for (const exit of exits) assert.match(messageOf(exit), /users:([ac]) → users:[ac] → users:\1/)
      for (const key of ["a", "b", "c"]) assert.deepStrictEqual(yield* nothingLeft(service, `users:${key}`), clean)
    }))

  for (
    const [what, outer] of [
      ["a load", (batch: Load) => loading("a", batch)],
      ["a refresh", (batch: Load) => Cache.refresh(users, "a", batch)]
    ] as const
  ) {
    it.scoped(`${what} waits for a batch that contains its own key: the batch's own load is given up`, () =>
      Effect.gen(function*() {
        const state = { begun: 0, interrupted: 0 }
        const hangs = Effect.suspend(() => {
          state.begun++
          return Effect.onInterrupt(Effect.never, () =>
            Effect.sync(() => {
              state.interrupted++
            }))
        })
        const batch = Effect.as(Cache.getOrSetMany(users, ["a", "b"], () => hangs), "batch")
        const { exits, service } = yield* together(outer(batch))
        assert.include(messageOf(exits[0]!), "users:a → users:a")
        assert.strictEqual(state.interrupted, state.begun)
        assert.deepStrictEqual(yield* nothingLeft(service, "users:b"), clean)
      }))
  }

  it.scoped("over a refresh, and a memoized function", () =>
    Effect.gen(function*() {
      const outer: Load = Effect.suspend(() => loading("a", find(1)))
      const find = Memo.cached((_: number): Load => Cache.refresh(users, "b", Effect.suspend(() => outer)), {
        name: "find",
        codec
      })
      const { exits } = yield* together(outer)
      assert.match(messageOf(exits[0]!), /users:a → find:.* → users:b → users:a/)
    }))

  it.scoped("in fibers that a computation forks", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(
        loading("a", Effect.flatMap(Effect.fork(leaf("b")), Fiber.join)),
        loading("b", Effect.map(Effect.all([leaf("c"), leaf("a")], { concurrency: 2 }), String))
      )
      assert.isTrue(exits.every(Exit.isFailure))
    }))

  it.scoped("through a runtime of its own: it ends after lease.maxDuration, and says what it may be", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const runtime = yield* first(Effect.runtime<Redis.Redis>())
      const caller = yield* Effect.fork(
        Effect.exit(first(Cache.getOrSet(users, "a", Effect.promise(() => Runtime.runPromise(runtime)(leaf("a"))))))
      )
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(caller)))
      yield* TestClock.adjust("1 second")
      assert.include(messageOf(yield* Fiber.join(caller)), "reads its own key")
    }))
})

describe("no circle", () => {
  const fails = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) => exits.filter(Exit.isFailure).map(String)

  it.scoped("a loads b and c, which both load d", () =>
    Effect.gen(function*() {
      const both = Effect.all([loading("b", leaf("d")), loading("c", leaf("d"))], { concurrency: 2 })
      const { exits } = yield* together(
        loading("a", Effect.map(both, String)),
        loading("c", leaf("d")),
        loading("d", Effect.succeed("leaf"))
      )
      assert.deepStrictEqual(fails(exits), [])
    }))

  it.scoped("two loads wait for one, which either of them began", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(loading("a", loading("b", leaf("c"))), loading("d", loading("b", leaf("c"))))
      assert.deepStrictEqual(fails(exits), [])
    }))

  it.scoped("the same pair in the same order, many times", () =>
    Effect.gen(function*() {
      const pair = () => loading("a", Effect.map(Effect.all([leaf("b"), leaf("b")], { concurrency: 2 }), String))
      const { exits } = yield* together(...Array.from({ length: 20 }, pair))
      assert.deepStrictEqual(fails(exits), [])
    }))

  it.scoped("a wait that was given up no longer counts", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(
        loading(
          "a",
          Effect.map(Effect.timeoutOption(loading("b", Effect.delay(leaf("c"), "30 millis")), "10 millis"), String)
        ),
        Effect.delay(loading("c", Effect.delay(leaf("a"), "5 millis")), "12 millis"),
        loading("b", Effect.delay(leaf("c"), "30 millis"))
      )
      assert.deepStrictEqual(fails(exits), [])
    }))

  it.scoped("a background refresh is not part of the load that began it", () =>
    Effect.gen(function*() {
      const stale = Cache.make({
        name: "stale",
        codec,
        timeToLive: "1 second",
        staleWhileRevalidate: "1 hour"
      })
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(stale, "b", "stale"))
      yield* TestClock.adjust("2 seconds")
      const outer = yield* Effect.fork(first(
        loading("a", Effect.zipLeft(Cache.getOrSet(stale, "b", leaf("a")), Effect.sleep("1 second")))
      ))
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual(yield* Fiber.join(outer), "a(stale)")
      assert.deepStrictEqual(yield* first(Cache.get(stale, "b")), Option.some("a(stale)"))
    }))
})

describe("loads under maxConcurrentLoads", () => {
  const one = Cache.make({ name: "one", codec, maxConcurrentLoads: 1 })
  const other = Cache.make({ name: "other", codec, maxConcurrentLoads: 1 })
  const load = (cache: typeof one, key: string, inner: Load): Load =>
    Cache.getOrSet(
      cache,
      key,
      Effect.map(Effect.zipRight(Effect.sleep("1 millis"), inner), (value) => `${key}(${value})`)
    )
  const end = Effect.succeed("end")

  it.scoped("a load inside another one takes no place", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(load(one, "a", load(one, "b", load(one, "c", end))))
      assert.deepStrictEqual(exits, [Exit.succeed("a(b(c(end)))")])
    }))

  it.scoped("a queued load that it joins begins at once", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(
        load(one, "a", Effect.delay(load(one, "b", end), "5 millis")),
        load(one, "b", end)
      )
      assert.deepStrictEqual(exits, [Exit.succeed("a(b(end))"), Exit.succeed("b(end)")])
    }))

  it.scoped("even if that load is queued behind others, or has only just begun", () =>
    Effect.gen(function*() {
      const { exits } = yield* together(
        load(one, "a", load(one, "c", end)),
        load(one, "b", end),
        Effect.delay(load(one, "c", end), "1 millis")
      )
      assert.deepStrictEqual(exits, [Exit.succeed("a(c(end))"), Exit.succeed("b(end)"), Exit.succeed("c(end)")])
    }))

  for (const [what, pause] of [["at once", "0 millis"], ["later", "5 millis"]] as const) {
    it.scoped(`two caches without a place for each other's loads, which begin ${what}`, () =>
      Effect.gen(function*() {
        const { exits } = yield* together(
          load(one, "a", Effect.delay(load(other, "b", end), pause)),
          load(other, "c", load(one, "d", end))
        )
        assert.deepStrictEqual(exits, [Exit.succeed("a(b(end))"), Exit.succeed("c(d(end))")])
      }))

    it.scoped(`the same, if either joins a queued load, ${what}`, () =>
      Effect.gen(function*() {
        const { exits } = yield* together(
          load(one, "a", Effect.delay(load(other, "b", end), pause)),
          load(other, "c", Effect.delay(load(one, "d", end), pause)),
          Effect.delay(load(other, "b", end), "1 millis"),
          Effect.delay(load(one, "d", end), "1 millis")
        )
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true, true, true])
      }))
  }

  it.scoped("without a circle the bound holds", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const counted = Effect.acquireUseRelease(
        Effect.sync(() => {
          most = Math.max(most, ++running)
        }),
        () => Effect.sleep("2 millis"),
        () => Effect.sync(() => running--)
      )
      const { exits } = yield* together(
        ...["a", "b", "c", "d"].map((key) => Cache.getOrSet(one, key, Effect.as(counted, key)))
      )
      assert.isTrue(exits.every(Exit.isSuccess))
      assert.strictEqual(most, 1)
    }))

  it.scoped("the same holds for background refreshes that a load begins, and for fibers that outlive their load", () =>
    Effect.gen(function*() {
      const swr = Cache.make({
        name: "swr",
        codec,
        timeToLive: "1 second",
        staleWhileRevalidate: "1 hour",
        maxConcurrentLoads: 1
      })
      const { first } = yield* instances(undefined)
      let running = 0
      let most = 0
      const counted = (key: string) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            most = Math.max(most, ++running)
          }),
          () => Effect.as(Effect.sleep("10 millis"), key),
          () => Effect.sync(() => running--)
        )
      const keys = ["a", "b", "c"]
      yield* first(Cache.setMany(swr, keys.map((key) => [key, "stale"] as const)))
      yield* TestClock.adjust("2 seconds")
      const read = Effect.forEach(keys, (key) => Cache.getOrSet(swr, key, counted(key)))
      const outer = yield* Effect.fork(first(Cache.getOrSet(swr, "outer", Effect.map(read, String))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(outer), "stale,stale,stale")
      assert.deepStrictEqual([...(yield* first(Cache.getMany(swr, keys))).values()], keys)
      assert.strictEqual(most, 1)
      const later = Effect.delay(
        Effect.forEach(["d", "e", "f"], (key) => Cache.getOrSet(swr, key, counted(key)), { concurrency: 3 }),
        "1 second"
      )
      yield* first(Cache.getOrSet(swr, "forks", Effect.as(Effect.forkDaemon(later), "forked")))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* first(Cache.getMany(swr, ["d", "e", "f"]))).size, 3)
      assert.strictEqual(most, 1)
    }))
})
