/**
 * TLS against a real server: you get the TLS that you ask for, or the layer fails; nothing is ever sent unencrypted.
 */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Cache, type CacheError, Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { startRedis } from "../support/redisServer.js"
import { uniquePrefix } from "../support/sharedRedis.js"

const password = "in-the-clear"

const server = await startRedis({ tls: true, acl: ["user default off", `user app on >${password} ~* &* +@all`] })
/** Another server, whose certificate the client must not accept for this one. */
const stranger = await startRedis({ tls: true })
afterAll(() => Promise.all([server.stop(), stranger.stop()]))

const ca = server.ca!
const url = `rediss://app:${password}@127.0.0.1:${server.port}`

const users = Cache.make({ name: "users" })
const copied = Cache.make({ name: "copied", near: { capacity: 10 } })

const roundTrip = Effect.gen(function*() {
  yield* Cache.set(users, "42", "Ada")
  return yield* Cache.get(users, "42")
})

const works = (layer: Layer.Layer<Redis.Redis, unknown>) =>
  Effect.map(Effect.provide(roundTrip, layer), (found) => assert.deepStrictEqual(found, Option.some("Ada")))

const failureOf = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.timed(Effect.flip(Effect.scoped(Layer.build(layer))))

/** A server without TLS that records what it receives, and answers like a Redis that accepts everything. */
const listener = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly heard: () => string; readonly close: () => void }>((resume) => {
    let heard = ""
    const listening = net.createServer((socket) => {
      socket.on("error", () => undefined)
      socket.on("data", (bytes) => {
        heard += bytes.toString("latin1")
        socket.write("+OK\r\n")
      })
    })
    listening.listen(0, "127.0.0.1", () => {
      const { port } = listening.address() as net.AddressInfo // it listens on a port
      resume(Effect.succeed({ port, heard: () => heard, close: () => listening.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("TLS", () => {
  it.live("by a rediss:// url and the certificate to trust", () =>
    works(RedisLayer.layer({ url, prefix: uniquePrefix(), tls: { ca } })))

  it.live("by options", () =>
    works(RedisLayer.layer({ host: "127.0.0.1", port: server.port, username: "app", password, tls: { ca } })))

  it.live("from Config, in which every value may be secret", () => {
    const entries = { HOST: "127.0.0.1", PORT: `${server.port}`, USER: "app", PASSWORD: password, CA: ca, URL: url }
    const provided = Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))
    const tls = Config.all({ ca: Config.string("CA") })
    return Effect.all([
      works(Layer.provide(
        RedisLayer.layerConfig({
          host: Config.string("HOST"),
          port: Config.integer("PORT"),
          username: Config.string("USER"),
          password: Config.redacted("PASSWORD"),
          tls
        }),
        provided
      )),
      works(Layer.provide(RedisLayer.layerConfig({ url: Config.redacted("URL"), tls }), provided))
    ])
  })

  it.scopedLive("for near copies, too", () =>
    Effect.gen(function*() {
      const options = { url, prefix: uniquePrefix(), tls: { ca }, tracking: "required" } as const
      const redis = Context.get(yield* Layer.build(RedisLayer.layer(options)), Redis.Redis)
      const other = yield* Layer.build(Layer.fresh(RedisLayer.layer(options)))
      yield* Effect.gen(function*() {
        yield* Cache.set(copied, "a", 1)
        const nearHits = Effect.map(Cache.stats(copied), (stats) => stats.nearHits)
        yield* Effect.repeat(Effect.delay(Cache.get(copied, "a"), 5), {
          until: () => Effect.map(nearHits, (n) => n > 2)
        })
        yield* Effect.provide(Cache.set(copied, "a", 2), other)
        yield* Effect.repeat(Effect.delay(Cache.get(copied, "a"), 5), {
          until: (found) => Option.getOrUndefined(found) === 2
        })
      }).pipe(Effect.provideService(Redis.Redis, redis))
    }))

  it.live("a certificate that is not trusted fails the layer with Connection, within connectTimeout", () =>
    Effect.gen(function*() {
      const layers = [
        RedisLayer.layer({ url, connectTimeout: "3 seconds" }),
        RedisLayer.layer({ url, connectTimeout: "3 seconds", tls: { ca: stranger.ca! } }),
        RedisLayer.layer({ url, connectTimeout: "3 seconds", tls: { ca, servername: "another.example" } })
      ]
      for (const layer of layers) {
        const [elapsed, error] = yield* failureOf(layer)
        assert.strictEqual(error.reason, "Connection")
        assert.match(error.message, /certificate|altnames/i)
        assert.isBelow(Duration.toMillis(elapsed), 3_500)
      }
    }))

  it.live("a certificate that is no longer trusted fails each use of a lazy layer", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Cache.get(users, "42"))
      assert.strictEqual((error as CacheError.RedisError).reason, "Connection")
    }).pipe(Effect.provide(RedisLayer.layer({ url, lazy: true }))))

  it.live("and a client without TLS does not get in, either", () =>
    Effect.gen(function*() {
      const [elapsed, error] = yield* failureOf(
        RedisLayer.layer({ url: url.replace("rediss", "redis"), connectTimeout: "2 seconds" })
      )
      assert.include(["Connection", "Timeout"], error.reason)
      assert.isBelow(Duration.toMillis(elapsed), 3_500)
    }))
})

describe("with TLS enabled, nothing is sent without it", () => {
  const secure = (port: number): Readonly<Record<string, Layer.Layer<Redis.Redis, unknown>>> => {
    const short = { connectTimeout: "300 millis", prefix: "p:" } as const
    const at = `rediss://app:${password}@127.0.0.1:${port}`
    return {
      "a url": RedisLayer.layer({ url: at, ...short }),
      // As happens if a certificate is only set in some environments.
      "a url, and tls undefined": RedisLayer.layer({ url: at, ...short, tls: undefined }),
      "options": RedisLayer.layer({ port, password, tls: {}, ...short }),
      "Config": RedisLayer.layerConfig({ url: Config.succeed(Redacted.make(at)), tls: Config.succeed(false) }),
      "a cluster": RedisLayer.layerCluster([at], short),
      "a cluster, and tls undefined": RedisLayer.layerCluster(
        [at],
        { ...short, tls: undefined }
      ),
      "a cluster, of which one node has none": RedisLayer.layerCluster([at.replace("rediss", "redis"), at], short)
    }
  }

  for (const name of Object.keys(secure(0))) {
    it.scopedLive(`by ${name}`, () =>
      Effect.gen(function*() {
        const { heard, port } = yield* listener
        yield* Effect.exit(Effect.timeout(Layer.build(secure(port)[name]!), "600 millis"))
        assert.notInclude(heard(), password)
        // Either it received a TLS handshake, or the options were refused.
        assert.strictEqual(heard() === "" ? 0x16 : heard().charCodeAt(0), 0x16)
        assert.strictEqual(heard() === "", name.endsWith("one node has none"))
      }))
  }

  it.scopedLive("by a url, if sentinels tell the address", () =>
    Effect.gen(function*() {
      const { heard, port } = yield* listener
      const sentinel = yield* Effect.acquireRelease(
        Effect.async<net.Server>((resume) => {
          const listening = net.createServer((socket) => {
            socket.on("error", () => undefined)
            socket.on("data", (bytes) => {
              for (const asked of bytes.toString().split(/(?=\*\d+\r\n)/)) {
                if (/get-master-addr-by-name/i.test(asked)) {
                  socket.write(`*2\r\n$9\r\n127.0.0.1\r\n$${`${port}`.length}\r\n${port}\r\n`)
                } else socket.write(/sentinels/i.test(asked) ? "*0\r\n" : "+OK\r\n")
              }
            })
          })
          listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
        }),
        (listening) => Effect.sync(() => listening.close())
      )
      const address = sentinel.address() as net.AddressInfo // it listens on a port
      const layer = RedisLayer.layer({
        sentinels: [{ host: "127.0.0.1", port: address.port }],
        name: "mymaster",
        password,
        tls: {},
        connectTimeout: "500 millis"
      })
      yield* Effect.exit(Effect.timeout(Layer.build(layer), "1 second"))
      // It received a TLS handshake.
      assert.strictEqual(heard().charCodeAt(0), 0x16)
      assert.notInclude(heard(), password)
    }))
})

/** From now on the server accepts only clients with a certificate that this one signed. */
const demand = (at: string, trusted: string, clientCertificate: string) =>
  Effect.promise(async () => {
    const admin = new Client(at, { tls: { ca: trusted } })
    await admin.config("SET", "tls-ca-cert-file", clientCertificate, "tls-auth-clients", "yes")
    admin.disconnect()
  })

describe("a server that requires a client certificate", () => {
  const folder = mkdtempSync(join(tmpdir(), "redis-client-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=client".split(" "),
    ...["-keyout", "key.pem", "-out", "cert.pem"]
  ], { cwd: folder, stdio: "ignore" })
  const cert = readFileSync(join(folder, "cert.pem"), "utf8")
  const key = readFileSync(join(folder, "key.pem"), "utf8")

  it.scopedLive("receives it, and refuses clients without one", () =>
    Effect.gen(function*() {
      const demanding = yield* Effect.acquireRelease(
        Effect.promise(() => startRedis({ tls: true })),
        ({ stop }) => Effect.promise(stop)
      )
      // The helper checks without a certificate whether the server is up; from now on the server demands one.
      yield* works(RedisLayer.layer({ url: demanding.url, tls: { ca: demanding.ca! } }))
      yield* demand(demanding.url, demanding.ca!, join(folder, "cert.pem"))
      const mutual = { ca: demanding.ca!, cert, key }
      yield* works(RedisLayer.layer({ url: demanding.url, tls: mutual }))
      yield* works(RedisLayer.layerConfig({
        url: Config.succeed(demanding.url),
        tls: Config.succeed({ ca: demanding.ca!, cert, key: Redacted.make(key) })
      }))
      const [, error] = yield* failureOf(
        RedisLayer.layer({ url: demanding.url, tls: { ca: demanding.ca! }, connectTimeout: "2 seconds" })
      )
      assert.include(["Connection", "Timeout"], error.reason)
    }))
})
