/** An HTTP source: what a cache that sends `If-None-Match` costs it, in answers and in bytes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"

const Page = Schema.Struct({ etag: Schema.String, body: Schema.String })

const pages = Cache.make({ name: "pages", schema: Page, timeToLive: "1 minute", retain: "1 day" })

/** A server of one page of 100,000 bytes, which counts its answers. */
class Source {
  etag = "\"1\""
  readonly answers: Array<number> = []
  private readonly sockets: Array<Socket> = []
  private readonly server = createServer((request, response) => {
    const unchanged = request.headers["if-none-match"] === this.etag
    this.answers.push(unchanged ? 304 : 200)
    response.writeHead(unchanged ? 304 : 200, { etag: this.etag })
    response.end(unchanged ? undefined : "x".repeat(100_000))
  }).on("connection", (socket) => this.sockets.push(socket))

  readonly listen = Effect.async<string>((resume) => {
    this.server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address with one.
      resume(Effect.succeed(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`))
    })
  })

  readonly close = Effect.sync(() => {
    this.server.close()
    this.server.closeAllConnections()
  })

  get bytes(): number {
    return this.sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  }
}

const getPage = (url: string) =>
  Cache.getOrSet(pages, "page", (_, previous) =>
    Effect.promise(async () => {
      const etag = Option.getOrUndefined(previous)?.value.etag
      const response = await fetch(url, etag === undefined ? {} : { headers: { "if-none-match": etag } })
      return response.status === 304
        ? Cache.unchanged
        : { etag: response.headers.get("etag")!, body: await response.text() }
    }))

describe("A source that answers 304", () => {
  it.scopedLive("returns its page once, and then says that it has not changed", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(Effect.sync(() => new Source()), ({ close }) => close)
      const url = yield* server.listen
      const page = { etag: "\"1\"", body: "x".repeat(100_000) }
      assert.deepStrictEqual(yield* getPage(url), page)
      assert.isAbove(server.bytes, 100_000)
      const full = server.bytes
      for (let i = 0; i < 20; i++) {
        yield* Cache.expire(pages, "page")
        assert.deepStrictEqual(yield* Cache.get(pages, "page"), Option.none())
        assert.deepStrictEqual(yield* getPage(url), page)
        assert.deepStrictEqual(yield* Cache.get(pages, "page"), Option.some(page))
      }
      assert.deepStrictEqual(server.answers, [200, ...new Array<number>(20).fill(304)])
      // 20 answers without a body are smaller than one with it.
      assert.isBelow(server.bytes - full, 10_000)
      server.etag = "\"2\""
      yield* Cache.expire(pages, "page")
      assert.deepStrictEqual(yield* getPage(url), { ...page, etag: "\"2\"" })
      assert.deepStrictEqual(server.answers.slice(-1), [200])
    }).pipe(
      Effect.provide(RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() }))
    ))
})
