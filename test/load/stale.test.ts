import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Duration, Effect, Exit, Fiber, Logger, Option, Random, TestClock } from "effect"
import { Cache, CacheError, Codec, type Redis } from "effect-redis-cache"
import { clean, instances, nothingLeft, Origin, settle } from "./memoryInstances.js"

const codec = Codec.structural<string>()
const swr = Cache.make({ name: "swr", codec, timeToLive: "10 seconds", staleWhileRevalidate: "10 seconds" })
const sie = Cache.make({ name: "sie", codec, timeToLive: "10 seconds", staleIfError: "10 seconds" })

type Write = Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>

const never = Effect.dieMessage("nothing is to be computed")

/** The logs: message and annotations. */
const logs = () => {
  const messages: Array<string> = []
  const logger = Logger.make<unknown, void>(({ annotations, message }) => {
    messages.push(
      [...Arr.ensure(message).map(String), ...[...annotations].map(([k, v]) => `${k}=${String(v)}`)].join(" ")
    )
  })
  return { messages, layer: Logger.replace(Logger.defaultLogger, logger) }
}

describe("staleWhileRevalidate", () => {
  it.scoped("every caller is answered at once, and one process in the fleet refreshes", () =>
    Effect.gen(function*() {
      const { first, second, services } = yield* instances(undefined, undefined)
      const origin = new Origin()
      yield* first(Cache.set(swr, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      // Also while the refresh runs, in its own process.
      for (const at of [first, second, first, second]) {
        assert.strictEqual(yield* at(Cache.getOrSet(swr, "42", origin.load)), "old")
        yield* settle
      }
      assert.strictEqual(origin.runs, 1)
      assert.deepStrictEqual(yield* first(Cache.get(swr, "42")), Option.none())
      yield* origin.succeed(1)
      assert.strictEqual(yield* second(Cache.getOrSet(swr, "42", never)), "v1")
      assert.strictEqual((yield* first(Cache.stats(swr))).staleServed, 2)
      for (const service of services) assert.deepStrictEqual(yield* nothingLeft(service, "swr:42"), clean)
    }))

  it.scoped("adds to the TTL, and ends", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(swr, "42", "old"))
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(yield* first(Cache.get(swr, "42")), Option.some("old"))
      yield* TestClock.adjust("10001 millis")
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", Effect.succeed("new"))), "new")
    }))

  it.scoped("a refresh that fails is logged and counted: the stale value stays", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const { layer, messages } = logs()
      yield* first(Cache.set(swr, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      yield* Effect.provide(first(Cache.getOrSet(swr, "42", origin.load)), layer)
      yield* settle
      yield* origin.fail(1)
      assert.deepStrictEqual(messages, ["A background refresh failed: the stale value stays cache=swr key=swr:42"])
      assert.strictEqual((yield* first(Cache.stats(swr))).failures, 1)
      // Its lease stays for a while: the next reader, in any process, does not call the origin again at once.
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "swr:42"), clean)
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", never)), "old")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", origin.load)), "old")
      yield* settle
      yield* origin.succeed(2)
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", never)), "v2")
    }))

  it.scoped("a refresh that cannot be stored is logged", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({
        script: (operation) => operation === "fill" ? { fail: "ReadOnly" } : undefined
      })
      const { layer, messages } = logs()
      yield* first(Cache.set(swr, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      yield* Effect.provide(first(Cache.getOrSet(swr, "42", Effect.succeed("new"))), layer)
      yield* settle
      assert.deepStrictEqual(messages, [
        "A background refresh could not store its value (ReadOnly): the stale value stays cache=swr key=swr:42"
      ])
    }))

  for (
    const [name, write, after] of Array.of<readonly [string, Write, string]>(
      ["delete", Cache.delete(swr, "42"), "fresh"],
      ["set", Cache.set(swr, "42", "written"), "written"]
    )
  ) {
    it.scoped(`a ${name} during a refresh is not undone`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        const origin = new Origin()
        yield* first(Cache.set(swr, "42", "old"))
        yield* TestClock.adjust("15 seconds")
        yield* first(Cache.getOrSet(swr, "42", origin.load))
        yield* settle
        yield* second(write)
        yield* origin.succeed(1)
        assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", Effect.succeed("fresh"))), after)
      }))
  }

  it.scoped("a caller that finds nothing joins the refresh", () =>
    Effect.gen(function*() {
      const { first, server } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.set(swr, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      yield* first(Cache.getOrSet(swr, "42", origin.load))
      yield* settle
      server.clear()
      const waiting = yield* Effect.fork(first(Cache.getOrSet(swr, "42", never)))
      yield* settle
      yield* origin.succeed(1)
      // It began after the lease request, and the fill was refused: it looks again.
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Fiber.join(waiting))))
    }))

  it.scoped("no operation serves a stale entry of an invalidated tag", () =>
    Effect.gen(function*() {
      const tagged = Cache.make({
        name: "tagged",
        codec,
        timeToLive: "10 seconds",
        staleWhileRevalidate: "1 minute",
        staleIfError: "1 minute",
        tags: () => ["team"]
      })
      const { first, second } = yield* instances(undefined, undefined)
      yield* first(Cache.set(tagged, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      yield* second(Cache.invalidateTags(tagged, ["team"]))
      assert.deepStrictEqual(
        yield* first(Effect.exit(Cache.getOrSet(tagged, "42", Effect.fail("down")))),
        Exit.fail("down")
      )
      assert.strictEqual(yield* first(Cache.getOrSet(tagged, "42", Effect.succeed("new"))), "new")
    }))

  it.scoped("at most 32 refreshes at once: beyond that a stale value is served without one", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
      yield* first(Cache.setMany(swr, keys.map((key) => [key, "old"] as const)))
      yield* TestClock.adjust("15 seconds")
      for (const key of keys) assert.strictEqual(yield* first(Cache.getOrSet(swr, key, Effect.never)), "old")
      yield* settle
      assert.strictEqual(services[0]!.runtime.refreshes, 32)
    }))

  it.scoped("with Redis unreachable, no refresh computes in vain", () =>
    Effect.gen(function*() {
      const bypassing = Cache.make({
        name: "bypassing",
        codec,
        timeToLive: "10 seconds",
        staleWhileRevalidate: "1 minute",
        onRedisError: "bypass"
      })
      const { first, services } = yield* instances({
        script: (operation) => operation === "lease" ? { fail: "Connection" } : undefined
      })
      yield* first(Cache.set(bypassing, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* first(Cache.getOrSet(bypassing, "42", never)), "old")
      yield* settle
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "bypassing:42"), clean)
      assert.strictEqual((yield* first(Cache.stats(bypassing))).loads, 0)
    }))
})

describe("staleIfError", () => {
  it.scoped("a stale value replaces a failure: served, counted, logged", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { layer, messages } = logs()
      yield* first(Cache.set(sie, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      const served = Effect.provide(first(Cache.getOrSet(sie, "42", Effect.fail("down"))), layer)
      assert.strictEqual(yield* served, "old")
      assert.deepStrictEqual(messages, ["A load failed: its callers are served the stale value cache=sie key=sie:42"])
      const stats = yield* first(Cache.stats(sie))
      assert.strictEqual(stats.staleServed, 1)
      assert.strictEqual(stats.failures, 1)
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "sie:42"), clean)
      // The source is left alone for a second.
      assert.strictEqual(yield* first(Cache.getOrSet(sie, "42", never)), "old")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* first(Cache.getOrSet(sie, "42", Effect.succeed("new"))), "new")
    }))

  it.scoped("also for callers that joined the load, and in batches", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const { layer, messages } = logs()
      yield* first(Cache.set(sie, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      const leading = yield* Effect.fork(Effect.provide(first(Cache.getOrSet(sie, "42", origin.load)), layer))
      yield* settle
      const joining = yield* Effect.fork(first(Cache.getOrSet(sie, "42", never)))
      const many = yield* Effect.fork(
        Effect.provide(first(Cache.getOrSetMany(sie, ["42"], () => never)), layer)
      )
      yield* settle
      yield* origin.fail(1)
      assert.deepStrictEqual([yield* Fiber.join(leading), yield* Fiber.join(joining)], ["old", "old"])
      assert.deepStrictEqual([...yield* Fiber.join(many)], [["42", "old"]])
      assert.deepStrictEqual(messages, ["A load failed: its callers are served the stale value cache=sie key=sie:42"])
      const batch = first(Cache.getOrSetMany(sie, ["42"], () => Effect.fail("down")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...yield* Effect.provide(batch, layer)], [["42", "old"]])
      // It is logged once a minute.
      assert.strictEqual(messages.length, 1)
    }))

  it.scoped("not after a delete", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.set(sie, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      const loading = yield* Effect.fork(first(Cache.getOrSet(sie, "42", origin.load)))
      yield* settle
      yield* first(Cache.delete(sie, "42"))
      const later = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(sie, "42", Effect.fail("down")))))
      yield* settle
      assert.deepStrictEqual(yield* Fiber.join(later), Exit.fail("down"))
      yield* origin.fail(1)
      // It began before the delete.
      assert.strictEqual(yield* Fiber.join(loading), "old")
    }))

  it.scoped("not beyond its window, however long the load took", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.setMany(sie, { "42": "old", "43": "old" }))
      yield* TestClock.adjust("15 seconds")
      const loading = yield* Effect.fork(first(Effect.exit(Cache.getOrSet(sie, "42", origin.load))))
      const many = yield* Effect.fork(
        first(Effect.exit(Cache.getOrSetMany(sie, ["43"], () => Effect.as(origin.load, []))))
      )
      yield* TestClock.adjust("6 seconds")
      yield* origin.fail(1)
      yield* origin.fail(2)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(loading)))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(many)))
    }))

  it.scoped("a defect and a failing store count as failures", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({
        script: (operation, _, call) => operation === "lease" && call === 2 ? { fail: "OutOfMemory" } : undefined
      })
      yield* first(Cache.set(sie, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* first(Cache.getOrSet(sie, "42", Effect.die("broken"))), "old")
      assert.strictEqual(yield* first(Cache.getOrSet(sie, "42", never)), "old")
    }))
})

describe("timeout", () => {
  const slow = Cache.make({ name: "slow", codec, timeToLive: "1 minute" })

  it.scoped("no value in time: Empty; the load goes on, can be joined, and its value is stored", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const waiting = yield* Effect.fork(
        first(Effect.either(Cache.getOrSet(slow, "42", origin.load, { timeout: "2 seconds" })))
      )
      yield* TestClock.adjust("2 seconds")
      const result = yield* Fiber.join(waiting)
      assert.isTrue(result._tag === "Left" && result.left instanceof CacheError.Empty)
      assert.deepInclude(result._tag === "Left" ? result.left : {}, { reason: "TimedOut", key: "slow:42" })
      assert.strictEqual(origin.interrupted, 0)
      const joining = yield* Effect.fork(first(Cache.getOrSet(slow, "42", never)))
      yield* settle
      // Nor does it end when the caller that joined leaves.
      const leaving = yield* Effect.fork(first(Cache.getOrSet(slow, "42", never)))
      yield* settle
      yield* Fiber.interrupt(leaving)
      yield* origin.succeed(1)
      assert.strictEqual(yield* Fiber.join(joining), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(slow, "42")), Option.some("v1"))
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "slow:42"), clean)
    }))

  it.scoped("the load goes on after all callers have left", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      yield* Effect.fork(first(Effect.exit(Cache.getOrSet(slow, "42", origin.load, { timeout: "2 seconds" }))))
      yield* TestClock.adjust("3 seconds")
      yield* origin.succeed(1)
      assert.deepStrictEqual(yield* first(Cache.get(slow, "42")), Option.some("v1"))
    }))

  it.scoped("each caller has its own", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const call = (timeout: number) => first(Effect.exit(Cache.getOrSet(slow, "42", origin.load, { timeout })))
      const [short, long] = yield* Effect.all([Effect.fork(call(1000)), Effect.fork(call(3000))])
      yield* TestClock.adjust("2 seconds")
      yield* origin.succeed(1)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(short)))
      assert.deepStrictEqual(yield* Fiber.join(long), Exit.succeed("v1"))
    }))

  it.scoped("a stale value inside its window is served instead", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      yield* first(Cache.set(sie, "42", "old"))
      yield* TestClock.adjust("15 seconds")
      const leading = yield* Effect.fork(first(Cache.getOrSet(sie, "42", origin.load, { timeout: "2 seconds" })))
      yield* settle
      const joining = yield* Effect.fork(first(Cache.getOrSet(sie, "42", origin.load, { timeout: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([yield* Fiber.join(leading), yield* Fiber.join(joining)], ["old", "old"])
      yield* origin.succeed(1)
      assert.deepStrictEqual(yield* first(Cache.get(sie, "42")), Option.some("v1"))
    }))

  it.scoped("it counts from the call on, whatever the call waited for", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      yield* Effect.fork(second(Cache.getOrSet(slow, "42", origin.load)))
      yield* settle
      const waiting = yield* Effect.fork(
        first(Effect.exit(Cache.getOrSet(slow, "42", origin.load, { timeout: "2 seconds" })))
      )
      yield* TestClock.adjust("1500 millis")
      yield* second(Cache.delete(slow, "42"))
      yield* TestClock.adjust("499 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
    }))
})

describe("jitter", () => {
  it.scoped("shortens TTLs by up to its fraction, at random", () =>
    Effect.gen(function*() {
      const jittered = Cache.make({ name: "jittered", codec, timeToLive: "100 seconds", jitter: 0.2 })
      const { first } = yield* instances(undefined)
      const millis = yield* Effect.forEach(Arr.range(1, 50), (i) =>
        Effect.gen(function*() {
          const key = String(i)
          yield* Effect.withRandom(first(Cache.getOrSet(jittered, key, Effect.succeed(key))), Random.make(i))
          return Duration.toMillis(Option.getOrThrow(yield* first(Cache.timeToLive(jittered, key))))
        }))
      assert.isAtLeast(Math.min(...millis), 80_000)
      assert.isAtMost(Math.max(...millis), 100_000)
      assert.isAbove(new Set(millis).size, 40)
    }))
})

describe("earlyRefresh", () => {
  const early = Cache.make({ name: "early", codec, timeToLive: "100 seconds", earlyRefresh: 1 })

  /** How many of 1,000 reads, `late` seconds after the write, would have begun a refresh. */
  const refreshes = (late: number) =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const origin = new Origin()
      const load = yield* Effect.fork(first(Cache.getOrSet(early, "42", origin.load)))
      yield* TestClock.adjust("2 seconds")
      yield* origin.succeed(1)
      yield* Fiber.join(load)
      yield* TestClock.adjust(`${late} seconds`)
      let begun = 0
      for (const seed of Arr.range(1, 200)) {
        const before = services[0]!.runtime.refreshes
        assert.strictEqual(
          yield* Effect.withRandom(first(Cache.getOrSet(early, "42", Effect.interrupt)), Random.make(`seed ${seed}`)),
          "v1"
        )
        if (services[0]!.runtime.refreshes > before) begun++
        yield* Effect.iterate(0, {
          while: () => services[0]!.runtime.refreshes > 0,
          body: (i) => Effect.as(Effect.yieldNow(), i + 1)
        })
      }
      return begun / 200
    })

  it.scoped("the closer to the end the likelier, as XFetch specifies", () =>
    Effect.gen(function*() {
      // A load of 2 seconds: a refresh t seconds before the end has the probability exp(-t / 2).
      assert.strictEqual(yield* refreshes(50), 0)
      assert.closeTo(yield* refreshes(98), Math.exp(-1), 0.12)
      assert.closeTo(yield* refreshes(99.8), Math.exp(-0.1), 0.1)
    }))

  it.scoped("every caller gets the old value at once meanwhile, and then the new one", () =>
    Effect.gen(function*() {
      const always = Cache.make({ name: "always", codec, timeToLive: "100 seconds", earlyRefresh: 1e9 })
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const load = yield* Effect.fork(first(Cache.getOrSet(always, "42", origin.load)))
      yield* TestClock.adjust("2 seconds")
      yield* origin.succeed(1)
      yield* Fiber.join(load)
      assert.strictEqual(yield* first(Cache.getOrSet(always, "42", origin.load)), "v1")
      yield* settle
      assert.strictEqual(yield* first(Cache.getOrSet(always, "42", never)), "v1")
      assert.deepStrictEqual(yield* first(Cache.get(always, "42")), Option.some("v1"))
      yield* origin.succeed(2)
      assert.deepStrictEqual(yield* first(Cache.get(always, "42")), Option.some("v2"))
    }))
})
