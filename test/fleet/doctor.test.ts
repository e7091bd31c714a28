/** What `doctor` reports about healthy servers, and about unhealthy ones. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, Option } from "effect"
import { Fleet, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { afterAll } from "vitest"
import { run } from "../cli/terminal.js"
import { startRedis } from "../support/redisServer.js"

const enough = ["--maxmemory", "100mb", "--maxmemory-policy"]

const user = (name: string, rules: string): string => `user ${name} on >secret resetkeys resetchannels ${rules}`

const well = await startRedis({
  args: [...enough, "allkeys-lfu"],
  acl: [
    "user default off",
    user("admin", "~* &* +@all"),
    user("no-eval", "~* &* +@all -eval -evalsha"),
    user("no-tracking", "~* &* +@all -client|tracking"),
    user("other-keys", "~other:* &* +@all"),
    user("no-info", "~* &* +@all -info")
  ]
})
const full = await startRedis({ args: ["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"] })
const endless = await startRedis()
const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(endless.port)] })
afterAll(() => Promise.all([well, full, endless, replica].map((server) => server.stop())))

const on = (port: number, username?: string): RedisLayer.Options => ({
  host: "127.0.0.1",
  port,
  prefix: "app:",
  commandTimeout: "2 seconds",
  ...username === undefined ? {} : { username, password: "secret" }
})

const findings = (options: RedisLayer.Options) =>
  Effect.provide(Fleet.doctor, RedisLayer.layer(options)).pipe(Logger.withMinimumLogLevel(LogLevel.None))

/** The status of each check; healthy checks are left out. */
const levels = (found: ReadonlyArray<Fleet.Finding>) =>
  Object.fromEntries(
    found.filter(({ check, level }) => level !== "ok" && check !== "latency").map(({ check, level }) => [check, level])
  )

const finding = (found: ReadonlyArray<Fleet.Finding>, check: Fleet.Finding["check"]) => {
  const [first] = found.filter((each) => each.check === check)
  assert.isDefined(first, check)
  return { message: first.message, advice: Option.getOrElse(first.advice, () => "nothing") }
}

describe("doctor", () => {
  it.live("finds a healthy server healthy, and leaves nothing on it", () =>
    Effect.gen(function*() {
      const found = yield* findings(on(well.port, "admin"))
      assert.deepStrictEqual(levels(found), {})
      assert.deepStrictEqual(new Set(found.map(({ check }) => check)).size, 9)
      const client = new Client({ port: well.port, username: "admin", password: "secret" })
      assert.deepStrictEqual(yield* Effect.promise(() => client.keys("*")), [])
      client.disconnect()
    }))

  it.live("warns of noeviction, and of memory without a limit", () =>
    Effect.gen(function*() {
      const found = yield* findings(on(full.port))
      assert.strictEqual(levels(found).eviction, "warn")
      const { advice, message } = finding(found, "eviction")
      assert.match(message, /noeviction: once memory is full, every write fails with reason OutOfMemory/)
      assert.match(advice, /CONFIG SET maxmemory-policy allkeys-lfu/)
      const unbounded = yield* findings(on(endless.port))
      assert.match(finding(unbounded, "eviction").message, /maxmemory is not set/)
      assert.match(finding(unbounded, "eviction").advice, /CONFIG SET maxmemory 1gb/)
    }))

  it.live("says that memory is full if nothing is evicted", () =>
    Effect.gen(function*() {
      const client = new Client(full.port)
      yield* Effect.promise(async () => {
        for (let i = 0; i < 1_000; i++) await client.set(`fill:${i}`, "x".repeat(10_000))
      }).pipe(Effect.ignore, Effect.catchAllCause(() => Effect.void))
      const found = yield* findings(on(full.port))
      yield* Effect.promise(() => client.flushall())
      client.disconnect()
      assert.strictEqual(levels(found).memory, "bad")
      assert.match(finding(found, "memory").message, /writes fail, or are about to/)
    }))

  it.live("names the rights that a user lacks", () =>
    Effect.gen(function*() {
      const found = yield* findings(on(well.port, "no-eval"))
      assert.deepStrictEqual(levels(found), { rights: "bad" })
      const { advice, message } = finding(found, "rights")
      assert.match(message, /loads, .*counters, tags.*'eval(sha)?' command/)
      assert.match(advice, /^ACL SETUSER <user> \+eval/)
      const keys = yield* findings(on(well.port, "other-keys"))
      assert.strictEqual(levels(keys).rights, "bad")
      assert.match(finding(keys, "rights").advice, /~app:\*/)
    }))

  it.live("says if the server does not permit tracking, or does not reveal whether it does", () =>
    Effect.gen(function*() {
      const found = yield* findings(on(well.port, "no-tracking"))
      assert.deepStrictEqual(levels(found), { tracking: "warn" })
      assert.match(finding(found, "tracking").advice, /\+client\|tracking/)
      const silent = yield* findings({ ...on(well.port, "no-info"), enableReadyCheck: false })
      assert.deepStrictEqual(levels(silent), { version: "unknown" })
      assert.match(finding(silent, "version").advice, /\+info/)
    }))

  it.live("points from a replica to its master", () =>
    Effect.gen(function*() {
      const found = yield* findings(on(replica.port))
      assert.strictEqual(levels(found).replication, "bad")
      assert.strictEqual(levels(found).rights, "unknown")
      const { advice, message } = finding(found, "replication")
      assert.match(message, new RegExp(`a replica of 127.0.0.1:${endless.port}: .*refuses every write`))
      assert.match(advice, new RegExp(`Connect to the master, 127.0.0.1:${endless.port}`))
    }))

  it.live("gives the command line its exit code", () =>
    Effect.gen(function*() {
      const as = (name: string) => ["--url", `redis://${name}:secret@127.0.0.1:${well.port}`, "--prefix", "app:"]
      const healthy = yield* run(["doctor", ...as("admin")])
      assert.deepStrictEqual([healthy.code, healthy.err], [0, ""])
      assert.match(healthy.out, /^✓ connection +the server answers\n✓ version /)
      const lacking = yield* run(["doctor", ...as("no-eval")])
      assert.deepStrictEqual([lacking.code, lacking.err], [1, "1 problem"])
      assert.match(lacking.out, /✗ rights .*\n +→ ACL SETUSER <user> \+eval/)
      const wrong = yield* run(["doctor", "--json", "--url", `redis://admin:wrong@127.0.0.1:${well.port}`])
      assert.strictEqual(wrong.code, 1)
      const [{ advice, check, level }] = JSON.parse(wrong.out)
      assert.deepStrictEqual([check, level], ["connection", "bad"])
      assert.match(advice, /user and password/)
    }))
})
