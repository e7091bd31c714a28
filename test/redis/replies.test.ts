/** Replies that do not fit their command, and another database than the intended one. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Either, Layer, Option, Stream } from "effect"
import { Cache, type CacheError, Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import * as FakeRedis from "../support/fakes/fakeRedis.js"
import * as RedisServer from "../support/redisServer.js"

const things = Cache.make({ name: "things", timeToLive: "1 minute" })
const tagged = Cache.make({ name: "tagged", timeToLive: "1 minute", tags: () => ["t"] })
const counts = Cache.counter({ name: "counts" })

type Failure = CacheError.RedisError | CacheError.CodecError

/** Each operation, with the commands that it sends. */
const operations: Readonly<Record<string, Effect.Effect<unknown, Failure, Redis.Redis>>> = {
  get: Cache.get(things, "a"),
  getMany: Cache.getMany(things, ["a", "b"]),
  has: Cache.has(things, "a"),
  getOrSet: Cache.getOrSet(things, "a", Effect.succeed(1)),
  getOrSetMany: Cache.getOrSetMany(things, ["a", "b"], (keys) => Effect.succeed(keys.map((key) => [key, 1] as const))),
  refresh: Cache.refresh(things, "a", Effect.succeed(1)),
  set: Cache.set(things, "a", 1),
  setMany: Cache.setMany(things, [["a", 1], ["b", 2]]),
  setTagged: Cache.set(tagged, "a", 1),
  setIfAbsent: Cache.setIfAbsent(things, "a", 1),
  take: Cache.take(things, "a"),
  delete: Cache.delete(things, "a"),
  modify: Cache.modify(things, "a", () => Option.some(2)),
  touch: Cache.touch(things, "a", "1 minute"),
  increment: Cache.increment(counts, "a"),
  timeToLive: Cache.timeToLive(things, "a"),
  invalidateTags: Cache.invalidateTags(tagged, ["t"]),
  explain: Cache.explain(things, "a"),
  keys: Stream.runDrain(Cache.keys(things)),
  flush: Cache.flush(things)
}

const borrowed = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client(port, "127.0.0.1", { autoResendUnfulfilledCommands: false })
      client.on("error", () => {})
      await client.ping()
      return client
    }),
    (opened) => Effect.sync(() => opened.disconnect())
  )

/** The error of an operation, well before its time is up. */
const refusal = <R>(effect: Effect.Effect<unknown, Failure, R>, name: string) =>
  Effect.either(effect).pipe(
    Effect.timeoutFail({ duration: "500 millis", onTimeout: () => new Error(`${name} hangs`) }),
    Effect.map((result) => {
      if (Either.isRight(result)) return assert.fail(`${name} succeeds`)
      if (result.left._tag !== "RedisError") return assert.fail(`${name}: ${result.left.message}`)
      return result.left
    })
  )

const longTimeout = { commandTimeout: "20 seconds" } as const

describe("a borrowed client", () => {
  it.scopedLive(
    "inside its owner's MULTI: each operation says what happened, and everything works after it",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const client = yield* borrowed(server.port)
        yield* Effect.gen(function*() {
          yield* Cache.set(things, "a", 0)
          yield* Effect.promise(() => client.multi({ pipeline: false }))
          for (const [name, operation] of Object.entries(operations)) {
            const error = yield* refusal(operation, name)
            assert.strictEqual(error.reason, "Command", name)
            assert.match(error.message, /QUEUED.*MULTI.*duplicate/, name)
          }
          yield* Effect.promise(() => client.discard())
          for (const operation of Object.values(operations)) yield* operation
          assert.deepStrictEqual(yield* Cache.get(tagged, "a"), Option.none())
          // Its clock was not misled.
          yield* Cache.set(things, "a", 1)
          const left = yield* Cache.timeToLive(things, "a")
          assert.approximately(Duration.toMillis(Option.getOrThrow(left)), 60_000, 1_000)
        }).pipe(Effect.provide(RedisLayer.layerFromClient(client, longTimeout)))
      }),
    20_000
  )

  it.scopedLive("inside its owner's MULTI when the layer is made: it still measures the time", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const client = yield* borrowed(server.port)
      yield* Effect.promise(() => client.multi({ pipeline: false }))
      const redis = yield* Layer.build(RedisLayer.layerFromClient(client, longTimeout))
      yield* Effect.promise(() => client.discard())
      yield* Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(1))
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive(
    "whose owner selects another database: does nothing there, and continues when the database is back",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const client = yield* borrowed(server.port)
        yield* Effect.promise(() => client.select(2))
        yield* Effect.gen(function*() {
          yield* Cache.set(things, "a", 0)
          yield* Effect.promise(() => client.select(3))
          for (const [name, operation] of Object.entries(operations)) {
            const error = yield* refusal(operation, name)
            assert.strictEqual(error.reason, "Command", name)
            assert.match(error.message, /database 3.*database 2.*duplicate/, name)
          }
          // Even if both happen in one tick.
          void client.select(2)
          void client.select(3)
          yield* refusal(operations["set"]!, "set")
          assert.strictEqual(yield* Effect.promise(() => client.dbsize()), 0)
          yield* Effect.promise(() => client.select(2))
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(0))
          // It returns to the database where it was, not to the one in its options.
          yield* Effect.promise(() => client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")).pipe(
            Effect.ignore
          )
          yield* Effect.promise(() => new Promise((resolve) => client.once("ready", resolve)))
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(0))
        }).pipe(Effect.provide(RedisLayer.layerFromClient(client, longTimeout)))
      }),
    20_000
  )
})

describe("a reply that does not fit its command", () => {
  const wrong: Readonly<Record<string, string>> = {
    status: "+HELLO\r\n",
    text: FakeRedis.bulk("what is this?"),
    number: ":7\r\n",
    list: FakeRedis.array(FakeRedis.bulk("x"), FakeRedis.bulk("y"), FakeRedis.bulk("z")),
    "list of numbers": FakeRedis.array(":1\r\n"),
    "list of none": FakeRedis.array(),
    nothing: "$-1\r\n"
  }

  /** What each sends first, and which of these replies fit it. */
  const asked: Readonly<Record<string, readonly [command: string, ...right: ReadonlyArray<string>]>> = {
    get: ["mget"],
    getMany: ["mget"],
    getOrSet: ["mget"],
    set: ["set"],
    setMany: ["set"],
    take: ["evalsha", "status", "text", "nothing"],
    setIfAbsent: ["evalsha", "list of numbers"],
    increment: ["evalsha"],
    setTagged: ["evalsha", "status", "text"],
    keys: ["scan"],
    flush: ["scan"],
    explain: ["pttl", "number"]
  }

  it.scopedLive("is an error that says so, for any command and any reply", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRedis.make()
      const redis = yield* Layer.build(RedisLayer.layer({ host: "127.0.0.1", port: fake.port, ...longTimeout }))
      for (const [name, [command, ...right]] of Object.entries(asked)) {
        for (const [kind, reply] of Object.entries(wrong).filter(([sort]) => !right.includes(sort))) {
          fake.answer = ([asking]) => asking!.toLowerCase() === command ? reply : undefined
          const error = yield* refusal(Effect.provide(operations[name]!, redis), `${name}: ${kind}`)
          assert.strictEqual(error.reason, "Command", `${name}: ${kind}`)
          assert.match(error.message, new RegExp(`answered ${command} with (a|nothing)`, "i"), `${name}: ${kind}`)
          // The reply may be personal data.
          assert.notInclude(error.message, "what is this")
        }
      }
    }), 20_000)

  it.scopedLive("does not set the clock", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRedis.make(([name]) => name === "time" ? wrong["text"] : undefined)
      const layer = RedisLayer.layer({ host: "127.0.0.1", port: fake.port })
      const { driver } = Context.get(yield* Layer.build(layer), Redis.Redis)
      assert.approximately(driver.unsafeNow(yield* Effect.clock), Date.now(), 100)
    }))
})
