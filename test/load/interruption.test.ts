/**
 * Interruption at each asynchronous step of a load. Every operation in Redis is parked before and after it takes place,
 * and so is every step of the user's load; the caller is interrupted there. Afterwards nothing of the load is left.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { Cache, Codec, type Redis, RedisLayer } from "effect-redis-cache"
import { clean, instances, nothingLeft, type Service, settle } from "./memoryInstances.js"

const codec = Codec.structural<string>()
const options = { timeToLive: "10 seconds", lease: { duration: "1 hour", maxDuration: "2 hours" } } as const

/** Each way of loading, with its operations in order. `stale`: there is a stale entry at first. */
const ways = {
  plain: {
    cache: Cache.make({ name: "users", codec, ...options }),
    steps: ["get 1", "lease 1", "load", "fill 1"],
    stale: false
  },
  "over a stale entry": {
    cache: Cache.make({ name: "users", codec, ...options, staleIfError: "1 hour" }),
    steps: ["get 1", "lease 1", "load", "fill 1"],
    stale: true
  },
  tagged: {
    cache: Cache.make({ name: "users", codec, ...options, tags: () => ["tag"] }),
    steps: ["getMany 1", "lease 1", "ensureEpochs 1", "load", "fill 1"],
    stale: false
  },
  "tagged by its value": {
    cache: Cache.make({ name: "users", codec, ...options, valueTags: () => ["tag"] }),
    steps: ["get 1", "lease 1", "ensureEpochs 1", "load", "ensureEpochs 2", "ensureEpochs 3", "fill 1"],
    stale: false
  },
  "not to be stored": {
    cache: Cache.make({ name: "users", codec, ...options, timeToLive: () => 0 }),
    steps: ["get 1", "lease 1", "load", "release 1"],
    stale: false
  },
  failing: {
    cache: Cache.make({ name: "users", codec, ...options }),
    steps: ["get 1", "lease 1", "load", "release 1"],
    stale: false
  }
}

const calls = (load: Effect.Effect<string, string>, cache: (typeof ways)["plain"]["cache"]) => ({
  getOrSet: Cache.getOrSet(cache, "42", load),
  "getOrSet with a timeout": Cache.getOrSet(cache, "42", load, { timeout: "1 hour" }),
  refresh: Cache.refresh(cache, "42", load),
  getOrSetMany: Effect.map(
    Cache.getOrSetMany(
      cache,
      ["42", "43"],
      (keys) => Effect.map(load, (value) => keys.map((key) => [key, value] as const))
    ),
    (values) => values.get("42")!
  )
})

const park = "5 seconds"

const script = (at: string, side: "before" | "after"): RedisLayer.FaultyOptions => {
  const [name, nth] = at.split(" ")
  let seen = 0
  return {
    // Keys of epochs and of entries come through the same operation: all are counted.
    script: (operation) => operation === name && ++seen === Number(nth) ? { [side]: park } : undefined
  }
}

const without = (service: Service) =>
  Effect.gen(function*() {
    for (const key of ["users:42", "users:43"]) assert.deepStrictEqual(yield* nothingLeft(service, key), clean)
  })

describe("interruption", () => {
  for (const [way, { cache, stale, steps }] of Object.entries(ways)) {
    for (const call of ["getOrSet", "getOrSet with a timeout", "refresh", "getOrSetMany"] as const) {
      it.scoped(`${call}, ${way}: at each step it leaves no lease, no slot and no fiber`, () =>
        Effect.gen(function*() {
          for (const step of steps) {
            for (const side of ["before", "after"] as const) {
              // A batch reads and releases by the same operations as all others, but it reads many.
              const at = call === "getOrSetMany" && step === "get 1" ? "getMany 1" : step
              const { first, second, services } = yield* instances(script(at, side), undefined)
              if (stale) {
                yield* second(Cache.set(cache, "42", "old"))
                yield* TestClock.adjust("11 seconds")
              }
              const running = new Set<string>()
              const load = Effect.acquireUseRelease(
                Effect.sync(() => running.add("load")),
                () =>
                  Effect.zipRight(
                    step === "load" ? Effect.sleep(park) : Effect.void,
                    way === "failing" ? Effect.fail("down") : Effect.succeed("new")
                  ),
                () => Effect.sync(() => running.delete("load"))
              )
              const caller = yield* Effect.fork(first(Effect.exit(calls(load, cache)[call])))
              const waiter = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(cache, "42", Effect.succeed("own")))))
              yield* settle
              yield* Fiber.interrupt(caller)
              yield* Fiber.interrupt(waiter)
              yield* settle
              assert.strictEqual(services[0]!.runtime.flights.size, 0, `${at} ${side}`)
              assert.strictEqual(running.size, 0, `${at} ${side}`)
              // The parked operation takes place, and then the release.
              yield* TestClock.adjust("11 seconds")
              yield* without(services[1]!)
              // Nothing delays the next one.
              const next = yield* Effect.fork(second(Cache.getOrSet(cache, "42", Effect.succeed("next"))))
              yield* settle
              assert.isTrue(Option.isSome(yield* Fiber.poll(next)), `${at} ${side}: the next load waits`)
            }
          }
        }), 30_000)
    }
  }

  it.scoped("of the leader alone, at each step, leaves the load to its waiters", () =>
    Effect.gen(function*() {
      const { cache } = ways.plain
      for (const step of ["lease 1", "load", "fill 1"]) {
        for (const side of ["before", "after"] as const) {
          const { first, services } = yield* instances(script(step, side))
          const load = Effect.zipRight(step === "load" ? Effect.sleep(park) : Effect.void, Effect.succeed("new"))
          const leader = yield* Effect.fork(first(Cache.getOrSet(cache, "42", load)))
          yield* settle
          const waiter = yield* Effect.fork(first(Cache.getOrSet(cache, "42", Effect.dieMessage("it joined"))))
          yield* settle
          yield* Fiber.interrupt(leader)
          yield* TestClock.adjust(park)
          assert.strictEqual(yield* Fiber.join(waiter), "new", `${step} ${side}`)
          assert.deepStrictEqual(yield* first(Cache.get(cache, "42")), Option.some("new"))
          yield* without(services[0]!)
        }
      }
    }))

  it.scoped("while another process holds the lease", () =>
    Effect.gen(function*() {
      const { cache } = ways.plain
      const { first, second, services } = yield* instances(undefined, undefined)
      const holder = yield* Effect.fork(second(Cache.getOrSet(cache, "42", Effect.never)))
      yield* settle
      const waiter = yield* Effect.fork(first(Cache.getOrSet(cache, "42", Effect.never)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiter)
      yield* settle
      assert.strictEqual(services[0]!.runtime.flights.size, 0)
      // The waiter must not release the holder's lease.
      assert.isTrue((yield* nothingLeft(services[1]!, "users:42")).lease)
      yield* Fiber.interrupt(holder)
      yield* settle
      yield* without(services[1]!)
    }))

  it.scoped("while waiting for a permit", () =>
    Effect.gen(function*() {
      const one = Cache.make({ name: "one", codec, maxConcurrentLoads: 1 })
      const { first, services } = yield* instances(undefined)
      const running = yield* Effect.fork(first(Cache.getOrSet(one, "a", Effect.never)))
      const waiting = yield* Effect.fork(first(Cache.getOrSet(one, "b", Effect.never)))
      yield* settle
      yield* Fiber.interrupt(waiting)
      yield* settle
      assert.strictEqual(services[0]!.runtime.flights.size, 1)
      yield* Fiber.interrupt(running)
      yield* settle
      assert.strictEqual(yield* first(Cache.getOrSet(one, "c", Effect.succeed("free"))), "free")
      for (const key of ["one:a", "one:b"]) assert.deepStrictEqual(yield* nothingLeft(services[0]!, key), clean)
    }))

  it.scoped("of the load by itself reaches its caller, and leaves nothing", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const ownFiber = Effect.withFiberRuntime<never>((fiber) => {
        fiber.unsafeInterruptAsFork(fiber.id())
        return Effect.never
      })
      for (const load of [Effect.interrupt, ownFiber]) {
        const exit = yield* first(Effect.exit(Cache.getOrSet(ways.plain.cache, "42", load)))
        assert.isTrue(Exit.isInterrupted(exit))
        yield* without(services[0]!)
      }
    }))
})

describe("a load that takes time to end when it is interrupted", () => {
  const brief = Cache.make({ name: "users", codec, lease: { duration: "5 seconds" } })
  const one = Cache.make({ name: "one", codec, lease: { duration: "5 seconds" }, maxConcurrentLoads: 1 })
  const slow = {
    "it is uninterruptible": Effect.uninterruptible(Effect.as(Effect.sleep("50 seconds"), "late")),
    "its finalizer takes time": Effect.onInterrupt(Effect.never, () => Effect.sleep("50 seconds"))
  }
  /** The lease has not been renewed yet, or has been. */
  const moments = ["1 second", "4 seconds"] as const

  for (const [how, load] of Object.entries<Effect.Effect<string>>(slow)) {
    const calls = {
      getOrSet: Cache.getOrSet(brief, "42", load),
      getOrSetMany: Cache.getOrSetMany(
        brief,
        ["42", "43"],
        (keys) => Effect.map(load, (value) => keys.map((key) => [key, value] as const))
      )
    }
    for (const [form, call] of Object.entries<Effect.Effect<unknown, unknown, Redis.Redis>>(calls)) {
      it.scoped(`${form}, ${how}: its lease is free at once`, () =>
        Effect.gen(function*() {
          const { first, second } = yield* instances(undefined, undefined)
          for (const moment of moments) {
            const caller = yield* Effect.fork(first(call))
            yield* TestClock.adjust(moment)
            yield* Fiber.interruptFork(caller)
            yield* settle
            for (const key of ["42", "43"]) {
              const next = yield* Effect.fork(second(Cache.getOrSet(brief, key, Effect.succeed("next"))))
              yield* settle
              assert.isTrue(Option.isSome(yield* Fiber.poll(next)), `${key} after ${moment}`)
              assert.deepStrictEqual(yield* second(Cache.get(brief, key)), Option.some("next"))
              yield* Fiber.join(next)
            }
            yield* TestClock.adjust("1 minute")
            for (const key of ["42", "43"]) {
              assert.deepStrictEqual(yield* second(Cache.get(brief, key)), Option.some("next"))
              yield* second(Cache.delete(brief, key))
            }
          }
        }))
    }

    it.scoped(`when the layer closes, ${how}: its lease is free at once`, () =>
      Effect.gen(function*() {
        const { first, server } = yield* instances(undefined)
        for (const moment of moments) {
          const scope = yield* Scope.make()
          const closed = yield* Layer.buildWithScope(RedisLayer.layerMemoryServer(server), scope)
          yield* Effect.fork(Effect.provide(Effect.exit(Cache.getOrSet(brief, "42", load)), closed))
          yield* TestClock.adjust(moment)
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* settle
          const next = yield* Effect.fork(first(Cache.getOrSet(brief, "42", Effect.succeed("next"))))
          yield* settle
          assert.isTrue(Option.isSome(yield* Fiber.poll(next)), `after ${moment}`)
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(closing)
          yield* first(Cache.delete(brief, "42"))
        }
      }))
  }

  it.scoped("counts against maxConcurrentLoads until it has ended, and as a failed load", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const load = Effect.as(Effect.addFinalizer(() => Effect.sleep("50 seconds")), "late")
      const caller = yield* Effect.fork(first(Cache.getOrSet(one, "a", load)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interruptFork(caller)
      const next = yield* Effect.fork(first(Cache.getOrSet(one, "b", Effect.succeed("next"))))
      yield* TestClock.adjust("48 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(next)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(next), "next")
      const { failures, loads } = yield* first(Cache.stats(one))
      assert.deepStrictEqual([loads, failures], [2, 1])
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "one:a"), clean)
    }))
})

describe("a lost answer", () => {
  for (const operation of ["lease", "fill", "release"]) {
    it.scoped(`to a ${operation} leaves no lease`, () =>
      Effect.gen(function*() {
        const { first, services } = yield* instances({
          script: (name, _, call) => name === operation && call === 1 ? { lostReply: "1 second" } : undefined
        })
        const { cache } = ways.plain
        const load = operation === "release" ? Effect.fail("down") : Effect.succeed("new")
        const loading = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(cache, "42", load))))
        yield* TestClock.adjust("2 seconds")
        const exit = yield* Fiber.join(loading)
        assert.isTrue(Exit.isFailure(exit))
        yield* without(services[0]!)
        // It was unknown whether the value was stored; it was.
        assert.strictEqual(Option.isSome(yield* first(Cache.get(cache, "42"))), operation === "fill")
      }))
  }
})

describe("the layer closes", () => {
  it.effect("loads are interrupted and release their leases, and their waiters end; background refreshes too", () =>
    Effect.gen(function*() {
      const { cache } = ways.plain
      let interrupted = 0
      const load = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const swr = Cache.make({ name: "swr", codec, timeToLive: "1 second", staleWhileRevalidate: "1 hour" })
      const [waiting, driver] = yield* Effect.scoped(Effect.gen(function*() {
        const { first, services } = yield* instances(undefined)
        yield* first(Cache.set(swr, "42", "old"))
        yield* TestClock.adjust("2 seconds")
        yield* first(Cache.getOrSet(swr, "42", load))
        const caller = yield* Effect.forkDaemon(first(Effect.exit(Cache.getOrSet(cache, "42", load))))
        yield* settle
        return [caller, services[0]!] as const
      }))
      assert.strictEqual(interrupted, 2)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.join(waiting)))
      yield* without(driver)
      assert.deepStrictEqual(yield* nothingLeft(driver, "swr:42"), clean)
    }))

  it.effect("their releases are sent concurrently", () =>
    Effect.gen(function*() {
      const closing = yield* Effect.fork(Effect.scoped(Effect.gen(function*() {
        const { first } = yield* instances({
          script: (operation) => operation === "release" ? { before: "1 second" } : undefined
        })
        for (let i = 0; i < 20; i++) {
          yield* Effect.forkDaemon(first(Effect.exit(Cache.getOrSet(ways.plain.cache, String(i), Effect.never))))
        }
        yield* Effect.sleep("1 millis")
      })))
      yield* TestClock.adjust("1 millis")
      yield* TestClock.adjust("1 second")
      assert.isTrue(Option.isSome(yield* Fiber.poll(closing)))
    }))

  it.effect("later calls end", () =>
    Effect.gen(function*() {
      const service = yield* Effect.scoped(Effect.map(instances(undefined), ({ first }) => first))
      assert.isTrue(Exit.isInterrupted(
        yield* service(Effect.exit(Cache.getOrSet(ways.plain.cache, "42", Effect.succeed("late"))))
      ))
    }))
})
