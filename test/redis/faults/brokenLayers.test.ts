/** Layers that cannot be built, or not yet. Real processes, real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Duration, Effect, Exit, Layer, Option, Redacted } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import * as net from "node:net"
import { inspect } from "node:util"
import { freePort } from "../../support/freePort.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { sharedRedisUrl } from "../../support/sharedRedis.js"
import { all, times } from "../together.js"
import { address, connected, counts, failureOf, things, timedFailure } from "./failing.js"
import { nothingUnhandled } from "./nothingUnhandled.js"

/** Everything of an error that a person or a log might see. */
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

describe("a layer that cannot be built", () => {
  it.live("fails fast with Connection if nothing listens", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const [elapsed, error] = yield* failureOf(RedisLayer.layer(address(port)))
      assert.strictEqual(error.reason, "Connection")
      assert.match(error.message, /ECONNREFUSED/)
      assert.isBelow(Duration.toMillis(elapsed), 1_000)
    }))

  it.scopedLive("fails with Auth for a wrong password, and for a missing one", () =>
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

  it.scopedLive("fails with Timeout within connectTimeout if a server accepts and never answers", () =>
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
      assert.isAtLeast(Duration.toMillis(elapsed), 290)
      // The default is five seconds.
      assert.isBelow(Duration.toMillis(elapsed), 4_000)
    }))

  it.scopedLive("never reveals the password", () =>
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
        [/connectTimeout/, { connectTimeout: 0 }],
        [/prefix must be well-formed Unicode/, { prefix: "a\ud800" }],
        [/prefix must be well-formed Unicode, got 42/, { prefix: 42 as never }],
        [/tracking must be "onDemand" or "required", got "require"/, { tracking: "require" as never }],
        [/lazy must be true or false, got "no"/, { lazy: "no" as never }],
        [/db must be a whole number of 0 or more, got NaN/, { db: Number(undefined) }],
        [/db must be a whole number of 0 or more, got 1.5/, { db: 1.5 }],
        [/db must be a whole number of 0 or more, got null/, { db: null as never }],
        [/port must be a whole number from 1 to 65535, got NaN/, { port: NaN }],
        [/host must be a non-empty string, got ""/, { host: "" }],
        [/keepAlive must be a number, got NaN/, { keepAlive: NaN }]
      ]
      for (const [pattern, options] of refusals) {
        const [, error] = yield* failureOf(RedisLayer.layer({ url: sharedRedisUrl(), ...options }))
        assert.match(error.message, pattern)
      }
      const node = { host: "127.0.0.1", port: Number(undefined) }
      const [, error] = yield* failureOf(RedisLayer.layerCluster([node]))
      assert.match(error.message, /port must be a whole number/)
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

  it.live("fails with a ConfigError if something is missing or not a number", () =>
    Effect.gen(function*() {
      for (const entries of [{ HOST: "127.0.0.1" }, { HOST: "127.0.0.1", PORT: "x", PASSWORD: "y" }]) {
        const layer = Layer.provide(RedisLayer.layerConfig(config), withConfig(entries))
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
        assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /PORT/)
      }
    }))

  it.scopedLive("does not reveal the password", () =>
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

  it.scopedLive("reports a wrong address at its first use", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const redis = yield* connected({ ...address(port), lazy: true })
      const [elapsed, error] = yield* timedFailure(Cache.get(things, "a"), redis)
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
      assert.match(error.message, /ECONNREFUSED/)
      assert.isBelow(elapsed, 1_000)
    }))

  it.scopedLive("reports a wrong password at every use", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "right" })
      const redis = yield* connected({ ...address(server.port), password: secret, lazy: true })
      for (let i = 0; i < 3; i++) {
        const [, error] = yield* timedFailure(Cache.get(things, "a"), redis)
        assert.strictEqual((error as CacheError.RedisError).reason, "Auth")
        assert.notInclude(everythingOf(error), "hunter2")
      }
    }))

  it.scopedLive("that is never used closes without a trace", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      yield* Effect.scoped(connected({ ...address(port), lazy: true }))
    }))
})

nothingUnhandled()
