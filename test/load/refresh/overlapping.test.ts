/**
 * Concurrent forced loads of one key, in several processes: the value that one of them returned is never replaced by an
 * older one.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { Cache, Codec, Memo } from "effect-redis-cache"
import { type Fleet, fleets } from "../fleets.js"

const users = Cache.make({
  name: "users",
  codec: Codec.structural<string>(),
  timeToLive: (value) => value === "not to be stored" ? 0 : "1 hour"
})

/** Two processes, and refreshes that begin one after another. */
const refreshes = (fleet: Fleet) =>
  Effect.gen(function*() {
    const { at } = yield* fleet.processes(undefined, undefined)
    const origin = fleet.origin()
    let begun = 0
    return {
      at,
      origin,
      begin: (process: number, as?: string) =>
        Effect.gen(function*() {
          const load = as === undefined ? origin.load : Effect.as(origin.load, as)
          const fiber = yield* Effect.fork(at(process)(Effect.exit(Cache.refresh(users, "42", load))))
          const runs = ++begun
          yield* fleet.until(() => origin.runs === runs)
          return fiber
        }),
      get: at(1)(Cache.get(users, "42"))
    }
  })

for (const fleet of fleets) {
  describe(`overlapping refreshes, ${fleet.name}`, () => {
    for (const [where, process] of [["here", 0], ["elsewhere", 1]] as const) {
      for (const before of [undefined, "old"]) {
        fleet.test(`over ${before ?? "nothing"}: the newer one, ${where}, fails: the older one is stored`, () =>
          Effect.gen(function*() {
            for (const failsFirst of before === undefined ? [false] : [true, false]) {
              const { at, begin, get, origin } = yield* refreshes(fleet)
              if (before !== undefined) yield* at(0)(Cache.set(users, "42", before))
              const older = yield* begin(0)
              const newer = yield* begin(process)
              const fails = Effect.zipRight(origin.fail(2), Fiber.join(newer))
              if (failsFirst) yield* fails
              yield* origin.succeed(1)
              assert.deepStrictEqual(yield* Fiber.join(older), Exit.succeed("v1"))
              assert.deepStrictEqual(yield* get, Option.some("v1"))
              if (!failsFirst) yield* fails
              assert.deepStrictEqual(yield* get, Option.some("v1"))
            }
          }))

        fleet.test(`over ${before ?? "nothing"}: a value that the older one does not store is not served either, ${where}`, () =>
          Effect.gen(function*() {
            const { at, begin, get, origin } = yield* refreshes(fleet)
            if (before !== undefined) yield* at(0)(Cache.set(users, "42", before))
            const older = yield* begin(0, "not to be stored")
            const newer = yield* begin(process)
            yield* origin.succeed(1)
            assert.deepStrictEqual(yield* Fiber.join(older), Exit.succeed("not to be stored"))
            assert.deepStrictEqual(yield* get, Option.none())
            yield* origin.fail(2)
            yield* Fiber.join(newer)
            assert.deepStrictEqual(yield* get, Option.none())
          }))
      }

      fleet.test(`a write in between wins, with a newer refresh ${where}`, () =>
        Effect.gen(function*() {
          const { at, begin, get, origin } = yield* refreshes(fleet)
          const first = yield* begin(0)
          const second = yield* begin(process)
          yield* at(1)(Cache.set(users, "42", "written"))
          const third = yield* begin(process)
          for (const n of [1, 2]) yield* origin.succeed(n)
          yield* Effect.all([Fiber.join(first), Fiber.join(second)])
          yield* origin.fail(3)
          yield* Fiber.join(third)
          assert.deepStrictEqual(yield* get, Option.some("written"))
        }))

      fleet.test(`without a pause, ${where}: each one that ends is stored`, () =>
        Effect.gen(function*() {
          const { at, begin, get, origin } = yield* refreshes(fleet)
          yield* at(0)(Cache.set(users, "42", "old"))
          const running = [yield* begin(0), yield* begin(process)]
          for (let n = 1; n <= 10; n++) {
            running.push(yield* begin(n % 2 === 0 ? 0 : process))
            yield* origin.succeed(n)
            assert.deepStrictEqual(yield* Fiber.join(running.shift()!), Exit.succeed(`v${n}`))
            assert.deepStrictEqual(yield* get, Option.some(`v${n}`))
          }
          for (const n of [11, 12]) yield* origin.fail(n)
          for (const fiber of running) yield* Fiber.join(fiber)
          assert.deepStrictEqual(yield* get, Option.some("v10"))
        }))
    }

    fleet.test("the value of the last one to begin stays, whichever ends first and whatever happens to the last", () =>
      Effect.gen(function*() {
        const { at, begin, get, origin } = yield* refreshes(fleet)
        yield* at(0)(Cache.set(users, "42", "old"))
        const running = [yield* begin(0), yield* begin(1), yield* begin(0), yield* begin(1)]
        const end = (n: number) => Effect.zipRight(origin.succeed(n), Fiber.join(running[n - 1]!))
        yield* end(1)
        yield* end(3)
        yield* end(2)
        assert.deepStrictEqual(yield* get, Option.some("v3"))
        yield* origin.fail(4)
        yield* Fiber.join(running[3]!)
        assert.deepStrictEqual(yield* get, Option.some("v3"))
      }))

    fleet.test("of a memoized function, too", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        const origin = fleet.origin()
        const find = Memo.cached((_: number) => origin.load, { name: "find", timeToLive: "1 hour" })
        const older = yield* Effect.fork(at(0)(find.refresh(42)))
        yield* fleet.until(() => origin.runs === 1)
        const newer = yield* Effect.fork(at(1)(Effect.exit(find.refresh(42))))
        yield* fleet.until(() => origin.runs === 2)
        yield* origin.succeed(1)
        yield* Fiber.join(older)
        yield* origin.fail(2)
        yield* Fiber.join(newer)
        assert.deepStrictEqual(yield* at(1)(find.peek(42)), Option.some("v1"))
      }))
  })
}
