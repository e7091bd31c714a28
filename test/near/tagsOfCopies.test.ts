import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache } from "effect-redis-cache"
import { settle } from "../load/memoryInstances.js"
import { type Instance, instances } from "./watchedInstances.js"

const byKey = Cache.make({
  name: "byKey",
  near: { capacity: 100 },
  staleIfError: "1 hour",
  tags: (key) => [`key:${key}`, "all"]
})
const byValue = Cache.make({
  name: "byValue",
  near: { capacity: 100 },
  valueTags: (value) => [`value:${String(value)}`]
})

describe("near copies and tags", () => {
  for (const [how, cache, tag] of [["key", byKey, "all"], ["value", byValue, "value:v"]] as const) {
    const read = (instance: Instance) => instance.run(Cache.get(cache, "42"))
    const isCopy = (instance: Instance) =>
      Effect.suspend(() => {
        instance.calls.length = 0
        return Effect.map(read(instance), () => instance.calls.length === 0)
      })

    it.scoped(`tags of the ${how}: a hit asks no store, and an invalidation, here or elsewhere, ends it`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        for (const invalidator of [first, second]) {
          yield* second.run(Cache.set(cache, "42", "v"))
          yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), settle))
          assert.isTrue(yield* isCopy(first))
          yield* invalidator.run(Cache.invalidateTags(cache, [tag]))
          assert.deepStrictEqual(yield* read(first), Option.none())
        }
      }))

    it.scoped(`tags of the ${how}: an expiry of tag or key, here or elsewhere, ends it`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        for (const { run } of [first, second]) {
          for (const expired of [Cache.expireTags(cache, [tag]), Cache.expire(cache, "42")]) {
            yield* second.run(Cache.set(cache, "42", "v"))
            yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), settle))
            assert.isTrue(yield* isCopy(first))
            yield* run(Effect.asVoid(expired))
            // A stale value has no copy.
            yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), settle))
            assert.deepStrictEqual(yield* read(first), Option.none())
          }
        }
        assert.strictEqual(first.service.runtime.near.reading, 0)
      }))

    it.scoped(`tags of the ${how}: an invalidation between the read and its answer`, () =>
      Effect.gen(function*() {
        let slow = false
        const { first, second } = yield* instances(
          (operation) => slow && operation.startsWith("get") ? { after: "10 millis" } : undefined,
          undefined
        )
        yield* read(first)
        yield* settle
        yield* second.run(Cache.set(cache, "42", "v"))
        slow = true
        const reading = yield* Effect.fork(read(first))
        yield* TestClock.adjust("15 millis")
        yield* second.run(Cache.invalidateTags(cache, [tag]))
        yield* TestClock.adjust("20 millis")
        yield* Fiber.join(reading)
        slow = false
        assert.deepStrictEqual(yield* read(first), Option.none())
      }))

    it.scoped(`tags of the ${how}: own invalidation, reported late`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances((operation) =>
          operation === "replaceEpochs" ? { after: "10 millis" } : undefined
        )
        yield* first.run(Cache.set(cache, "42", "v"))
        yield* Effect.forEach([1, 2], () => Effect.zipRight(read(first), settle))
        first.feed.hold()
        assert.isTrue(yield* isCopy(first))
        const invalidating = yield* Effect.fork(first.run(Cache.invalidateTags(cache, [tag])))
        yield* settle
        assert.isFalse(yield* isCopy(first))
        yield* TestClock.adjust("10 millis")
        yield* invalidating
        assert.deepStrictEqual(yield* read(first), Option.none())
      }))

    it.scoped(`tags of the ${how}: many at once, and an epoch that is gone`, () =>
      Effect.gen(function*() {
        const { first, second, server } = yield* instances(undefined, undefined)
        yield* second.run(Cache.setMany(cache, { a: "v", b: "v", c: "w" }))
        const readAll = first.run(Cache.getMany(cache, ["a", "b", "c"]))
        yield* Effect.forEach([1, 2], () => Effect.zipRight(readAll, settle))
        first.calls.length = 0
        assert.strictEqual((yield* readAll).size, 3)
        assert.deepStrictEqual(first.calls, [])
        yield* second.run(Cache.invalidateTags(cache, [tag]))
        assert.strictEqual((yield* readAll).size, how === "key" ? 0 : 1)
        server.clear()
        assert.strictEqual((yield* readAll).size, 0)
      }))
  }
})
