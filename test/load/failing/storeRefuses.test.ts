/**
 * A store that refuses writes (no memory, a replica, no replicas): callers continue, with one warning a minute for each
 * reason.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import { Cache, type CacheError, Codec, type Redis, RedisLayer } from "effect-redis-cache"
import { Redis as IORedis } from "ioredis"
import * as RedisServer from "../../support/redisServer.js"
import { instances, logs, settle } from "../memoryInstances.js"

const policy = { codec: Codec.structural<string>(), timeToLive: "1 second", staleWhileRevalidate: "1 day" } as const
const swr = Cache.make({ ...policy, name: "swr" })
const bypassing = Cache.make({ ...policy, name: "swr", onRedisError: "bypass" })

/** A store that refuses these operations while `reason` is set. */
const refusing = (operations: ReadonlyArray<string>) => {
  const state: { reason: CacheError.RedisErrorReason | undefined } = { reason: undefined }
  const options: RedisLayer.FaultyOptions = {
    script: (operation) =>
      state.reason !== undefined && operations.includes(operation) ? { fail: state.reason } : undefined
  }
  return { state, options }
}

/** A source that numbers its values. */
const source = () => {
  const state = { asked: 0 }
  return { state, load: Effect.sync(() => `v${++state.asked}`) }
}

for (const refused of [["lease", "fill"], ["fill"]]) {
  describe(`${refused.join(" and ")} refused`, () => {
    it.scoped("200 stale reads are logged once a minute for each reason", () =>
      Effect.gen(function*() {
        const { options, state } = refusing(refused)
        const { first } = yield* instances(options)
        const { layer, messages } = logs()
        const { load } = source()
        yield* first(Cache.set(swr, "42", "stale"))
        yield* TestClock.adjust("2 seconds")
        for (const reason of ["OutOfMemory", "ReadOnly", "Command"] as const) {
          state.reason = reason
          messages.length = 0
          for (let i = 0; i < 200; i++) {
            assert.strictEqual(yield* Effect.provide(first(Cache.getOrSet(swr, "42", load)), layer), "stale")
            if (i % 10 === 0) yield* TestClock.adjust("1 second")
          }
          assert.deepStrictEqual(messages, [
            `WARN A background refresh could not store its value (${reason}): the stale value stays`
          ])
        }
        messages.length = 0
        yield* TestClock.adjust("1 minute")
        yield* Effect.provide(first(Cache.getOrSet(swr, "42", load)), layer)
        yield* settle
        assert.strictEqual(messages.length, 1)
      }))

    it.scoped("a source that fails is logged as well", () =>
      Effect.gen(function*() {
        const { options, state } = refusing(refused)
        const { first } = yield* instances(options)
        const { layer, messages } = logs()
        const { load } = source()
        yield* first(Cache.setMany(swr, { a: "stale", b: "stale" }))
        yield* TestClock.adjust("2 seconds")
        yield* Effect.provide(first(Cache.getOrSet(swr, "a", Effect.fail("down"))), layer)
        yield* settle
        state.reason = "OutOfMemory"
        yield* Effect.provide(first(Cache.getOrSet(swr, "b", load)), layer)
        yield* settle
        assert.deepStrictEqual(messages, [
          "WARN A background refresh failed: the stale value stays",
          "WARN A background refresh could not store its value (OutOfMemory): the stale value stays"
        ])
      }))

    it.scoped("a store that accepts writes again is tried within a second, however long sources are left alone", () =>
      Effect.gen(function*() {
        const { options, state } = refusing(refused)
        const { first } = yield* instances(options)
        const patient = Cache.make({ ...policy, name: "swr", retryAfter: "20 minutes" })
        const { load } = source()
        yield* first(Cache.set(patient, "42", "stale"))
        yield* TestClock.adjust("2 seconds")
        state.reason = "Timeout"
        yield* first(Cache.getOrSet(patient, "42", load))
        yield* settle
        state.reason = undefined
        yield* TestClock.adjust("1 second")
        yield* first(Cache.getOrSet(patient, "42", load))
        yield* settle
        assert.isTrue(yield* first(Cache.has(patient, "42")))
      }))

    it.scoped("bypass: after one stale answer, callers get loaded values until they can be stored again", () =>
      Effect.gen(function*() {
        const { options, state } = refusing(refused)
        const { first, second } = yield* instances(options, undefined)
        const { layer, messages } = logs()
        const { load } = source()
        yield* first(Cache.set(bypassing, "42", "stale"))
        yield* TestClock.adjust("2 seconds")
        state.reason = "OutOfMemory"
        const read = Effect.zipLeft(Effect.provide(first(Cache.getOrSet(bypassing, "42", load)), layer), settle)
        assert.strictEqual(yield* read, "stale")
        const given: Array<string> = []
        for (let i = 0; i < 100; i++) given.push(yield* read)
        assert.strictEqual(new Set(given).size, 100)
        assert.notInclude(given, "stale")
        const many = first(Cache.getOrSetMany(bypassing, ["42"], () => Effect.succeed([["42", "of a batch"]] as const)))
        assert.deepStrictEqual([...yield* many], [["42", "of a batch"]])
        assert.strictEqual(messages.length, 1)
        assert.match(messages[0]!, /^WARN The cache continues without Redis: .* failed \(OutOfMemory\)/)
        state.reason = undefined
        const stored = yield* read
        assert.deepStrictEqual(yield* second(Cache.get(swr, "42")), Option.some(stored))
        // From then on stale values are served at once again.
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* read, stored)
        assert.isTrue(yield* second(Cache.has(swr, "42")))
      }))

    it.scoped("bypass: if the source fails meanwhile, the stale value is served", () =>
      Effect.gen(function*() {
        const { options, state } = refusing(refused)
        const { first } = yield* instances(options)
        yield* first(Cache.set(bypassing, "42", "stale"))
        yield* TestClock.adjust("2 seconds")
        state.reason = "ReadOnly"
        for (let i = 0; i < 5; i++) {
          assert.strictEqual(yield* first(Cache.getOrSet(bypassing, "42", Effect.fail("down"))), "stale")
          yield* settle
        }
      }))
  })
}

describe("a real server that refuses writes", () => {
  const staling = { ...policy, timeToLive: "20 millis" } as const
  const failing = Cache.make({ ...staling, name: "c" })
  const bypass = Cache.make({ ...staling, name: "c", onRedisError: "bypass" })

  for (
    const [what, reason, command] of [
      ["OOM", "OutOfMemory", ["CONFIG", "SET", "maxmemory", "1"]],
      ["NOREPLICAS", "Command", ["CONFIG", "SET", "min-replicas-to-write", "1"]],
      ["no right to EVAL", "Auth", ["ACL", "SETUSER", "default", "-eval", "-evalsha"]]
    ] as const
  ) {
    it.scopedLive(
      `${what}: 200 stale reads are one warning, and with bypass they get loaded values`,
      () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.make()
          const admin = yield* Effect.acquireRelease(
            Effect.sync(() => new IORedis(server.url)),
            (client) => Effect.sync(() => client.disconnect())
          )
          const redis = yield* Layer.build(RedisLayer.layer({ url: server.url }))
          const { layer, messages } = logs()
          const call = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
            effect.pipe(Effect.provide(redis), Effect.provide(layer))
          const { load } = source()
          yield* call(Cache.setMany(failing, { a: "stale", b: "stale" }))
          yield* Effect.sleep("30 millis")
          yield* Effect.promise(() => admin.call(command[0], command.slice(1)))
          for (let i = 0; i < 200; i++) assert.strictEqual(yield* call(Cache.getOrSet(failing, "a", load)), "stale")
          assert.deepStrictEqual(messages, [
            `WARN A background refresh could not store its value (${reason}): the stale value stays`
          ])
          messages.length = 0
          assert.strictEqual(yield* call(Cache.getOrSet(bypass, "b", load)), "stale")
          yield* Effect.repeat(Effect.sleep("2 millis"), { until: () => messages.length > 0 })
          const given: Array<string> = []
          for (let i = 0; i < 50; i++) {
            given.push(yield* call(Cache.getOrSet(bypass, i % 2 === 0 ? "b" : "absent", load)))
          }
          assert.strictEqual(new Set(given).size, 50)
          assert.notInclude(given, "stale")
          assert.strictEqual(messages.length, 1)
          assert.include(messages[0], "WARN The cache continues without Redis")
          assert.include(messages[0], `failed (${reason})`)
        }),
      20_000
    )
  }
})
