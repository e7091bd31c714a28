/** What goes wrong between a program and a real Redis, and what it comes to. Real processes, real sockets. */
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Config,
  ConfigProvider,
  type Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Redacted,
  Scope,
  Stream
} from "effect"
import { Cache, type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import * as net from "node:net"
import { inspect } from "node:util"
import { afterAll } from "vitest"
import { freePort } from "../support/freePort.js"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

// ---- nothing may ever be unhandled

const unhandled: Array<unknown> = []
const note = (event: unknown): void => void unhandled.push(event)
const events = ["unhandledRejection", "uncaughtExceptionMonitor", "warning"] as const
for (const event of events) process.on(event, note)
afterAll(() => {
  for (const event of events) process.off(event, note)
})

// ---- help

const things = Cache.make({ name: "things" })
const counts = Cache.counter({ name: "counts" })

type RedisContext = Context.Context<Redis.Redis>

/** A layer that lives as long as the scope, to be used by many effects at once. */
const build = (
  layer: Layer.Layer<Redis.Redis, CacheError.RedisError>
): Effect.Effect<RedisContext, CacheError.RedisError, Scope.Scope> => Layer.build(layer)

const connected = (options: RedisLayer.Options) => build(RedisLayer.layer({ prefix: uniquePrefix(), ...options }))

const address = (port: number): RedisLayer.Options => ({ host: "127.0.0.1", port })

/** How a layer fails, and after how long. */
const failureOf = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.timed(Effect.flip(Effect.scoped(Layer.build(layer))))

const timedFailure = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>, redis: RedisContext) =>
  Effect.map(
    Effect.timed(Effect.flip(Effect.provide(effect, redis))),
    ([elapsed, error]) => [Duration.toMillis(elapsed), error] as const
  )

/** Why it failed; fails if it did not, or with anything else than a `RedisError`. */
const reasonOf = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>, redis: RedisContext) =>
  Effect.map(Effect.flip(Effect.provide(effect, redis)), (error) => (error as CacheError.RedisError).reason)

const client = (url: string): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const opened = new Client(url, { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 })
      opened.on("error", () => undefined)
      return opened
    }),
    (opened) => Effect.sync(() => opened.disconnect())
  )

const info = (asked: Client, name: string): Effect.Effect<string | undefined> =>
  Effect.map(
    Effect.promise(() => asked.info()),
    (text) => new RegExp(`^${name}:(.*)\\r$`, "m").exec(text)?.[1]
  )

/** Waits for something to hold, looking every few milliseconds. */
const until = <E>(holds: Effect.Effect<boolean, E>, millis = 3_000): Effect.Effect<void> => {
  const look: Effect.Effect<void, E> = Effect.flatMap(
    holds,
    (held) => held ? Effect.void : Effect.zipRight(Effect.sleep(5), look)
  )
  return Effect.orDie(Effect.timeout(look, millis))
}

const all = <A, E, R>(effects: Iterable<Effect.Effect<A, E, R>>) => Effect.all(effects, { concurrency: "unbounded" })

const times = <A>(count: number, f: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, i) => f(i))

/** Everything that a person or a log might see of an error. */
const everythingOf = (error: unknown): string => {
  const cause = Cause.fail(error)
  const texts = [
    String(error),
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(error),
    Cause.pretty(cause, { renderErrorCause: true }),
    JSON.stringify(cause)
  ]
  for (let each = error; each instanceof Error; each = each.cause) {
    texts.push(each.message, each.stack ?? "", inspect(each, { showHidden: true, depth: 20 }))
  }
  return texts.join("\n")
}

const secret = "hunter2-%-very secret"
const user = encodeURIComponent(secret)

// ---- the tests

describe("a layer that cannot be built", () => {
  it.live("fails fast with Connection where nobody listens", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const [elapsed, error] = yield* failureOf(RedisLayer.layer(address(port)))
      assert.strictEqual(error.reason, "Connection")
      assert.match(error.message, /ECONNREFUSED/)
      assert.isBelow(Duration.toMillis(elapsed), 1_000)
    }))

  it.scopedLive("fails with Auth for a wrong password, and for none", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "right" })
      const wrong = yield* failureOf(RedisLayer.layer({ ...address(server.port), password: secret }))
      assert.strictEqual(wrong[1].reason, "Auth")
      assert.isBelow(Duration.toMillis(wrong[0]), 1_000)
      const none = yield* failureOf(RedisLayer.layer(address(server.port)))
      assert.strictEqual(none[1].reason, "Auth")
      assert.isBelow(Duration.toMillis(none[0]), 1_000)
      const right = yield* connected({ url: server.url })
      yield* Effect.provide(Cache.set(things, "a", 1), right)
    }))

  it.scopedLive("fails with Timeout within connectTimeout where a server accepts and never answers", () =>
    Effect.gen(function*() {
      const silent = yield* Effect.acquireRelease(
        Effect.async<net.Server>((resume) => {
          const sockets = new Set<net.Socket>()
          const server = net.createServer((socket) => void sockets.add(socket.on("error", () => undefined)))
          server.on("close", () => sockets.forEach((socket) => socket.destroy()))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = silent.address() as net.AddressInfo // it listens on a port
      const [elapsed, error] = yield* failureOf(RedisLayer.layer({ ...address(port), connectTimeout: "300 millis" }))
      assert.strictEqual(error.reason, "Timeout")
      assert.closeTo(Duration.toMillis(elapsed), 300, 200)
    }))

  it.scopedLive("never tells the password", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "right" })
      const dead = yield* Effect.promise(freePort)
      const layers = [
        RedisLayer.layer({ ...address(server.port), password: secret }),
        RedisLayer.layer(`redis://:${user}@127.0.0.1:${server.port}`),
        RedisLayer.layer(`redis://:${user}@127.0.0.1:${dead}`),
        RedisLayer.layer(`redis://:${user}@not an address:99999999`),
        RedisLayer.layer({ url: `redis://:${user}@[::bad`, prefix: "p:" }),
        RedisLayer.layer({ url: `rediss://:${user}@127.0.0.1:${server.port}`, connectTimeout: "500 millis" }),
        RedisLayer.layer({ ...address(server.port), username: "nobody", password: secret }),
        RedisLayer.layer({ ...address(dead), password: secret, keyPrefix: "x" } as RedisLayer.Options)
      ]
      for (const layer of layers) {
        const [, error] = yield* failureOf(layer)
        const everything = everythingOf(error)
        assert.notInclude(everything, secret)
        assert.notInclude(everything, user)
        assert.notInclude(everything, "hunter2")
      }
    }))

  it.live("says what is wrong with its options", () =>
    Effect.gen(function*() {
      const refusals: ReadonlyArray<readonly [RegExp, RedisLayer.Options]> = [
        [/keyPrefix/, { keyPrefix: "x:" } as RedisLayer.Options],
        [/keyPrefix/, { url: `${sharedRedisUrl()}?keyPrefix=x:` }],
        [/commandTimeout/, { commandTimeout: 0 }],
        [/commandTimeout/, { commandTimeout: -1 }],
        [/commandTimeout/, { commandTimeout: NaN }],
        [/commandTimeout/, { commandTimeout: Infinity }],
        [/commandTimeout/, { commandTimeout: "soon" as "1 second" }],
        [/connectTimeout/, { connectTimeout: 0 }]
      ]
      for (const [pattern, options] of refusals) {
        const [, error] = yield* failureOf(RedisLayer.layer({ url: sharedRedisUrl(), ...options }))
        assert.match(error.message, pattern)
      }
    }))
})

describe("layerConfig", () => {
  const config = {
    host: Config.string("HOST"),
    port: Config.integer("PORT"),
    password: Config.redacted("PASSWORD"),
    prefix: Config.succeed("app:"),
    commandTimeout: Config.duration("TIMEOUT").pipe(Config.withDefault(Duration.millis(500)))
  }

  const withConfig = (entries: Readonly<Record<string, string>>) =>
    Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))

  it.scopedLive("connects as the configuration says", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: secret })
      const layer = RedisLayer.layerConfig(config).pipe(
        Layer.provide(withConfig({ HOST: "127.0.0.1", PORT: `${server.port}`, PASSWORD: secret }))
      )
      const key = yield* Effect.provide(
        Effect.zipRight(Cache.set(things, "a", 1), Cache.explain(things, "a")),
        layer
      )
      assert.strictEqual(key.redisKey, "app:things:a")
      const url = RedisLayer.layerConfig({ url: Config.redacted("URL") }).pipe(
        Layer.provide(withConfig({ URL: `redis://:${user}@127.0.0.1:${server.port}` }))
      )
      yield* Effect.provide(Cache.set(things, "a", 1), url)
    }))

  it.live("fails with a ConfigError where something is missing or no number", () =>
    Effect.gen(function*() {
      for (const entries of [{ HOST: "127.0.0.1" }, { HOST: "127.0.0.1", PORT: "x", PASSWORD: "y" }]) {
        const layer = Layer.provide(RedisLayer.layerConfig(config), withConfig(entries))
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
        assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /PORT/)
      }
    }))

  it.scopedLive("does not tell the password", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "right" })
      const layer = RedisLayer.layerConfig({
        host: Config.succeed("127.0.0.1"),
        port: Config.succeed(server.port),
        password: Config.succeed(Redacted.make(secret))
      })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.strictEqual((error as CacheError.RedisError).reason, "Auth")
      assert.notInclude(everythingOf(error), "hunter2")
    }))
})

describe("a lazy layer", () => {
  it.scopedLive("connects when it is first used, once", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), lazy: true })
      yield* Effect.sleep(30)
      assert.strictEqual(proxy.connections(), 0)
      yield* Effect.provide(
        all([...times(20, (i) => Cache.set(things, `${i}`, i)), Effect.asVoid(Cache.increment(counts, "a"))]),
        redis
      )
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "7"), redis), Option.some(7))
      assert.strictEqual(proxy.connections(), 1)
    }))

  it.scopedLive("tells of a wrong address at its first use", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = yield* connected({ ...address(port), lazy: true })
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      assert.match(error.message, /ECONNREFUSED/)
      assert.isBelow(elapsed, 1_000)
    }))

  it.scopedLive("tells of a wrong password at every use", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "right" })
      const redis = yield* connected({ ...address(server.port), password: secret, lazy: true })
      for (let i = 0; i < 3; i++) {
        const [, error] = yield* timedFailure(Cache.get(things, "a"), redis)
        assert.strictEqual((error as CacheError.RedisError).reason, "Auth")
        assert.notInclude(everythingOf(error), "hunter2")
      }
    }))

  it.scopedLive("that is never used is closed without a trace", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      yield* Effect.scoped(connected({ ...address(port), lazy: true }))
    }))
})

describe("a server that does not answer", () => {
  it.scopedLive("fails each call with Timeout, within commandTimeout", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "300 millis" })
      yield* Effect.promise(proxy.blackhole)
      const calls: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
        Cache.get(things, "a"),
        Cache.getMany(things, ["a", "b"]),
        Cache.set(things, "a", 1),
        Cache.setMany(things, { a: 1, b: 2 }),
        Cache.delete(things, "a"),
        Cache.increment(counts, "a"),
        Stream.runDrain(Cache.keys(things)),
        Cache.getOrSet(things, "a", Effect.succeed(1))
      ]
      const failures = yield* all(calls.map((call) => timedFailure(call, redis)))
      for (const [elapsed, error] of failures) {
        assert.strictEqual((error as CacheError.RedisError).reason, "Timeout")
        assert.isBelow(elapsed, 600)
        assert.isAtLeast(elapsed, 295)
      }
    }))

  it.scopedLive("late replies answer nobody else", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "400 millis" })
      yield* Effect.gen(function*() {
        yield* Cache.setMany(things, { a: "a", b: "b", c: "c" })
        yield* Effect.promise(proxy.blackhole)
        assert.strictEqual(yield* reasonOf(Cache.get(things, "a"), redis), "Timeout")
        const waiting = yield* Effect.fork(Cache.get(things, "b"))
        yield* Effect.sleep(20)
        yield* Effect.promise(proxy.pass)
        assert.deepStrictEqual(yield* Fiber.join(waiting), Option.some("b"))
        assert.deepStrictEqual(yield* Cache.get(things, "c"), Option.some("c"))
        yield* Effect.promise(() => proxy.delay(600))
        assert.strictEqual(yield* reasonOf(Cache.get(things, "a"), redis), "Timeout")
        yield* Effect.promise(proxy.pass)
        assert.deepStrictEqual(yield* Cache.get(things, "b"), Option.some("b"))
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive("a batch is answered as a whole, also where its members are interrupted", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected({ ...address(server.port), commandTimeout: "400 millis" })
      server.pause()
      const fibers = yield* Effect.forEach(times(5, String), (key) =>
        Effect.fork(Effect.provide(Cache.get(things, key), redis)))
      yield* Effect.sleep(20)
      const [elapsed] = yield* Effect.timed(Fiber.interrupt(fibers[0]!))
      assert.isBelow(Duration.toMillis(elapsed), 300)
      for (const fiber of fibers.slice(1)) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual((error as CacheError.RedisError).reason, "Timeout")
      }
      server.resume()
    }))
})

describe("a server that refuses", () => {
  it.scopedLive("a replica: reads work, writes fail with ReadOnly", () =>
    Effect.gen(function*() {
      const primary = yield* RedisServer.make({ args: ["--repl-diskless-sync-delay", "0"] })
      const replica = yield* RedisServer.make({ args: ["--replicaof", `127.0.0.1 ${primary.port}`] })
      const looking = yield* client(replica.url)
      yield* until(Effect.map(info(looking, "master_link_status"), (status) => status === "up"), 8_000)
      const prefix = uniquePrefix()
      const writing = yield* connected({ ...address(primary.port), prefix })
      yield* Effect.provide(Cache.setMany(things, { a: 1, b: 2 }), writing)
      yield* until(Effect.map(Effect.promise(() => looking.exists(`${prefix}things:a`)), (count) => count === 1))
      const redis = yield* connected({ ...address(replica.port), prefix })
      const read = Effect.provide(Cache.get(things, "a"), redis)
      assert.deepStrictEqual(yield* read, Option.some(1))
      const writes: ReadonlyArray<Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>> =
        [
          Cache.set(things, "a", 2),
          Cache.setMany(things, { a: 2, b: 3 }),
          Cache.setIfAbsent(things, "c", 3),
          Cache.delete(things, "a"),
          Cache.increment(counts, "a"),
          Cache.touch(things, "a", "1 hour"),
          Cache.modify(things, "a", () => Option.some(3)),
          Cache.flush(things),
          Cache.getOrSet(things, "absent", Effect.succeed(1))
        ]
      for (const write of writes) {
        assert.strictEqual(yield* reasonOf(write, redis), "ReadOnly")
        // A refused write does no harm to reads, not even for a moment.
        assert.deepStrictEqual(yield* read, Option.some(1))
      }
      assert.strictEqual(yield* Effect.provide(Cache.getOrSet(things, "a", Effect.die("it is there")), redis), 1)
    }), 20_000)

  it.scopedLive("memory is full: writes fail with OutOfMemory, reads and deletes work", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ args: ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"] })
      const redis = yield* connected(address(server.port))
      yield* Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        const big = "x".repeat(300_000)
        const filled = yield* Effect.exit(Effect.forEach(times(40, String), (key) => Cache.set(things, key, big)))
        assert.isTrue(Exit.isFailure(filled))
        const writes: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
          Cache.set(things, "b", big),
          Cache.setMany(things, { b: big, c: big }),
          Cache.setIfAbsent(things, "b", big),
          Cache.getOrSet(things, "b", Effect.succeed(big))
        ]
        for (const write of writes) assert.strictEqual(yield* reasonOf(write, redis), "OutOfMemory")
        assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(1))
        assert.isTrue(yield* Cache.delete(things, "0"))
        assert.isAbove(yield* Cache.flush(things), 1)
        yield* Cache.set(things, "b", big)
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive("an ACL forbids: Auth, and what it allows works", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({
        acl: ["user default off", "user reader on >pw ~* &* -@all +get +mget +info +time +scan +getrange +client"]
      })
      const redis = yield* connected({ ...address(server.port), username: "reader", password: "pw" })
      const forbidden: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
        Cache.set(things, "a", 1),
        Cache.setMany(things, { a: 1, b: 2 }),
        Cache.delete(things, "a"),
        Cache.increment(counts, "a"),
        Cache.getOrSet(things, "a", Effect.succeed(1))
      ]
      for (const each of forbidden) assert.strictEqual(yield* reasonOf(each, redis), "Auth")
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), redis), Option.none())
      assert.deepStrictEqual(yield* Effect.provide(Stream.runCount(Cache.keys(things)), redis), 0)
    }))

  it.scopedLive("scripts are loaded again after SCRIPT FLUSH, and each call takes place once", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected(address(server.port))
      const admin = yield* client(server.url)
      const forget = Effect.promise(() => admin.script("FLUSH"))
      yield* Effect.gen(function*() {
        yield* forget
        assert.strictEqual(yield* Cache.increment(counts, "a"), 1)
        yield* forget
        yield* Cache.setMany(things, { a: 1, b: 2 })
        yield* forget
        const together = yield* all([
          ...times(10, () => Cache.increment(counts, "a")),
          Effect.as(Cache.setIfAbsent(things, "c", 3), 0)
        ])
        assert.strictEqual(Math.max(...together), 11)
        yield* forget
        assert.strictEqual(yield* Cache.getOrSet(things, "d", Effect.zipRight(forget, Effect.succeed(4))), 4)
        yield* forget
        assert.deepStrictEqual(yield* Cache.modify(things, "a", () => Option.some(5)), Option.some(5))
        assert.deepStrictEqual(
          yield* Cache.getMany(things, ["a", "b", "c", "d"]),
          new Map([["a", 5], ["b", 2], ["c", 3], ["d", 4]])
        )
        assert.strictEqual(yield* Cache.flush(things), 4)
      }).pipe(Effect.provide(redis))
    }))
})

describe("a connection that is lost", () => {
  it.scopedLive("fails what is in flight with Connection, and is made anew within a second of the server's return", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected({ ...address(server.port), commandTimeout: "3 seconds" })
      const get = Effect.provide(Cache.get(things, "a"), redis)
      yield* get
      server.pause()
      const inFlight = yield* Effect.forEach(
        times(8, String),
        (key) => Effect.fork(Effect.provide(Cache.set(things, key, 1), redis))
      )
      yield* Effect.sleep(20)
      yield* Effect.promise(() => server.kill())
      for (const fiber of inFlight) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      }
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      assert.isBelow(elapsed, 300)
      yield* Effect.promise(server.restart)
      const [back] = yield* Effect.timed(until(Effect.map(Effect.either(get), ({ _tag }) => _tag === "Right")))
      assert.isBelow(Duration.toMillis(back), 1_000)
      yield* Effect.provide(Cache.setMany(things, { a: 1, b: 2 }), redis)
    }))

  it.scopedLive("nothing is sent twice", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "3 seconds" })
      yield* Effect.gen(function*() {
        yield* Cache.set(counts, "a", 0)
        yield* Effect.promise(proxy.dropReplies)
        const sent = yield* Effect.forEach(times(9, String), () => Effect.fork(Cache.increment(counts, "a")))
        yield* Effect.sleep(50)
        // The server has done it all; the replies are lost with the connection.
        yield* Effect.promise(proxy.pass)
        for (const fiber of sent) {
          assert.strictEqual(yield* reasonOf(Fiber.join(fiber), redis), "Connection")
        }
        const get = Effect.either(Cache.get(counts, "a"))
        yield* until(Effect.provide(Effect.map(get, ({ _tag }) => _tag === "Right"), redis))
        yield* Effect.sleep(50)
        assert.deepStrictEqual(yield* Cache.get(counts, "a"), Option.some(9))
      }).pipe(Effect.provide(redis))
    }))

  it.scopedLive("closing the layer closes its connection, and ends what waits for it", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const admin = yield* client(server.url)
      const connections = Effect.map(info(admin, "connected_clients"), Number)
      const before = yield* connections
      const scope = yield* Scope.make()
      const redis = yield* Scope.extend(connected({ ...address(server.port), commandTimeout: "1 minute" }), scope)
      yield* Effect.provide(Cache.get(things, "a"), redis)
      assert.strictEqual(yield* connections, before + 1)
      server.pause()
      const waiting = yield* Effect.fork(Effect.provide(Cache.get(things, "a"), redis))
      yield* Effect.sleep(20)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* reasonOf(Fiber.join(waiting), redis), "Connection")
      server.resume()
      yield* until(Effect.map(connections, (count) => count === before))
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      assert.isBelow(elapsed, 300)
    }))

  it.scopedLive("closing a lazy layer ends what waits for its first connection", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      yield* Effect.promise(proxy.blackhole)
      const scope = yield* Scope.make()
      const redis = yield* Scope.extend(
        connected({ ...address(proxy.port), lazy: true, commandTimeout: "1 minute" }),
        scope
      )
      const waiting = yield* Effect.fork(Effect.provide(Cache.get(things, "a"), redis))
      yield* Effect.sleep(30)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(
        yield* reasonOf(
          Fiber.join(waiting).pipe(Effect.timeoutFail({
            duration: "1 second",
            onTimeout: () => new Error("it still waits")
          })),
          redis
        ),
        "Connection"
      )
    }))
})

describe("somebody else's client", () => {
  it.scopedLive("is never closed, and has no more listeners after fifty layers than before", () =>
    Effect.gen(function*() {
      const own = yield* client(sharedRedisUrl())
      const prefix = uniquePrefix()
      yield* Effect.promise(() => own.ping())
      const listeners = () =>
        Object.fromEntries(own.eventNames().map((name) => [String(name), own.listenerCount(name)]))
      const before = listeners()
      for (let i = 0; i < 50; i++) {
        yield* Effect.provide(
          Cache.set(things, "a", i),
          RedisLayer.layerFromClient(own, { prefix })
        )
      }
      assert.deepStrictEqual(listeners(), before)
      assert.strictEqual(own.status, "ready")
      assert.strictEqual(yield* Effect.promise(() => own.exists(`${prefix}things:a`)), 1)
    }))

  it.scopedLive("with a keyPrefix is refused", () =>
    Effect.gen(function*() {
      const own = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(sharedRedisUrl(), { keyPrefix: "x:" })),
        (opened) => Effect.sync(() => opened.disconnect())
      )
      const [, error] = yield* failureOf(RedisLayer.layerFromClient(own))
      assert.match(error.message, /keyPrefix/)
      const [, bad] = yield* failureOf(RedisLayer.layerFromClient(own, { commandTimeout: 0 }))
      assert.match(bad.message, /keyPrefix|commandTimeout/)
    }))

  it.scopedLive("has its commands bounded by commandTimeout, and by the layer's life", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const own = yield* client(`redis://127.0.0.1:${proxy.port}`)
      const redis = yield* build(RedisLayer.layerFromClient(own, { commandTimeout: "300 millis" }))
      yield* Effect.provide(Cache.set(things, "a", 1), redis)
      const scope = yield* Scope.make()
      const patient = yield* Scope.extend(build(RedisLayer.layerFromClient(own, { commandTimeout: "1 minute" })), scope)
      yield* Effect.promise(proxy.blackhole)
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Timeout")
      assert.isTrue(elapsed >= 295 && elapsed < 600, `${elapsed}`)
      const waiting = yield* Effect.fork(Effect.provide(Cache.get(things, "a"), patient))
      yield* Effect.sleep(20)
      yield* Scope.close(scope, Exit.void)
      const outcome = Fiber.join(waiting).pipe(Effect.timeoutFail({
        duration: "1 second",
        onTimeout: () => new Error("it still waits")
      }))
      assert.strictEqual(yield* reasonOf(outcome, redis), "Connection")
      yield* Effect.promise(proxy.pass)
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), redis), Option.some(1))
    }))
})

describe("the breaker", () => {
  it.scopedLive("opens when most calls fail, refuses at once, and closes when one succeeds again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connected({ ...address(server.port), commandTimeout: "100 millis" })
      const get = Cache.get(things, "a")
      yield* Effect.provide(get, redis)
      server.pause()
      const reasons = yield* Effect.forEach(times(25, String), () => reasonOf(get, redis))
      assert.strictEqual(reasons[0], "Timeout")
      assert.isFalse(reasons.slice(0, 9).includes("CircuitOpen"))
      assert.strictEqual(reasons[24], "CircuitOpen")
      const [elapsed, error] = yield* timedFailure(Cache.increment(counts, "a"), redis)
      if ((error as CacheError.RedisError).reason === "CircuitOpen") assert.isBelow(elapsed, 90)
      assert.include(["CircuitOpen", "Timeout", "Connection"], (error as CacheError.RedisError).reason)
      server.resume()
      const works = Effect.map(Effect.either(Effect.provide(get, redis)), ({ _tag }) => _tag === "Right")
      yield* until(works, 1_500)
      for (let i = 0; i < 5; i++) assert.isTrue(yield* works)
    }))

  it.scopedLive("does not open for errors that the server replies with", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ args: ["--maxmemory", "1", "--maxmemory-policy", "noeviction"] })
      const redis = yield* connected(address(server.port))
      for (let i = 0; i < 30; i++) assert.strictEqual(yield* reasonOf(Cache.set(things, "a", 1), redis), "OutOfMemory")
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), redis), Option.none())
    }))
})

describe("onRedisError: \"bypass\", with Redis away", () => {
  const lenient = Cache.make({ name: "lenient", onRedisError: "bypass", tags: () => ["t"] })
  const plain = Cache.make({ name: "plain", onRedisError: "bypass" })

  it.scopedLive("reads miss, writes are dropped, loads compute; deletes and the like fail", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connected({ ...address(proxy.port), commandTimeout: "1 second" })
      yield* Effect.provide(Cache.set(plain, "a", 1), redis)
      yield* Effect.promise(proxy.refuse)
      for (const cache of [plain, lenient]) {
        yield* Effect.gen(function*() {
          assert.deepStrictEqual(yield* Cache.get(cache, "a"), Option.none())
          assert.isFalse(yield* Cache.has(cache, "a"))
          assert.deepStrictEqual(yield* Cache.getMany(cache, ["a", "b"]), new Map())
          assert.deepStrictEqual(yield* Cache.timeToLive(cache, "a"), Option.none())
          yield* Cache.set(cache, "a", 2)
          yield* Cache.setMany(cache, { a: 2, b: 3 })
          assert.isFalse(yield* Cache.setIfAbsent(cache, "c", 3))
          assert.isFalse(yield* Cache.touch(cache, "a", "1 hour"))
          assert.strictEqual(yield* Cache.getOrSet(cache, "a", Effect.succeed(3)), 3)
          assert.strictEqual(yield* Cache.refresh(cache, "a", Effect.succeed(4)), 4)
          assert.deepStrictEqual(
            yield* Cache.getOrSetMany(cache, ["a", "b"], (keys) => Effect.succeed(keys.map((key) => [key, key]))),
            new Map([["a", "a"], ["b", "b"]])
          )
          const failures: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
            Cache.delete(cache, "a"),
            Cache.take(cache, "a"),
            Cache.deleteMany(cache, ["a"]),
            Cache.flush(cache),
            Cache.invalidateTags(cache, ["t"]),
            Cache.modify(cache, "a", () => Option.some(1)),
            Stream.runDrain(Cache.keys(cache)),
            Cache.explain(cache, "a"),
            Cache.increment(counts, "a")
          ]
          for (const failure of failures) {
            const error = yield* Effect.flip(failure)
            assert.strictEqual((error as CacheError.RedisError)._tag, "RedisError")
          }
          const { bypassed, hits } = yield* Cache.stats(cache)
          assert.isAbove(bypassed, 8)
          assert.strictEqual(hits, 0)
        }).pipe(Effect.provide(redis))
      }
      yield* Effect.promise(proxy.pass)
      const get = Effect.provide(Cache.get(plain, "a"), redis)
      yield* until(Effect.map(get, Option.isSome), 1_500)
      assert.deepStrictEqual(yield* get, Option.some(1))
    }))

  it.scopedLive("callers that come together share one computation", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = yield* connected({ ...address(port), lazy: true })
      let runs = 0
      const load = Effect.delay(Effect.sync(() => ++runs), "30 millis")
      const values = yield* Effect.provide(all(times(50, () => Cache.getOrSet(plain, "a", load))), redis)
      assert.deepStrictEqual([...new Set(values)], [1])
    }))

  it.scopedLive("what cannot be stored is refused all the same", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = yield* connected({ ...address(port), lazy: true })
      const error = yield* Effect.flip(Effect.provide(Cache.set(plain, "\ud800", 1), redis))
      assert.strictEqual(error._tag, "CodecError")
    }))
})

describe("all of these", () => {
  it.live("left nothing unhandled, and no warning", () =>
    Effect.gen(function*() {
      yield* Effect.sleep(50)
      assert.deepStrictEqual(unhandled, [])
    }))
})
