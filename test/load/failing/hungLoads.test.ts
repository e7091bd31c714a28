/** Loads that never end: after `lease.maxDuration`, or `refreshTimeout`, they fail, and say so. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Logger, Option, TestClock } from "effect"
import { Cache, CacheError, Codec, Memo, type Redis } from "effect-redis-cache"
import { clean, instances, nothingLeft, settle, stored } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const lease = { duration: "5 seconds", maxDuration: "1 minute" } as const
const users = Cache.make({ name: "users", codec, lease })
const sie = Cache.make({ name: "sie", codec, lease, timeToLive: "1 second", staleIfError: "1 hour" })
const swr = Cache.make({ name: "swr", codec, lease, timeToLive: "1 second", staleWhileRevalidate: "1 hour" })
const find = Memo.cached((_: number) => hung, { name: "find", captures: [], codec, lease })
const broken = Memo.cached((_: number) => hung, {
  name: "find",
  // The same function for every caller: only the policy differs.
  captures: [],
  codec,
  lease,
  timeToLive: "1 second",
  staleIfError: "1 hour"
})

const hung: Effect.Effect<string, string> = Effect.never
/** Nothing ends it before its 10 minutes are over. */
const uninterruptible = Effect.uninterruptible(Effect.as(Effect.sleep("10 minutes"), "late"))

type Call = Effect.Effect<unknown, unknown, Redis.Redis>

const forms = (cache: typeof users, load: Effect.Effect<string, string>): ReadonlyArray<readonly [string, Call]> => [
  ["getOrSet", Cache.getOrSet(cache, "42", load)],
  [
    "getOrSetMany",
    Effect.map(
      Cache.getOrSetMany(cache, ["42"], () => Effect.map(load, (value) => [["42", value] as const])),
      (found) => found.get("42")
    )
  ],
  ["refresh", Cache.refresh(cache, "42", load)]
]

/** The message of a defect; fails if there is no defect. */
const defectOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
  assert.isTrue(Cause.isRuntimeException(defect), String(exit))
  return String(defect)
}

describe("a load that never ends", () => {
  for (const [how, load] of [["", hung], [", and is uninterruptible", uninterruptible]] as const) {
    for (const [form, call] of forms(users, load)) {
      it.scoped(`${form}: after lease.maxDuration its callers get the key, the time, and the option${how}`, () =>
        Effect.gen(function*() {
          const { first } = yield* instances(undefined)
          const calls = yield* Effect.all([
            Effect.fork(Effect.exit(first(call))),
            Effect.fork(Effect.exit(first(call)))
          ])
          yield* TestClock.adjust("59 seconds")
          for (const caller of calls) assert.isTrue(Option.isNone(yield* Fiber.poll(caller)))
          yield* TestClock.adjust("1 second")
          for (const caller of calls) {
            const message = defectOf(yield* Fiber.join(caller))
            for (const part of ["users:42", "1m", "lease.maxDuration"]) assert.include(message, part)
          }
          yield* TestClock.adjust("10 minutes")
        }))
    }

    it.scoped(`inside staleIfError its callers get the stale value${how}`, () =>
      Effect.gen(function*() {
        const { first } = yield* instances(undefined)
        for (const [, call] of forms(sie, load).slice(0, 2)) {
          yield* first(Cache.set(sie, "42", "stale"))
          yield* TestClock.adjust("2 seconds")
          const caller = yield* Effect.fork(Effect.exit(first(call)))
          yield* settle
          const joining = yield* Effect.fork(Effect.exit(first(Cache.getOrSet(sie, "42", hung))))
          yield* TestClock.adjust("1 minute")
          for (const fiber of [caller, joining]) {
            assert.deepStrictEqual<unknown>(yield* Fiber.join(fiber), Exit.succeed("stale"))
          }
          yield* TestClock.adjust("10 minutes")
        }
      }))
  }

  it.scoped("it leaves nothing behind, and the next caller loads", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* Effect.fork(Effect.exit(first(Cache.getOrSet(users, "42", hung))))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:42"), clean)
      assert.strictEqual((yield* first(Cache.stats(users))).failures, 1)
      assert.strictEqual(yield* first(Cache.getOrSet(users, "42", Effect.succeed("next"))), "next")
    }))

  it.scoped("that is uninterruptible does not keep its lease: another process loads at once", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* Effect.fork(Effect.exit(first(Cache.getOrSet(users, "42", uninterruptible))))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* second(Cache.getOrSet(users, "42", Effect.succeed("next"))), "next")
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* second(Cache.get(users, "42")), Option.some("next"))
    }))

  it.scoped("inside staleIfError leaves the source alone for a while, here and elsewhere", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      for (const load of [hung, uninterruptible]) {
        yield* first(Cache.set(sie, "42", "stale"))
        yield* TestClock.adjust("2 seconds")
        const caller = yield* Effect.fork(first(Cache.getOrSet(sie, "42", load)))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* Fiber.join(caller), "stale")
        for (const process of [first, second]) {
          assert.strictEqual(yield* process(Cache.getOrSet(sie, "42", Effect.succeed("new"))), "stale")
        }
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* second(Cache.getOrSet(sie, "42", Effect.succeed("new"))), "new")
        yield* TestClock.adjust("10 minutes")
      }
    }))

  it.scoped("a defect can be caught as such", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const caught = Effect.catchAllDefect(Cache.getOrSet(users, "42", hung), () => Effect.succeed("caught"))
      const caller = yield* Effect.fork(first(caught))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(caller), "caught")
    }))

  it.scoped("renewals that the store answers slowly do not postpone its end", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({
        script: (operation) => operation === "renew" ? { after: "900 millis" } : undefined
      })
      const caller = yield* Effect.fork(Effect.exit(first(Cache.getOrSet(users, "42", hung))))
      yield* TestClock.adjust("61 seconds")
      assert.include(defectOf(yield* Fiber.join(caller)), "lease.maxDuration")
    }))

  it.scoped("Empty with a timeout", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      for (const load of [hung, uninterruptible]) {
        const caller = yield* Effect.fork(
          first(Effect.flip(Cache.getOrSet(users, "42", load, { timeout: "2 seconds" })))
        )
        yield* TestClock.adjust("2 seconds")
        assert.instanceOf(yield* Fiber.join(caller), CacheError.Empty)
      }
      yield* TestClock.adjust("10 minutes")
    }))

  it.scoped("while a hanging load of another process has the lease: lease.wait, and then its own load", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* Effect.fork(Effect.exit(first(Cache.getOrSet(users, "42", hung))))
      yield* settle
      const waiting = yield* Effect.fork(Effect.exit(second(Cache.getOrSet(users, "42", hung))))
      yield* TestClock.adjust("69 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* TestClock.adjust("1 second")
      assert.include(defectOf(yield* Fiber.join(waiting)), "lease.maxDuration")
    }))

  it.scoped("of a memoized function, and its refresh", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      for (const call of [find(42), find.refresh(42)]) {
        const caller = yield* Effect.fork(Effect.exit(first(call)))
        yield* TestClock.adjust("1 minute")
        const message = defectOf(yield* Fiber.join(caller))
        for (const part of ["find:", "1m", "lease.maxDuration"]) assert.include(message, part)
      }
      yield* first(Cache.set(broken.cache, [42], "stale"))
      yield* TestClock.adjust("2 seconds")
      const served = yield* Effect.fork(first(broken(42)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(served), "stale")
    }))
})

describe("a background refresh that never ends", () => {
  for (const [how, load] of [["", hung], [", and is uninterruptible", uninterruptible]] as const) {
    it.scoped(`after refreshTimeout it is logged, and its place is free${how}`, () =>
      Effect.gen(function*() {
        const { first, services } = yield* instances(undefined)
        const causes: Array<string> = []
        const logger = Logger.make<unknown, void>(({ cause, message }) => {
          causes.push(`${String(message)} ${Cause.pretty(cause)}`)
        })
        yield* first(Cache.set(swr, "42", "stale"))
        yield* TestClock.adjust("2 seconds")
        const call = Effect.provide(
          first(Cache.getOrSet(swr, "42", load)),
          Logger.replace(Logger.defaultLogger, logger)
        )
        assert.strictEqual(yield* call, "stale")
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual(services[0]!.runtime.refreshes, 1)
        assert.deepStrictEqual(causes, [])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(services[0]!.runtime.refreshes, 0)
        assert.strictEqual(causes.length, 1)
        for (const part of ["A background refresh failed", "swr:42", "30s", "refreshTimeout"]) {
          assert.include(causes[0], part)
        }
        yield* TestClock.adjust("10 minutes")
      }))
  }

  it.scoped("leaves the source alone, and no lease, even if it cannot be logged", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const logger = Logger.make<unknown, void>(() => {
        throw new Error("no log")
      })
      yield* first(Cache.set(swr, "42", "stale"))
      yield* TestClock.adjust("2 seconds")
      const call = first(Cache.getOrSet(swr, "42", uninterruptible))
      yield* Effect.provide(call, Logger.replace(Logger.defaultLogger, logger))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* stored(services[0]!.driver, "swr:42"), "value left alone")
      yield* TestClock.adjust("10 minutes")
    }))

  it.scoped("a caller that found nothing and has joined it loads by itself", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* first(Cache.set(swr, "42", "stale"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* first(Cache.getOrSet(swr, "42", hung)), "stale")
      yield* settle
      yield* second(Cache.delete(swr, "42"))
      const joining = yield* Effect.fork(first(Cache.getOrSet(swr, "42", Effect.succeed("loaded"))))
      yield* TestClock.adjust("29 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(joining)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(joining), "loaded")
    }))
})
