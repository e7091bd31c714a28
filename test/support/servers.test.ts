import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import * as Proxy from "./proxy.js"
import * as RedisServer from "./redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "./sharedRedis.js"

/** A client that never retries: the test sees everything that happens to the connection. */
const connect = (url: string, ca?: string): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const client = new Redis(url, {
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
        ...(ca === undefined ? {} : { tls: { ca } })
      })
      client.on("error", () => {})
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

const outcome = (reply: Promise<unknown>, ms = 200): Promise<unknown> =>
  Promise.race([
    reply.catch((error: Error) => error),
    new Promise((resolve) => setTimeout(resolve, ms, "nothing"))
  ])

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe("RedisServer", () => {
  it.scopedLive("is shared by all files, with a prefix for each test", () =>
    Effect.gen(function*() {
      const client = yield* connect(sharedRedisUrl())
      assert.notStrictEqual(uniquePrefix(), uniquePrefix())
      assert.strictEqual(yield* Effect.promise(() => client.set(uniquePrefix(), "1", "PX", 1000)), "OK")
      assert.strictEqual(process.env.TEST_REDIS_URL, sharedRedisUrl())
    }))

  it.live("ends with its scope", () =>
    Effect.gen(function*() {
      const pid = yield* Effect.scoped(Effect.map(RedisServer.make(), (server) => server.pid))
      assert.isFalse(isAlive(pid))
    }))

  it.scopedLive("is suspended and resumed", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const client = yield* connect(server.url)
      server.pause()
      const reply = client.ping()
      assert.strictEqual(yield* Effect.promise(() => outcome(reply)), "nothing")
      server.resume()
      assert.strictEqual(yield* Effect.promise(() => reply), "PONG")
    }))

  it.scopedLive("is killed, suspended or not, and comes back empty on its port", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { pid, url } = server
      const before = yield* connect(url)
      yield* Effect.promise(() => before.set("key", "value"))
      server.pause()
      yield* Effect.promise(() => server.kill("SIGTERM"))
      assert.isFalse(isAlive(pid))
      assert.instanceOf(yield* Effect.promise(() => outcome(before.ping())), Error)
      yield* Effect.promise(server.restart)
      assert.notStrictEqual(server.pid, pid)
      const after = yield* connect(url)
      assert.isNull(yield* Effect.promise(() => after.get("key")))
    }))

  it.scopedLive("takes a password, users and arguments", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "p@ss word", args: ["--maxmemory", "3mb"] })
      const client = yield* connect(server.url)
      assert.deepStrictEqual(yield* Effect.promise(() => client.config("GET", "maxmemory")), ["maxmemory", "3145728"])
      const stranger = yield* connect(`redis://127.0.0.1:${server.port}`)
      assert.match(String(yield* Effect.promise(() => outcome(stranger.get("key")))), /NOAUTH/)

      const withUsers = yield* RedisServer.make({ acl: ["user default off", "user reader on >secret ~* +get +info"] })
      const reader = yield* connect(`redis://reader:secret@127.0.0.1:${withUsers.port}`)
      assert.isNull(yield* Effect.promise(() => reader.get("key")))
      assert.match(String(yield* Effect.promise(() => outcome(reader.set("key", "1")))), /NOPERM/)
    }))

  it.scopedLive("speaks TLS", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ tls: true })
      const client = yield* connect(server.url, server.ca)
      assert.strictEqual(yield* Effect.promise(() => client.ping()), "PONG")
    }))

  it.live("says why a server does not start", () =>
    Effect.gen(function*() {
      const error = yield* Effect.promise(() =>
        outcome(RedisServer.startRedis({ args: ["--no-such-thing", "1"] }), 5000)
      )
      assert.match(String(error), /did not start: .*no-such-thing/s)
    }))
})

describe("Proxy", () => {
  const setup = Effect.gen(function*() {
    const server = yield* RedisServer.make()
    const proxy = yield* Proxy.make(server.port)
    const client = yield* connect(`redis://127.0.0.1:${proxy.port}`)
    const direct = yield* connect(server.url)
    assert.strictEqual(yield* Effect.promise(() => client.ping()), "PONG")
    return { proxy, client, direct, url: `redis://127.0.0.1:${proxy.port}` }
  })

  it.scopedLive("passes much data at once", () =>
    Effect.gen(function*() {
      const { client } = yield* setup
      const value = "x".repeat(5_000_000)
      yield* Effect.promise(() => client.set("key", value))
      assert.strictEqual(yield* Effect.promise(() => client.get("key")), value)
    }))

  it.scopedLive("delays replies and keeps their order", () =>
    Effect.gen(function*() {
      const { client, proxy } = yield* setup
      yield* Effect.promise(() => proxy.delay(100))
      const started = performance.now()
      const slow = client.echo("slow")
      yield* Effect.sleep(20)
      yield* Effect.promise(() => proxy.delay(1))
      const quick = client.echo("quick")
      assert.strictEqual(yield* Effect.promise(() => Promise.race([quick, slow])), "slow")
      assert.isAtLeast(performance.now() - started, 99)
      assert.strictEqual(yield* Effect.promise(() => quick), "quick")
    }))

  it.scopedLive("holds everything back, then lets it through", () =>
    Effect.gen(function*() {
      const { client, direct, proxy, url } = yield* setup
      yield* Effect.promise(proxy.blackhole)
      const reply = client.set("key", "late")
      const newcomer = yield* connect(url)
      const second = newcomer.ping()
      assert.strictEqual(yield* Effect.promise(() => outcome(Promise.race([reply, second]))), "nothing")
      assert.isNull(yield* Effect.promise(() => direct.get("key")))
      yield* Effect.promise(proxy.pass)
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all([reply, second])), ["OK", "PONG"])
    }))

  it.scopedLive("swallows replies, and resets the connections that lost one", () =>
    Effect.gen(function*() {
      const { client, direct, proxy } = yield* setup
      yield* Effect.promise(proxy.dropReplies)
      const reply = client.set("key", "value")
      assert.strictEqual(yield* Effect.promise(() => outcome(reply)), "nothing")
      assert.strictEqual(yield* Effect.promise(() => direct.get("key")), "value")
      yield* Effect.promise(proxy.pass)
      assert.instanceOf(yield* Effect.promise(() => outcome(reply)), Error)
    }))

  it.scopedLive("resets connections, and accepts new ones", () =>
    Effect.gen(function*() {
      const { client, proxy, url } = yield* setup
      assert.strictEqual(proxy.connections(), 1)
      yield* Effect.promise(proxy.reset)
      assert.instanceOf(yield* Effect.promise(() => outcome(client.ping())), Error)
      const next = yield* connect(url)
      assert.strictEqual(yield* Effect.promise(() => next.ping()), "PONG")
    }))

  it.scopedLive("refuses connections, then listens again", () =>
    Effect.gen(function*() {
      const { client, proxy, url } = yield* setup
      yield* Effect.promise(proxy.refuse)
      assert.instanceOf(yield* Effect.promise(() => outcome(client.ping())), Error)
      const refused = yield* connect(url)
      const error = yield* Effect.promise(() => new Promise((resolve) => refused.once("error", resolve)))
      assert.match(String(error), /ECONNREFUSED/)
      yield* Effect.promise(proxy.pass)
      const accepted = yield* connect(url)
      assert.strictEqual(yield* Effect.promise(() => accepted.ping()), "PONG")
    }))
})
