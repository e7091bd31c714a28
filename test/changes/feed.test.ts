/** The proof that changes still arrive, and what happens without it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Cache, CacheError } from "effect-redis-cache"
import { Origin, settle } from "../load/memoryInstances.js"
import { type Instance, instances } from "../near/watchedInstances.js"
import { leaseRequest } from "../support/driverRequests.js"

const users = Cache.make({ name: "users", near: { capacity: 100, maxStaleness: "2 seconds" } })
const forgiving = Cache.make({
  name: "forgiving",
  timeToLive: "1 minute",
  staleIfError: "5 minutes",
  near: { capacity: 100, onDisconnect: "serveStale" }
})

const read = (instance: Instance) => instance.run(Cache.get(users, "42"))

/** Whether a read is answered without asking the store. */
const isCopy = (instance: Instance) =>
  Effect.suspend(() => {
    instance.calls.length = 0
    return Effect.map(read(instance), () => instance.calls.length === 0)
  })

const warm = (instance: Instance) =>
  Effect.gen(function*() {
    yield* instance.run(Cache.set(users, "42", "v"))
    yield* Effect.forEach([1, 2], () => Effect.zipRight(read(instance), settle))
    assert.isTrue(yield* isCopy(instance))
  })

describe("the feed of changes", () => {
  it.scoped("without the echo of a heartbeat, nothing is served from memory", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first.run(Cache.set(users, "42", "v"))
      first.feed.silence()
      yield* Effect.forEach([1, 2, 3], () => Effect.zipRight(read(first), settle))
      assert.isFalse(yield* isCopy(first))
    }))

  it.scoped("a link that falls silent is noticed within maxStaleness, and replaced", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* warm(first)
      first.feed.silence()
      yield* second.run(Cache.set(users, "42", "unheard"))
      yield* TestClock.adjust("1499 millis")
      assert.deepStrictEqual(yield* read(first), Option.some("v"))
      yield* TestClock.adjust("501 millis")
      assert.deepStrictEqual(yield* read(first), Option.some("unheard"))
      assert.isFalse(yield* isCopy(first))
      assert.strictEqual(first.feed.renewals, 1)
      first.feed.cut()
      first.feed.mend()
      yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), TestClock.adjust("500 millis")))
      assert.isTrue(yield* isCopy(first))
    }))

  it.scoped("copies that were read before a connection was replaced go before the next proof: it may lead to another server", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* warm(first)
      yield* TestClock.adjust("600 millis")
      assert.isTrue(yield* isCopy(first))
      first.feed.connections++
      yield* TestClock.adjust("600 millis")
      assert.isFalse(yield* isCopy(first))
      yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), settle))
      assert.isTrue(yield* isCopy(first))
    }))

  it.scoped("after the machine slept, only a heartbeat sent since then proves anything", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* warm(first)
      yield* TestClock.adjust("400 millis")
      first.feed.hold()
      yield* TestClock.adjust("200 millis")
      // In flight: the echo of a heartbeat that was sent before the sleep.
      assert.isTrue(yield* isCopy(first))
      first.feed.sleep()
      assert.isFalse(yield* isCopy(first))
      first.feed.deliver()
      assert.isFalse(yield* isCopy(first))
      yield* TestClock.adjust("500 millis")
      assert.isTrue(yield* isCopy(first))
    }))

  it.scoped("a heartbeat that returns without an acknowledgement is no proof: the store may not have set its expiry", () =>
    Effect.gen(function*() {
      const { first } = yield* instances((operation) => operation === "heartbeat" ? { after: "300 millis" } : undefined)
      yield* first.run(Cache.set(users, "42", "v"))
      yield* Effect.forEach([1, 2, 3], () => Effect.zipRight(read(first), settle))
      assert.isFalse(yield* isCopy(first))
      yield* TestClock.adjust("300 millis")
      yield* read(first)
      assert.isTrue(yield* isCopy(first))
    }))

  it.scoped("changes that arrive late count as old as their proof: no value is older than maxStaleness", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* warm(first)
      first.feed.hold()
      yield* second.run(Cache.set(users, "42", "held"))
      yield* TestClock.adjust("1900 millis")
      yield* second.run(Cache.set(users, "42", "later"))
      yield* TestClock.adjust("100 millis")
      assert.isFalse(yield* isCopy(first))
      first.feed.deliver()
      yield* TestClock.adjust("1 seconds")
      yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), settle))
      assert.deepStrictEqual(yield* read(first), Option.some("later"))
      assert.isTrue(yield* isCopy(first))
    }))

  it.scoped("the echo of a heartbeat that was given up proves nothing", () =>
    Effect.gen(function*() {
      let answered = true
      const { first } = yield* instances((operation) =>
        operation === "heartbeat" && !answered ? { lostReply: "100 millis" } : undefined
      )
      yield* warm(first)
      yield* TestClock.adjust("10 seconds")
      yield* warm(first)
      answered = false
      first.feed.hold()
      // Written, but not known to be: its echo waits.
      yield* TestClock.adjust("600 millis")
      yield* TestClock.adjust("100 millis")
      answered = true
      first.feed.silence()
      yield* TestClock.adjust("500 millis")
      const written = first.feed.heartbeats
      first.feed.deliver()
      yield* TestClock.adjust("1400 millis")
      assert.isAtLeast(written, 3)
      assert.isFalse(yield* isCopy(first))
    }))

  it.scoped("losing a link empties it; until there is another, reads ask the store", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* warm(first)
      first.feed.cut()
      yield* second.run(Cache.set(users, "42", "unheard"))
      assert.deepStrictEqual(yield* read(first), Option.some("unheard"))
      assert.isFalse(yield* isCopy(first))
      first.feed.mend()
      yield* TestClock.adjust("500 millis")
      assert.isFalse(yield* isCopy(first))
      assert.isTrue(yield* isCopy(first))
    }))

  it.scoped("an answer to a command that was sent before the link existed fills nothing", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(
        (operation) => operation === "get" ? { after: "10 millis" } : undefined,
        undefined
      )
      yield* second.run(Cache.set(users, "42", "old"))
      const warming = yield* Effect.fork(read(first))
      yield* TestClock.adjust("10 millis")
      yield* warming
      first.feed.cut()
      const reading = yield* Effect.fork(read(first))
      yield* TestClock.adjust("5 millis")
      yield* second.run(Cache.set(users, "42", "new"))
      first.feed.mend()
      yield* TestClock.adjust("505 millis")
      yield* reading
      const again = yield* Effect.fork(read(first))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* Fiber.join(again), Option.some("new"))
    }))

  it.scoped(
    "heartbeats end after a minute without a read, and begin again with the next read",
    () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        yield* warm(first)
        for (let i = 0; i < 300; i++) yield* TestClock.adjust("500 millis")
        const idle = first.feed.heartbeats
        assert.isAtMost(idle, 130)
        for (let i = 0; i < 20; i++) yield* TestClock.adjust("500 millis")
        assert.strictEqual(first.feed.heartbeats, idle)
        assert.isFalse(yield* isCopy(first))
        yield* settle
        assert.isTrue(yield* isCopy(first))
      }),
    20_000
  )

  it.scoped("without a near cache there is no heartbeat", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first.run(Cache.set(Cache.make({ name: "far" }), "42", "v"))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(first.feed.heartbeats, 0)
    }))
})

describe("serveStale", () => {
  const setUp = Effect.gen(function*() {
    let away = false
    const { first, second } = yield* instances(() => away ? { fail: "Connection" } : undefined, undefined)
    yield* first.run(Cache.set(forgiving, "42", "v"))
    yield* Effect.forEach([1, 2], () => Effect.zipRight(first.run(Cache.get(forgiving, "42")), settle))
    const leave = Effect.sync(() => {
      away = true
      first.feed.cut()
    })
    const comeBack = Effect.sync(() => {
      away = false
      first.feed.mend()
    })
    return { first, second, leave, comeBack }
  })
  const fromStore = Effect.succeed("loaded")

  it.scoped("while the store is unreachable, copies answer: reads while fresh, loads within staleIfError", () =>
    Effect.gen(function*() {
      const { first, leave } = yield* setUp
      yield* leave
      const get = first.run(Cache.get(forgiving, "42"))
      const load = first.run(Cache.getOrSet(forgiving, "42", fromStore))
      const loadMany = first.run(Cache.getOrSetMany(forgiving, ["42"], () => Effect.succeed([])))
      assert.deepStrictEqual(yield* get, Option.some("v"))
      assert.deepStrictEqual([...yield* first.run(Cache.getMany(forgiving, ["42"]))], [["42", "v"]])
      assert.strictEqual(yield* load, "v")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(first.run(Cache.get(forgiving, "43")))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(first.run(Cache.getMany(forgiving, ["42", "43"])))))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get)))
      assert.strictEqual(yield* load, "v")
      assert.deepStrictEqual([...yield* loadMany], [["42", "v"]])
      yield* TestClock.adjust("4 minutes")
      yield* TestClock.adjust("3 seconds")
      const failed = yield* Effect.flip(load)
      assert.instanceOf(failed, CacheError.RedisError)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(loadMany)))
    }))

  it.scoped("an own write that fails ends the copy; once the store is back, it answers", () =>
    Effect.gen(function*() {
      const { comeBack, first, leave, second } = yield* setUp
      const get = first.run(Cache.get(forgiving, "42"))
      yield* leave
      assert.deepStrictEqual(yield* get, Option.some("v"))
      yield* second.run(Cache.set(forgiving, "42", "meanwhile"))
      yield* comeBack
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* get, Option.some("meanwhile"))
      yield* TestClock.adjust("500 millis")
      yield* get
      yield* leave
      assert.deepStrictEqual(yield* get, Option.some("meanwhile"))
      yield* Effect.ignore(first.run(Cache.delete(forgiving, "42")))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get)))
    }))

  it.scoped("a value that was read without a link is served when the store fails, too", () =>
    Effect.gen(function*() {
      const { first, leave, second } = yield* setUp
      const get = first.run(Cache.get(forgiving, "42"))
      first.feed.cut()
      yield* second.run(Cache.set(forgiving, "42", "newer"))
      assert.deepStrictEqual(yield* get, Option.some("newer"))
      yield* leave
      assert.deepStrictEqual(yield* get, Option.some("newer"))
    }))

  it.scoped("bypass without serveStale loads; with serveStale, memory answers first", () =>
    Effect.gen(function*() {
      let away = false
      const { first } = yield* instances(() => away ? { fail: "Connection" } : undefined)
      for (const onDisconnect of ["bypass", "serveStale"] as const) {
        away = false
        const cache = Cache.make({
          name: onDisconnect,
          onRedisError: "bypass",
          staleIfError: "1 minute",
          near: { capacity: 10, onDisconnect }
        })
        yield* first.run(Cache.set(cache, "42", "v"))
        yield* TestClock.adjust("10 seconds")
        yield* Effect.forEach([1, 2, 3], () => Effect.zipRight(first.run(Cache.get(cache, "42")), settle))
        away = true
        first.feed.cut()
        const expected = onDisconnect === "bypass" ? "loaded" : "v"
        assert.strictEqual(yield* first.run(Cache.getOrSet(cache, "42", fromStore)), expected)
        away = false
        first.feed.mend()
      }
    }))
})

describe("a caller that waits for another process's load", () => {
  const far = Cache.make({ name: "far", lease: { wait: "30 seconds" } })

  it.scoped("is woken by the feed, and polls no sooner; a delete wakes it, too", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      let now = () => 0
      const { first, second } = yield* instances(undefined, (operation, keys) => {
        if (operation === "lease" && keys[0] === "far:42") asked.push(now())
        return undefined
      })
      const clock = yield* Effect.clock
      now = () => clock.unsafeCurrentTimeMillis()
      yield* warm(second)
      const origin = new Origin()
      const here = yield* Effect.fork(first.run(Cache.getOrSet(far, "42", origin.load)))
      yield* settle
      const there = yield* Effect.fork(second.run(Cache.getOrSet(far, "42", origin.load)))
      yield* settle
      for (let i = 0; i < 4; i++) yield* TestClock.adjust("500 millis")
      // Its first look, and one more after it has registered.
      assert.strictEqual(asked.length, 2)
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(here), "v1")
      assert.strictEqual(yield* Fiber.join(there), "v1")
      assert.strictEqual(asked.length, 3)
      assert.strictEqual(origin.runs, 1)
    }))

  it.scoped("goes on by itself if the feed is lost, or the holder dies", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* warm(second)
      const origin = new Origin()
      const here = yield* Effect.fork(first.run(Cache.getOrSet(far, "42", origin.load)))
      yield* settle
      const there = yield* Effect.fork(second.run(Cache.getOrSet(far, "42", origin.load)))
      yield* settle
      second.feed.cut()
      yield* origin.succeed(1)
      yield* TestClock.adjust("100 millis")
      yield* here
      assert.strictEqual(yield* Fiber.join(there), "v1")
      second.feed.mend()
      yield* TestClock.adjust("500 millis")
      yield* warm(second)
      yield* second.service.driver.lease(
        [leaseRequest({ key: "far:43", token: new Uint8Array(8).fill(7), duration: 5_000 })],
        "entry"
      )
      const orphan = yield* Effect.fork(second.run(Cache.getOrSet(far, "43", Effect.succeed("mine"))))
      for (let i = 0; i < 12; i++) yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(orphan), "mine")
    }))
})
