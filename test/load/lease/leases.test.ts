import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, type CacheError, Codec, type Redis } from "effect-redis-cache"
import { leaseRequest } from "../../support/driverRequests.js"
import { clean, instances, leaseAndDie, nothingLeft, Origin, settle, stored } from "../memoryInstances.js"

const users = Cache.make({
  name: "users",
  codec: Codec.structural<string>(),
  lease: { duration: "5 seconds", maxDuration: "1 minute", wait: "10 seconds" }
})

type Write = Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>

const patient = Cache.make({
  name: "patient",
  codec: Codec.structural<string>(),
  lease: { duration: "5 seconds", wait: "2 minutes" }
})

const poll = TestClock.adjust("100 millis")

describe("a lease that another process holds", () => {
  it.scoped("one load in the fleet: the others get its value within one polling interval", () =>
    Effect.gen(function*() {
      const { first, second, services } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const here = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      const there = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("3 seconds")
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(here), "v1")
      yield* poll
      assert.strictEqual(yield* Fiber.join(there), "v1")
      assert.strictEqual(origin.runs, 1)
      for (const service of services) assert.deepStrictEqual(yield* nothingLeft(service, "users:42"), clean)
    }))

  it.scoped("waiting processes poll it, from every 5 ms to every 100 ms", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      const { first, services } = yield* instances({
        script: (operation) => {
          if (operation === "lease") asked.push(now())
          return undefined
        }
      })
      const clock = yield* Effect.clock
      const now = () => clock.unsafeCurrentTimeMillis()
      assert.strictEqual(yield* leaseAndDie(services[0]!.driver, "users:42", 60_000), "Granted")
      asked.length = 0
      const waiting = yield* Effect.fork(first(Cache.getOrSet(users, "42", Effect.succeed("mine"))))
      yield* TestClock.adjust("2 seconds")
      for (const [i, at] of asked.slice(1).entries()) {
        const waited = asked[i]! - asked[0]!
        assert.strictEqual(at - asked[i]!, Math.min(100, Math.max(5, Math.ceil(waited / 8))))
      }
      assert.isAtLeast(asked.at(-1)! - asked[0]!, 1_800)
      yield* Fiber.interrupt(waiting)
    }))

  it.scoped("its holder fails: the next process takes over at once", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const here = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(users, "42", origin.load))))
      yield* settle
      const there = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("1 second")
      yield* origin.fail(1)
      assert.deepStrictEqual(yield* Fiber.join(here), Exit.fail("e1"))
      yield* poll
      assert.strictEqual(origin.runs, 2)
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(there), "v2")
    }))

  it.scoped("its holder is interrupted: the next process takes over at once", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const here = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      const there = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(here)
      yield* poll
      assert.strictEqual(origin.runs, 2)
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(there), "v2")
    }))

  it.scoped("its holder dies: the next process takes over after lease.duration", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      yield* leaseAndDie(services[0]!.driver, "users:42", 5_000)
      const waiting = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("4900 millis")
      assert.strictEqual(origin.runs, 0)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(origin.runs, 1)
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(waiting), "v1")
      assert.strictEqual(yield* stored(services[0]!.driver, "users:42"), "value")
    }))

  it.scoped("a holder that dies does not count as a failed attempt: callers wait up to lease.wait", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { driver } = services[0]!
      const seize = (n: number) =>
        driver.lease(
          [leaseRequest({ key: "patient:42", token: new Uint8Array(8).fill(n), duration: 5_000, force: true })],
          "entry"
        )
      yield* leaseAndDie(driver, "patient:42", 5_000)
      const origin = new Origin()
      const waiting = yield* Effect.fork(first(Cache.getOrSet(patient, "42", origin.load)))
      yield* settle
      for (const n of [20, 21, 22]) {
        // The waiting process polls every 100 ms, so another one may be sooner after a lease has ended.
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual(origin.runs, 0)
        yield* TestClock.adjust("1 millis")
        yield* seize(n)
      }
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(origin.runs, 0)
      yield* Fiber.interrupt(waiting)
    }))

  it.scoped("a live holder renews: no other process takes over while it computes", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const here = yield* Effect.fork(first(Cache.getOrSet(patient, "42", origin.load)))
      yield* settle
      const there = yield* Effect.fork(second(Cache.getOrSet(patient, "42", origin.load)))
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(origin.runs, 1)
      yield* origin.succeed(1)
      yield* poll
      assert.deepStrictEqual([yield* Fiber.join(here), yield* Fiber.join(there)], ["v1", "v1"])
      assert.deepStrictEqual(yield* second(Cache.get(patient, "42")), Option.some("v1"))
    }))

  it.scoped("it renews by the caller's clock, whatever clock the computation has", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const standing: Clock.Clock = { ...Clock.make(), unsafeCurrentTimeNanos: () => 0n, sleep: () => Effect.never }
      const load = Effect.withClock(origin.load, standing)
      const here = yield* Effect.fork(first(Cache.getOrSet(users, "42", load)))
      yield* TestClock.adjust("30 seconds")
      const there = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* poll
      assert.strictEqual(origin.runs, 1)
      yield* origin.succeed(1)
      yield* poll
      for (const caller of [here, there]) assert.strictEqual(yield* Fiber.join(caller), "v1")
    }))

  it.scoped("it is renewed rarely", () =>
    Effect.gen(function*() {
      let renewals = 0
      const { first } = yield* instances({
        script: (operation) => {
          if (operation === "renew") renewals++
          return undefined
        }
      })
      const origin = new Origin()
      const loading = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("2499 millis")
      assert.strictEqual(renewals, 0)
      yield* TestClock.adjust("7502 millis")
      assert.strictEqual(renewals, 4)
      yield* origin.succeed(1)
      yield* Fiber.join(loading)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(renewals, 4)
    }))

  it.scoped("the next renewal compensates for a failed one", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({
        script: (operation, _, call) => operation === "renew" && call === 1 ? { fail: "Timeout" } : undefined
      })
      const short = Cache.make({ name: "short", lease: { duration: "6 seconds" } })
      const origin = new Origin()
      const loading = yield* Effect.fork(first(Cache.getOrSet(short, "42", origin.load)))
      yield* TestClock.adjust("5 seconds")
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(loading), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(short, "42")), Option.some("v1"))
    }))

  it.scoped("after lease.maxDuration the load has failed, and the lease is free", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const loading = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(users, "42", origin.load))))
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(origin.interrupted, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(origin.interrupted, 1)
      assert.include(String(yield* Fiber.join(loading)), "The load of users:42 ran for 1m and was interrupted")
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
    }))

  it.scoped("after lease.wait the caller computes for itself, and does not store", () =>
    Effect.gen(function*() {
      const { first, second, services } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const here = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      const there = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("9900 millis")
      assert.strictEqual(origin.runs, 1)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(origin.runs, 2)
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(there), "v2")
      assert.strictEqual(yield* stored(services[0]!.driver, "users:42"), "marker")
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(here), "v1")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v1"))
    }))

  it.scoped("lease.wait includes the time of polling", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances({
        script: (operation) => operation === "lease" ? { before: "900 millis" } : undefined
      })
      const origin = new Origin()
      const token = new Uint8Array(8).fill(1)
      const held = yield* Effect.fork(
        services[0]!.driver.lease(
          [leaseRequest({ key: "users:42", token })],
          "entry"
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(held)
      yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("11900 millis")
      assert.strictEqual(origin.runs, 1)
    }))

  it.scoped("a value computed while another process held the lease is only for callers that began before", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      const early = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(origin.runs, 2)
      // The other process writes. Later callers here must not get the value that was computed before.
      yield* first(Cache.set(users, "42", "written"))
      const late = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(early), "v2")
      assert.strictEqual(yield* Fiber.join(late), "written")
    }))
})

describe("a write by another process during a load", () => {
  const other = Cache.make({ name: "users", codec: Codec.structural<string>() })

  for (
    const [name, write, after] of Array.of<readonly [string, Write, string | undefined]>(
      ["set", Cache.set(other, "42", "written"), "written"],
      ["setIfAbsent", Cache.setIfAbsent(other, "42", "written"), "written"],
      ["modify", Cache.modify(other, "42", () => Option.some("written")), "written"],
      ["delete", Cache.delete(other, "42"), undefined],
      ["take", Cache.take(other, "42"), undefined],
      ["flush", Cache.flush(other), undefined]
    )
  ) {
    it.scoped(`${name}: the fill is refused; a caller that joins after it does not get the older value`, () =>
      Effect.gen(function*() {
        const { first, second, services } = yield* instances(undefined, undefined)
        const origin = new Origin()
        const call = first(Cache.getOrSet(users, "42", origin.load))
        const before = yield* Effect.fork(call)
        yield* settle
        yield* second(write)
        // It joins: this process does not know about the write.
        const later = yield* Effect.fork(call)
        yield* settle
        assert.strictEqual(origin.runs, 1)
        yield* origin.succeed(1)
        assert.strictEqual(yield* Fiber.join(before), "v1")
        assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.fromNullable(after))
        yield* origin.succeed(2)
        assert.strictEqual(yield* Fiber.join(later), after ?? "v2")
        assert.strictEqual((yield* first(Cache.stats(users))).refusedFills, 1)
        assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
      }))
  }

  it.scoped("a plain SET and a plain DEL, by any program, revoke the lease", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { driver } = services[0]!
      const origin = new Origin()
      for (
        const [i, revoke] of [
          driver.set({ key: "users:42", bytes: new TextEncoder().encode("foreign"), life: undefined }, {
            onSuccess: () => Effect.void,
            onFailure: () => Effect.void
          }),
          Effect.orDie(driver.take(["users:42"]))
        ].entries()
      ) {
        const loading = yield* Effect.fork(first(Cache.refresh(users, "42", origin.load)))
        yield* settle
        yield* revoke
        yield* origin.succeed(i + 1)
        assert.strictEqual(yield* Fiber.join(loading), `v${i + 1}`)
        assert.strictEqual(yield* stored(driver, "users:42"), i === 0 ? "foreign" : "nothing")
      }
    }))

  it.scoped("all waiting callers find a write between a read and its lease", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(
        { script: (operation) => operation === "lease" ? { before: "1 second" } : undefined },
        undefined
      )
      const call = first(Cache.getOrSet(users, "42", Effect.dieMessage("nothing is to be computed")))
      const [one, two] = yield* Effect.all([Effect.fork(call), Effect.fork(call)])
      yield* settle
      yield* second(Cache.set(users, "42", "written"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(one), yield* Fiber.join(two)], ["written", "written"])
    }))

  it.scoped("a delete between a read and its lease: the load begins after it, and its value is stored", () =>
    Effect.gen(function*() {
      const stale = Cache.make({
        name: "stale",
        codec: Codec.structural<string>(),
        timeToLive: "1 second",
        staleIfError: "1 minute"
      })
      const { first, second } = yield* instances(
        { script: (operation) => operation === "lease" ? { before: "1 second" } : undefined },
        undefined
      )
      yield* second(Cache.set(stale, "42", "old"))
      yield* TestClock.adjust("1 second")
      const loading = yield* Effect.fork(first(Cache.getOrSet(stale, "42", Effect.succeed("new"))))
      yield* settle
      yield* second(Cache.delete(stale, "42"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(loading), "new")
      assert.deepStrictEqual(yield* second(Cache.get(stale, "42")), Option.some("new"))
    }))

  it.scoped("all keys are lost: the fill is refused, and the next load is stored", () =>
    Effect.gen(function*() {
      const { first, server } = yield* instances(undefined)
      const origin = new Origin()
      const loading = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      server.clear()
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(loading), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.none())
      assert.strictEqual(yield* first(Cache.getOrSet(users, "42", Effect.succeed("again"))), "again")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("again"))
    }))

  it.scoped("markers are absent to every operation", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.none())
      assert.isFalse(yield* second(Cache.has(users, "42")))
      assert.strictEqual((yield* second(Cache.getMany(users, ["42"]))).size, 0)
      assert.deepStrictEqual(yield* second(Cache.timeToLive(users, "42")), Option.none())
      assert.isFalse(yield* second(Cache.touch(users, "42", "1 minute")))
      assert.strictEqual((yield* second(Cache.explain(users, "42"))).state, "Leased")
      assert.isFalse(yield* second(Cache.delete(users, "42")))
    }))
})

describe("refresh", () => {
  it.scoped("takes the lease from its holder, and joins no load", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const elsewhere = yield* Effect.fork(second(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      const here = yield* Effect.fork(first(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      const refreshing = yield* Effect.fork(first(Cache.refresh(users, "42", origin.load)))
      yield* settle
      assert.strictEqual(origin.runs, 2)
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(refreshing), "v2")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v2"))
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(elsewhere), "v1")
      yield* poll
      assert.strictEqual(yield* Fiber.join(here), "v2")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("v2"))
    }))

  it.scoped("a set during it wins", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const refreshing = yield* Effect.fork(first(Cache.refresh(users, "42", origin.load)))
      yield* settle
      yield* first(Cache.set(users, "42", "written"))
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(refreshing), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("written"))
    }))

  it.scoped("a failed one leaves the stored value", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* first(Cache.set(users, "42", "old"))
      const exit = yield* first(Effect.exit(Cache.refresh(users, "42", Effect.fail("no"))))
      assert.deepStrictEqual(exit, Exit.fail("no"))
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("old"))
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
    }))

  it.scoped("forceRefresh does the same", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(users, "42", "old"))
      const loaded = first(Cache.getOrSet(users, "42", Effect.succeed("new"), { forceRefresh: true }))
      assert.strictEqual(yield* loaded, "new")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some("new"))
    }))

  it.scoped("a value that must not be stored still removes the old one", () =>
    Effect.gen(function*() {
      const choosy = Cache.make({
        name: "choosy",
        codec: Codec.structural<string>(),
        timeToLive: (value) => value === "no" ? 0 : "1 second",
        staleIfError: "1 hour"
      })
      const { first, services } = yield* instances(undefined)
      yield* first(Cache.set(choosy, "42", "old"))
      assert.strictEqual(yield* first(Cache.refresh(choosy, "42", Effect.succeed("no"))), "no")
      assert.strictEqual(yield* stored(services[0]!.driver, "choosy:42"), "nothing")
      // A stale one, too.
      yield* first(Cache.set(choosy, "42", "old"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* first(Cache.getOrSet(choosy, "42", Effect.succeed("no"))), "no")
      assert.strictEqual(yield* stored(services[0]!.driver, "choosy:42"), "nothing")
      // But not a value that was written meanwhile.
      const origin = new Origin()
      const loading = yield* Effect.fork(
        first(Cache.getOrSet(choosy, "42", Effect.as(origin.load, "no")))
      )
      yield* settle
      yield* first(Cache.set(choosy, "42", "new"))
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(loading), "no")
      assert.deepStrictEqual(yield* first(Cache.get(choosy, "42")), Option.some("new"))
    }))
})

describe("the TTL of a loaded value", () => {
  it.scoped("comes from the policy, the call, or the value", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const fixed = Cache.make({ name: "fixed", timeToLive: "10 seconds" })
      const computed = Cache.make({
        name: "computed",
        codec: Codec.structural<number>(),
        timeToLive: (value, key) => value * key.length * 1000
      })
      yield* first(Cache.getOrSet(fixed, "a", Effect.succeed(1)))
      yield* first(Cache.getOrSet(fixed, "b", Effect.succeed(1), { timeToLive: "1 second" }))
      yield* first(Cache.getOrSet(computed, "ab", Effect.succeed(2)))
      const left = (cache: typeof fixed | typeof computed, key: string) =>
        first(Effect.map(Cache.timeToLive(cache as typeof fixed, key), Option.map(Duration.toMillis)))
      assert.deepStrictEqual(yield* left(fixed, "a"), Option.some(10_000))
      assert.deepStrictEqual(yield* left(fixed, "b"), Option.some(1_000))
      assert.deepStrictEqual(yield* left(computed, "ab"), Option.some(4_000))
    }))

  it.scoped("invalid options are refused before anything is read", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({ failure: { probability: 1 } })
      for (const options of [{ timeToLive: 0 }, { timeToLive: -1 }, { timeout: 0 }, { tags: [""] }]) {
        const exit = yield* first(Effect.either(Cache.getOrSet(users, "42", Effect.succeed("v"), options)))
        assert.strictEqual(exit._tag === "Left" && exit.left._tag, "CodecError")
      }
    }))

  it.scoped("a value that cannot be stored fails all waiting callers, and releases the lease", () =>
    Effect.gen(function*() {
      const small = Cache.make({ name: "small", maxValueSize: 10 })
      const { first, services } = yield* instances(undefined)
      for (const value of ["x".repeat(100), () => {}]) {
        const result = yield* first(Effect.either(Cache.getOrSet(small, "42", Effect.succeed<unknown>(value))))
        assert.strictEqual(result._tag === "Left" && result.left._tag, "CodecError")
        assert.deepStrictEqual(yield* nothingLeft(services[0]!, "small:42"), clean)
      }
    }))

  it.scoped("at most maxConcurrentLoads run at once", () =>
    Effect.gen(function*() {
      const few = Cache.make({ name: "few", maxConcurrentLoads: 2 })
      const { first } = yield* instances(undefined)
      let running = 0
      let most = 0
      const load = Effect.acquireUseRelease(
        Effect.sync(() => {
          most = Math.max(most, ++running)
        }),
        () => Effect.sleep("1 second"),
        () => Effect.sync(() => running--)
      )
      const all = yield* Effect.fork(first(
        Effect.forEach(["1", "2", "3", "4", "5"], (key) => Cache.getOrSet(few, key, Effect.as(load, key)), {
          concurrency: "unbounded"
        })
      ))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(all), ["1", "2", "3", "4", "5"])
      assert.strictEqual(most, 2)
    }))

  it.scoped("caches of one name: callers of the same codec share a value, others read the stored one", () =>
    Effect.gen(function*() {
      const texts = Cache.make({ name: "same", codec: Codec.structural<string>() })
      const lengths = Cache.make({ name: "same", codec: Codec.structural<string | number>() })
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const one = yield* Effect.fork(first(Cache.getOrSet(texts, "42", origin.load)))
      yield* settle
      const two = yield* Effect.fork(first(Cache.getOrSet(lengths, "42", Effect.succeed(7))))
      yield* settle
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(one), "v1")
      assert.strictEqual(yield* Fiber.join(two), "v1")
      // They stay coherent.
      yield* first(Cache.delete(lengths, "42"))
      assert.deepStrictEqual(yield* first(Cache.get(texts, "42")), Option.none())
    }))

  it.scoped("an entry that does not decode is loaded again, and overwritten", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const ignored = { onSuccess: () => Effect.void, onFailure: () => Effect.void }
      for (const text of ["foreign bytes", "", "12"]) {
        yield* services[0]!.driver.set(
          { key: "users:42", bytes: new TextEncoder().encode(text), life: undefined },
          ignored
        )
        assert.strictEqual(yield* first(Cache.getOrSet(users, "42", Effect.succeed(`after ${text}`))), `after ${text}`)
        assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.some(`after ${text}`))
      }
      const next = Cache.make({ name: "users", codec: Codec.structural<string>(), version: 2 })
      assert.strictEqual(yield* first(Cache.getOrSet(next, "42", Effect.succeed("new version"))), "new version")
      assert.deepStrictEqual(yield* first(Cache.get(users, "42")), Option.none())
    }))
})
