/**
 * A Redis user with exactly the rights that the library needs, on the keys of one prefix. The list is the one in
 * `docs/operations/security.md`. With these rights everything works; without any one of them, something fails or
 * degrades.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Either, Layer, Logger, Option, Stream } from "effect"
import { Cache, Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { readFileSync } from "node:fs"
import { afterAll, vi } from "vitest"
import { contract } from "../contract/suite.js"
import { startRedis } from "../support/redisServer.js"

/** Without any of these, something fails. */
const needed = [
  ...["get", "mget", "getrange", "pttl", "scan", "set", "setrange", "del", "unlink", "pexpire", "persist"],
  ...["incrby", "time", "eval", "evalsha"]
]

/** Without these, something is slower, or reports less. */
const optional = ["script|load", "info", "ping", "memory|usage"]

/** Also needed for near copies. */
const near = ["client|id", "client|tracking", "subscribe"]

const channel = "&__redis__:invalidate"

const password = "only-what-it-needs"

const prefix = "test-app:"

const all = [...needed, ...optional, ...near]

const user = (name: string, commands: ReadonlyArray<string>, rules = `~${prefix}* ${channel}`): string =>
  `user ${name} on >${password} resetkeys resetchannels ${rules} -@all ${commands.map((each) => `+${each}`).join(" ")}`

const without = (command: string) => `no-${command.replace("|", "-")}`

const server = await startRedis({
  acl: [
    "user default off",
    "user admin on >admin ~* &* +@all",
    user("app", all),
    user("plain", needed, `~${prefix}*`),
    user("no-channel", all, `~${prefix}*`),
    // One test of the contract writes outside the prefix, on purpose.
    user("contract", all, `~test-* ~xtest-* ${channel}`),
    ...all.map((command) => user(without(command), all.filter((each) => each !== command)))
  ]
})
const admin = new Client({ port: server.port, username: "admin", password: "admin" })
afterAll(async () => {
  admin.disconnect()
  await server.stop()
})

const as = (username: string, options: RedisLayer.Options = {}): RedisLayer.Options => ({
  host: "127.0.0.1",
  port: server.port,
  username,
  password,
  prefix,
  ...options
})

contract(
  "a user with only the required rights",
  (under) => RedisLayer.layer(as("contract", { prefix: under })),
  "server"
)

const things = Cache.make({ name: "things", timeToLive: "1 hour", tags: () => ["all"] })
const eternal = Cache.make({ name: "eternal" })
const brief = Cache.make({ name: "brief", timeToLive: 20, staleIfError: "1 hour" })
const held = Cache.make({ name: "held", lease: { duration: "90 millis" } })
const counts = Cache.counter({ name: "counts", timeToLive: "1 hour" })

type Step = Effect.Effect<unknown, unknown, Redis.Redis>

const load = Effect.succeed("loaded")

/** Every operation, so that every command is sent. */
const steps: Readonly<Record<string, Step>> = {
  "set": Cache.set(things, "a", 1),
  "setMany": Cache.setMany(eternal, { a: 1, b: 2 }),
  "get": Cache.get(things, "a"),
  "getMany": Cache.getMany(eternal, ["a", "b"]),
  "setIfAbsent": Cache.setIfAbsent(eternal, "c", 1),
  "touch": Cache.touch(eternal, "a", "1 hour"),
  "touch for ever": Cache.touch(eternal, "a", Infinity),
  "modify": Cache.modify(eternal, "a", () => Option.none()),
  "increment": Effect.zipRight(Cache.increment(counts, "a"), Cache.increment(counts, "a")),
  "getOrSet": Cache.getOrSet(eternal, "d", load),
  "getOrSet, a load that fails": Effect.flatMap(
    Effect.flip(Cache.getOrSet(eternal, "e", Effect.fail("no"))),
    (error) => error === "no" ? Effect.void : Effect.fail(error)
  ),
  "getOrSet, stale": Effect.zipRight(
    Effect.delay(Cache.set(brief, "a", 1), "1 millis"),
    Effect.delay(Cache.getOrSet(brief, "a", load), "40 millis")
  ),
  "getOrSet, renewed": Cache.getOrSet(held, "a", Effect.delay(load, "200 millis")),
  "explain": Cache.explain(things, "a"),
  "invalidateTags": Effect.zipRight(Cache.set(things, "b", 1), Cache.invalidateTags(things, ["all"])),
  "keys": Stream.runDrain(Cache.keys(eternal)),
  "take": Cache.take(eternal, "d"),
  "delete": Cache.delete(eternal, "b"),
  "flush": Cache.flush(eternal)
}

/** The operations that fail, all of them with reason `Auth`. The server has forgotten its scripts before. */
const failing = (username: string) =>
  Effect.gen(function*() {
    yield* Effect.promise(() => admin.flushall())
    const redis = yield* Layer.build(RedisLayer.layer(as(username)))
    yield* Effect.promise(() => admin.script("FLUSH"))
    const failed: Array<string> = []
    for (const [name, step] of Object.entries(steps)) {
      const outcome = yield* Effect.either(Effect.provide(step, redis))
      if (Either.isRight(outcome)) continue
      failed.push(name)
      assert.match(String(outcome.left), /\(Auth\)/, `${name} of ${username}: ${String(outcome.left)}`)
    }
    return failed
  })

describe("for a user without one of the commands", () => {
  it.scopedLive("none missing: everything works", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* failing("app"), [])
    }))

  // ioredis prints a warning if it cannot ask whether the server is still loading.
  const silently = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => vi.spyOn(console, "warn").mockImplementation(() => undefined)),
      () => effect,
      (spy) => Effect.sync(() => spy.mockRestore())
    )

  it.scopedLive("optional commands are not needed", () =>
    silently(Effect.gen(function*() {
      assert.deepStrictEqual(yield* failing("plain"), [])
      for (const command of optional) assert.deepStrictEqual(yield* failing(without(command)), [], command)
      yield* Effect.gen(function*() {
        yield* Cache.set(eternal, "a", 1)
        assert.isTrue(Option.isNone((yield* Cache.explain(eternal, "a")).memory))
      }).pipe(Effect.provide(RedisLayer.layer(as("plain"))))
    })), 30_000)

  it.scopedLive("something fails without each of the others, with reason Auth", () =>
    Effect.gen(function*() {
      for (const command of needed) assert.isNotEmpty(yield* failing(without(command)), command)
    }), 60_000)
})

describe("for a user limited to one prefix", () => {
  it.scopedLive("keys of another prefix are out of reach, even for listing", () =>
    Effect.gen(function*() {
      yield* Effect.promise(() => admin.set("other:eternal:a", "1"))
      const redis = yield* Layer.build(RedisLayer.layer(as("app", { prefix: "other:" })))
      const attempts: ReadonlyArray<Step> = [
        Cache.get(eternal, "a"),
        Cache.set(eternal, "a", 1),
        Cache.delete(eternal, "a"),
        Cache.flush(eternal),
        Cache.getOrSet(eternal, "b", load),
        Cache.increment(counts, "a")
      ]
      for (const attempt of attempts) {
        const error = yield* Effect.flip(Effect.provide(attempt, redis))
        assert.match(String(error), /\(Auth\)/)
      }
      assert.strictEqual(yield* Effect.promise(() => admin.get("other:eternal:a")), "1")
    }))
})

describe("near copies", () => {
  const copied = Cache.make({ name: "copied", near: { capacity: 100 } })

  const open = (username: string, options: RedisLayer.Options = {}) =>
    Effect.map(
      Layer.build(RedisLayer.layer(as(username, options))),
      (context) => <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
        Effect.provideService(effect, Redis.Redis, Context.get(context, Redis.Redis))
    )

  const nearHits = Effect.map(Cache.stats(copied), (stats) => stats.nearHits)

  it.scopedLive("work, and follow every write, for a user with only the required rights", () =>
    Effect.gen(function*() {
      const run = yield* open("app", { tracking: "required" })
      yield* run(Cache.set(copied, "a", "Ada"))
      const reads = Effect.repeat(Effect.delay(run(Cache.get(copied, "a")), "5 millis"), {
        until: () => Effect.map(run(nearHits), (hits) => hits > 2)
      })
      assert.deepStrictEqual(yield* reads, Option.some("Ada"))
      yield* Effect.promise(() => admin.del(`${prefix}copied:a`))
      yield* Effect.repeat(Effect.delay(run(Cache.get(copied, "a")), "5 millis"), { until: Option.isNone })
    }))

  for (const username of ["no-channel", ...near.map(without)]) {
    it.scopedLive(`are off, and a warning is logged, or the layer fails with Auth: ${username}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(open(username, { tracking: "required" }))
        assert.strictEqual(error.reason, "Auth")
        assert.strictEqual(error.operation, "watch")
        const warnings: Array<string> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void warnings.push(String(message)))
        )
        const context = yield* Layer.build(Layer.provide(RedisLayer.layer(as(username)), logger))
        yield* Effect.gen(function*() {
          yield* Cache.set(copied, "b", 1)
          yield* Effect.repeat(Effect.delay(Cache.get(copied, "b"), "5 millis"), { until: () => warnings.length > 0 })
          assert.deepStrictEqual(yield* Cache.get(copied, "b"), Option.some(1))
          assert.strictEqual(yield* nearHits, 0)
        }).pipe(Effect.provide(context))
        assert.match(warnings[0]!, /near copies are bypassed/)
      }))
  }
})

describe("docs/operations/security.md", () => {
  it("has exactly these commands in the line that is ready to copy", () => {
    const text = readFileSync(new URL("../../docs/operations/security.md", import.meta.url), "utf8")
    const lines = [...text.matchAll(/^user app .*$/gm)].map(([found]) => found)
    const commandsOf = (found: string) => [...found.matchAll(/ \+(\S+)/g)].map(([, command]) => command!).sort()
    assert.deepStrictEqual(lines.map(commandsOf), [
      [...needed, ...optional].sort(),
      [...all].sort(),
      [...all, "asking", "cluster|nodes", "cluster|slots"].sort()
    ])
    for (const found of lines) assert.match(found, / resetkeys resetchannels ~app:\* .*-@all /)
  })
})
