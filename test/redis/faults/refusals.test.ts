/** The words with which a server refuses clients reach the reader of the error, together with the server's address. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import * as net from "node:net"
import { client, open, until } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"

const things = Cache.make({ name: "things" })

/** A server that answers every connection with these words, and hangs up. */
const saying = (words: string | Uint8Array) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<net.Server>((resume) => {
        const server = net.createServer((socket) => {
          socket.on("error", () => {})
          socket.end(words)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    ),
    (server) => (server.address() as net.AddressInfo).port // it listens on TCP
  )

const refused = (options: RedisLayer.Options) =>
  Effect.flip(Effect.scoped(open(RedisLayer.layer({ host: "127.0.0.1", ...options }))))

const words: Readonly<Record<string, readonly [said: string | Uint8Array, told: RegExp]>> = {
  "has no room": ["-ERR max number of clients reached\r\n", /max number of clients reached/],
  "is protected": [
    "-DENIED Redis is running in protected mode because\r\n",
    /DENIED Redis is running in protected mode/
  ],
  "speaks another protocol": [
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    /the server is not Redis: it answered "HTTP\/1.1 400 Bad Request"/
  ],
  "expects TLS": [Uint8Array.of(0x15, 3, 3, 0, 2, 2, 70), /expects TLS: use rediss:/],
  // Deno fails the write before it reports the end.
  "says nothing": ["", /closed the connection without answering.*TLS|Stream/]
}

describe("a server that", () => {
  for (const [what, [said, told]] of Object.entries(words)) {
    it.scopedLive(`${what} is reported, with its address`, () =>
      Effect.gen(function*() {
        const port = yield* saying(said)
        const error = yield* refused({ port })
        assert.strictEqual(error.reason, "Connection")
        assert.match(error.message, told)
        assert.include(error.message, `127.0.0.1:${port}`)
      }))
  }

  it.scopedLive("really takes no more clients", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const beside = yield* client(server.url)
      yield* Effect.promise(() => beside.config("SET", "maxclients", "1"))
      assert.match((yield* refused({ port: server.port })).message, /max number of clients reached/)
    }))

  it.scopedLive("does not speak TLS is reported", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const error = yield* refused({ port: server.port, tls: {}, connectTimeout: "500 millis" })
      assert.match(error.message, /does (not|the server) speak TLS/)
      assert.include(error.message, `127.0.0.1:${server.port}`)
    }))
})

describe("an open circuit", () => {
  it.scopedLive("says why it is open", () =>
    Effect.gen(function*() {
      const port = yield* saying("-ERR max number of clients reached\r\n")
      const { run } = yield* open(RedisLayer.layer({ host: "127.0.0.1", port, lazy: true }))
      const attempts = Effect.flip(run(Cache.get(things, "a")))
      let error: CacheError.RedisError | CacheError.CodecError | undefined
      yield* until(Effect.map(attempts, (failed) => {
        error = failed
        return failed._tag === "RedisError" && failed.reason === "CircuitOpen"
      }))
      assert.match(error!.message, /CircuitOpen.*max number of clients reached.*127\.0\.0\.1/)
    }))
})
