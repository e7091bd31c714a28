/** Answers that arrive in another order than their requests, as they may when keys move between servers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Cache } from "effect-redis-cache"
import { settle } from "../load/memoryInstances.js"
import { instances } from "./watchedInstances.js"

const users = Cache.make({ name: "users", near: { capacity: 100 } })

describe("with two overlapping reads, and no change reported between them", () => {
  for (const change of ["write", "delete"] as const) {
    it.scoped(`the older read, answered last, does not overwrite the newer one's copy, which knows of a ${change}`, () =>
      Effect.gen(function*() {
        let reads = 0
        const { first, second } = yield* instances(
          (operation, keys) =>
            operation === "get" && keys[0] === "users:42" && ++reads === 1 ? { after: "20 millis" } : undefined,
          undefined
        )
        const get = first.run(Cache.get(users, "42"))
        yield* Effect.forEach([1, 2], () => Effect.zipRight(first.run(Cache.get(users, "nobody")), settle))
        yield* second.run(Cache.set(users, "42", "old"))
        first.feed.hold()
        const older = yield* Effect.fork(get)
        yield* TestClock.adjust("5 millis")
        yield* second.run(change === "write" ? Cache.set(users, "42", "new") : Cache.delete(users, "42"))
        const expected = change === "write" ? Option.some("new") : Option.none()
        assert.deepStrictEqual(yield* get, expected)
        yield* TestClock.adjust("20 millis")
        assert.deepStrictEqual(yield* Fiber.join(older), Option.some("old"))
        assert.deepStrictEqual(yield* get, expected)
        assert.strictEqual(first.service.runtime.near.reading, 0)
      }))
  }
})
