/** What happens between sending something and its answer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache } from "effect-redis-cache"
import { Origin, settle } from "../load/memoryInstances.js"
import { type Instance, instances } from "./watchedInstances.js"

const users = Cache.make({ name: "users", near: { capacity: 100 } })

/** From the next read on, hits are served: the feed is proven. */
const prove = (instance: Instance) =>
  Effect.zipRight(
    Effect.zipRight(instance.run(Cache.get(users, "nobody")), settle),
    instance.run(Cache.get(users, "nobody"))
  )

/** Whether a read of the key is answered without asking the store. */
const isCopy = (instance: Instance, key: string) =>
  Effect.suspend(() => {
    instance.calls.length = 0
    return Effect.map(instance.run(Cache.get(users, key)), () => instance.calls.length === 0)
  })

const slow =
  (name: string, fault: { before?: string; after?: string }) => (operation: string, keys: ReadonlyArray<string>) =>
    operation === name && keys[0] === "users:42"
      ? fault as { before?: `${number} millis`; after?: `${number} millis` }
      : undefined

describe("near copies and concurrent events", () => {
  it.scoped("a write between a read and its answer: the answer fills nothing", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(slow("get", { after: "10 millis" }), undefined)
      yield* prove(first)
      yield* second.run(Cache.set(users, "42", "old"))
      const reading = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("5 millis")
      yield* second.run(Cache.set(users, "42", "new"))
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(yield* Fiber.join(reading), Option.some("old"))
      const again = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* Fiber.join(again), Option.some("new"))
      assert.isTrue(yield* isCopy(first, "42"))
    }))

  it.scoped("the older of two overlapping reads does not fill the placeholder of the newer", () =>
    Effect.gen(function*() {
      let reads = 0
      const { first, second } = yield* instances((operation, keys) =>
        operation === "get" && keys[0] === "users:42"
          // The first read is answered after the second one was sent, and before its answer.
          ? (++reads === 1
            ? { after: "20 millis" }
            : reads === 2
            ? { before: "20 millis", after: "20 millis" }
            : undefined)
          : undefined, undefined)
      yield* prove(first)
      yield* second.run(Cache.set(users, "42", "old"))
      const older = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("5 millis")
      yield* second.run(Cache.set(users, "42", "new"))
      const newer = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("15 millis")
      assert.deepStrictEqual(yield* Fiber.join(older), Option.some("old"))
      const another = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* settle
      assert.isTrue(Option.isNone(yield* Fiber.poll(another)))
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Fiber.join(newer), Option.some("new"))
      assert.deepStrictEqual(yield* first.run(Cache.get(users, "42")), Option.some("new"))
    }))

  it.scoped("reads that overlap continuously still fill", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(slow("get", { after: "10 millis" }))
      yield* prove(first)
      yield* first.run(Cache.set(users, "42", "v"))
      for (let i = 0; i < 3; i++) {
        yield* Effect.fork(first.run(Cache.get(users, "42")))
        yield* TestClock.adjust("6 millis")
      }
      assert.isTrue(yield* isCopy(first, "42"))
    }))

  for (
    const operation of [
      "set",
      "delete",
      "modify",
      "touch",
      "setIfAbsent",
      "take",
      "setMany",
      "deleteMany",
      "refresh"
    ] as const
  ) {
    const write = (instance: Instance): Effect.Effect<unknown, unknown> => {
      switch (operation) {
        case "set":
          return instance.run(Cache.set(users, "42", "new"))
        case "delete":
          return instance.run(Cache.delete(users, "42"))
        case "modify":
          return instance.run(Cache.modify(users, "42", () => Option.some("new")))
        case "touch":
          return instance.run(Cache.touch(users, "42", "1 hour"))
        case "setIfAbsent":
          return instance.run(Cache.setIfAbsent(users, "42", "new"))
        case "take":
          return instance.run(Cache.take(users, "42"))
        case "setMany":
          return instance.run(Cache.setMany(users, { 42: "new" }))
        case "deleteMany":
          return instance.run(Cache.deleteMany(users, ["42"]))
        case "refresh":
          return instance.run(Cache.refresh(users, "42", Effect.succeed("new")))
      }
    }

    it.scoped(`own ${operation}, reported late: a copy goes when it is called, and whatever is read meanwhile goes when it is answered`, () =>
      Effect.gen(function*() {
        // Every step of the write takes place at once and is answered 10 ms later; reads are answered at once.
        const { first } = yield* instances((name) =>
          name === "get" || name === "heartbeat" ? undefined : { after: "10 millis" }
        )
        yield* prove(first)
        const seeded = yield* Effect.fork(first.run(Cache.set(users, "42", "old")))
        yield* TestClock.adjust("10 millis")
        yield* seeded
        yield* first.run(Cache.get(users, "42"))
        assert.isTrue(yield* isCopy(first, "42"))
        first.feed.hold()
        const writing = yield* Effect.fork(write(first))
        // A refresh has its lease by then, and sends what it loaded.
        yield* TestClock.adjust(operation === "refresh" ? "10 millis" : 0)
        assert.isFalse(yield* isCopy(first, "42"))
        yield* TestClock.adjust("100 millis")
        yield* writing
        assert.isFalse(yield* isCopy(first, "42"))
      }))
  }

  it.scoped("an own write, sent after an own read that is answered after it", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(slow("get", { after: "10 millis" }))
      yield* prove(first)
      yield* first.run(Cache.set(users, "42", "old"))
      first.feed.hold()
      const reading = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("5 millis")
      yield* first.run(Cache.set(users, "42", "new"))
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(yield* Fiber.join(reading), Option.some("old"))
      const again = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* Fiber.join(again), Option.some("new"))
    }))

  it.scoped("an own write whose answer is lost: later reads do not return the old copy", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(slow("set", {}))
      yield* prove(first)
      yield* first.run(Cache.set(users, "42", "old"))
      yield* first.run(Cache.get(users, "42"))
      assert.isTrue(yield* isCopy(first, "42"))
      first.feed.hold()
      const writing = yield* Effect.fork(first.run(Cache.set(users, "42", "new")))
      yield* settle
      yield* Fiber.interrupt(writing)
      assert.deepStrictEqual(yield* first.run(Cache.get(users, "42")), Option.some("new"))
    }))

  it.scoped("a load's fill and another client's delete: no copy of either", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* prove(first)
      const origin = new Origin()
      const loading = yield* Effect.fork(first.run(Cache.getOrSet(users, "42", origin.load)))
      yield* settle
      yield* second.run(Cache.delete(users, "42"))
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(loading), "v1")
      assert.deepStrictEqual(yield* first.run(Cache.get(users, "42")), Option.none())
    }))

  it.scoped("a refresh replaces a copy: here at once, and in other processes when it is reported", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* prove(first)
      yield* prove(second)
      yield* first.run(Cache.set(users, "42", "old"))
      for (const instance of [first, second]) yield* instance.run(Cache.get(users, "42"))
      yield* first.run(Cache.refresh(users, "42", Effect.succeed("new")))
      for (const instance of [first, second]) {
        assert.deepStrictEqual(yield* instance.run(Cache.get(users, "42")), Option.some("new"))
      }
    }))

  it.scoped("a read that is interrupted, fails or misses leaves nothing behind", () =>
    Effect.gen(function*() {
      let fail = false
      const { first } = yield* instances((operation, keys) =>
        operation.startsWith("get") && keys[0] === "users:42"
          ? fail ? { fail: "Connection" } : { after: "10 millis" }
          : undefined
      )
      yield* prove(first)
      const { near } = first.service.runtime
      for (const interruptAfter of [0, 5, 9]) {
        const reading = yield* Effect.fork(first.run(Cache.get(users, "42")))
        const many = yield* Effect.fork(first.run(Cache.getMany(users, ["42", "43"])))
        yield* TestClock.adjust(interruptAfter)
        assert.strictEqual(near.reading, 2)
        yield* Fiber.interruptAll([reading, many])
        assert.strictEqual(near.reading, 0)
        yield* TestClock.adjust("20 millis")
        assert.strictEqual(near.reading, 0)
      }
      const missing = yield* Effect.fork(first.run(Cache.get(users, "42")))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* missing, Option.none())
      fail = true
      yield* Effect.ignore(first.run(Cache.get(users, "42")))
      yield* Effect.ignore(first.run(Cache.getMany(users, ["42"])))
      yield* Effect.ignore(first.run(Cache.getOrSet(users, "42", Effect.succeed(1))))
      assert.strictEqual(near.reading, 0)
    }))
})
