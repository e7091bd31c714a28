/** How batches go over a connection: the bytes, the number of writes to the socket, and the outcome of each member. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Option, Schema, type Scope } from "effect"
import { Cache, type Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client, type RedisOptions } from "ioredis"
import { createHook } from "node:async_hooks"
import { once } from "node:events"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { all, times } from "../together.js"

const things = Cache.make({ name: "things", timeToLive: "1 minute" })

const connect = (port: number, options: RedisOptions = {}): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client(port, "127.0.0.1", { autoResendUnfulfilledCommands: false, ...options })
      await once(client, "ready")
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

/** A borrowed client, with what it writes. */
const spied = Effect.gen(function*() {
  const server = yield* RedisServer.make()
  const client = yield* connect(server.port)
  const redis = yield* Layer.build(RedisLayer.layerFromClient(client))
  const writes: Array<Buffer> = []
  const { stream } = client
  const write = stream.write.bind(stream)
  stream.write = (data: string | Uint8Array) => {
    writes.push(Buffer.from(data))
    return write(data)
  }
  const writtenBy = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
    Effect.gen(function*() {
      writes.length = 0
      const answer = yield* Effect.provide(effect, redis)
      return [[...writes], answer] as const
    })
  return { server, client, redis, writtenBy }
})

const sizeOf = (writes: ReadonlyArray<Buffer>) => writes.reduce((sum, { length }) => sum + length, 0)

describe("the written bytes", () => {
  it.scopedLive("a hit is one command, to the byte", () =>
    Effect.gen(function*() {
      const { writtenBy } = yield* spied
      yield* writtenBy(Cache.set(things, "a", 1))
      const [writes] = yield* writtenBy(Cache.get(things, "a"))
      assert.deepStrictEqual(writes.map(String), ["*2\r\n$4\r\nmget\r\n$8\r\nthings:a\r\n"])
    }))

  it.scopedLive("a set is its key, its TTL, its value and a header of sixteen bytes", () =>
    Effect.gen(function*() {
      const { writtenBy } = yield* spied
      const text = Cache.make({ name: "text", timeToLive: "1 minute", schema: Schema.String })
      const [writes] = yield* writtenBy(Cache.set(text, "ä", "größe"))
      const payload = Buffer.byteLength(`"größe"`)
      const [before, after] = [
        `*5\r\n$3\r\nset\r\n$7\r\ntext:ä\r\n$${16 + payload}\r\n`,
        "\r\n$2\r\nPX\r\n$5\r\n60000\r\n"
      ]
      assert.strictEqual(writes.length, 1)
      assert.isTrue(String(writes[0]).startsWith(before))
      assert.isTrue(String(writes[0]).endsWith(`"größe"${after}`))
      assert.strictEqual(writes[0]!.length, Buffer.byteLength(before) + 16 + payload + Buffer.byteLength(after))
    }))

  it.scopedLive("the requests of one tick are one write, whatever they are", () =>
    Effect.gen(function*() {
      const { writtenBy } = yield* spied
      yield* writtenBy(Cache.setMany(things, times(31, (i) => [`${i}`, i])))
      const [gets, values] = yield* writtenBy(all(times(31, (i) => Cache.get(things, `${i}`))))
      assert.strictEqual(gets.length, 1)
      assert.deepStrictEqual(values, [...times(31, Option.some)])
      const [mixed] = yield* writtenBy(all<unknown, unknown, Redis.Redis>([
        Cache.get(things, "0"),
        Cache.set(things, "0", 1),
        Cache.setIfAbsent(things, "0", 2),
        Cache.delete(things, "0")
      ]))
      assert.strictEqual(mixed.length, 1)
    }))

  it.scopedLive("of many commands, the first leave before the last are collected", () =>
    Effect.gen(function*() {
      const { writtenBy } = yield* spied
      const piecesOf = (count: number) =>
        Effect.map(
          writtenBy(Cache.setMany(things, times(count, (i) => [`${i}`, i]))),
          ([pieces]) => pieces.map((piece) => String(piece).match(/set\r/g)?.length)
        )
      assert.deepStrictEqual(yield* piecesOf(31), [31])
      assert.deepStrictEqual(yield* piecesOf(200), [32, 64, 104])
      assert.deepStrictEqual(yield* piecesOf(96), [32, 64])
      assert.deepStrictEqual(yield* piecesOf(33), [32, 1])
      const [reads] = yield* writtenBy(all(times(200, (i) => Cache.get(things, `${i}`))))
      assert.deepStrictEqual(reads.map((piece) => String(piece).match(/things:/g)?.length), [32, 64, 104])
    }))

  it.scopedLive("a batch is bounded, in commands, keys and bytes, and keeps its order", () =>
    Effect.gen(function*() {
      const { writtenBy } = yield* spied
      const keys = times(1_500, String)
      const [sets] = yield* writtenBy(Cache.setMany(things, keys.map((key) => [key, key])))
      assert.isAtMost(Math.max(...sets.map((piece) => String(piece).match(/set\r/g)!.length)), 512)
      const [gets, found] = yield* writtenBy(Cache.getMany(things, keys))
      assert.strictEqual(gets.length, 1)
      assert.deepStrictEqual(String(gets[0]).match(/mget/g)?.length, 2)
      assert.deepStrictEqual([...found.keys()], keys)
      const large = "x".repeat(400_000)
      const [pieces] = yield* writtenBy(Cache.setMany(things, times(6, (i) => [`${i}`, large])))
      assert.strictEqual(pieces.length, 2)
      assert.isBelow(Math.max(...pieces.map(({ length }) => length)), 2_000_000)
      assert.isAbove(sizeOf(pieces), 6 * large.length)
      const [, last] = yield* writtenBy(
        all<unknown, unknown, Redis.Redis>([
          Cache.setMany(things, times(1_000, (i) => ["same", i])),
          ...times(600, (i) => Cache.set(things, "same", i)),
          Cache.get(things, "same")
        ])
      )
      assert.deepStrictEqual(last.at(-1), Option.some(599))
    }))

  it.scopedLive("a batch creates no promise for each of its members", () =>
    Effect.gen(function*() {
      const { redis } = yield* spied
      let promises = 0
      const hook = createHook({
        init: (_, type) => {
          if (type === "PROMISE") promises++
        }
      })
      const promisesOf = (count: number) =>
        Effect.gen(function*() {
          const effect = Effect.provide(Cache.setMany(things, times(count, (i) => [`${i}`, i])), redis)
          yield* effect
          yield* Effect.acquireUseRelease(
            Effect.sync(() => {
              promises = 0
              hook.enable()
            }),
            () => effect,
            () => Effect.sync(() => hook.disable())
          )
          return promises
        })
      // A few come from whatever else runs meanwhile.
      assert.isBelow(yield* promisesOf(500), 100)
    }))
})

describe("the outcome of each member", () => {
  it.scopedLive("a command that the server refuses does not affect the others", () =>
    Effect.gen(function*() {
      const { client, writtenBy } = yield* spied
      yield* writtenBy(Cache.set(things, "c", 1))
      yield* Effect.promise(() => client.acl("SETUSER", "default", "-unlink"))
      const [writes, [a, b, c]] = yield* writtenBy(
        Effect.all([
          Effect.either(Cache.set(things, "a", 1)),
          Effect.either(Cache.take(things, "a")),
          Effect.either(Cache.get(things, "c"))
        ], { concurrency: "unbounded" })
      )
      assert.strictEqual(writes.length, 1)
      assert.isTrue(Either.isRight(a))
      assert.strictEqual(Either.isLeft(b) && b.left._tag === "RedisError" ? b.left.reason : undefined, "Auth")
      assert.deepStrictEqual(c, Either.right(Option.some(1)))
    }))

  it.scopedLive("replies that came in time succeed, and the others fail", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* Layer.build(
        RedisLayer.layer({ host: "127.0.0.1", port: proxy.port, commandTimeout: "300 millis" })
      )
      yield* Effect.promise(proxy.blackhole)
      const lost = yield* Effect.provide(
        all(times(3, (i) => Effect.either(Cache.set(things, `${i}`, i)))),
        redis
      )
      for (const outcome of lost) {
        assert.strictEqual(
          Either.isLeft(outcome) && outcome.left._tag === "RedisError" && outcome.left.reason,
          "Timeout"
        )
      }
      // A late reply answers no command.
      yield* Effect.promise(proxy.pass)
      const later = Effect.provide(Cache.set(things, "later", 1), redis)
      yield* Effect.retry(later, { while: (error) => error._tag === "RedisError" })
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "later"), redis), Option.some(1))
    }))

  it.scopedLive("a client that resends unanswered commands stays in step", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const client = yield* connect(proxy.port, {
        autoResendUnfulfilledCommands: true,
        maxRetriesPerRequest: null,
        retryStrategy: () => 10
      })
      const redis = yield* Layer.build(RedisLayer.layerFromClient(client, { commandTimeout: "10 seconds" }))
      yield* Effect.provide(Cache.set(things, "z", "z"), redis)
      yield* Effect.promise(proxy.dropReplies)
      const asked = yield* Effect.fork(Effect.provide(
        all<unknown, unknown, Redis.Redis>([
          ...times(3, (i) => Cache.set(things, `${i}`, i)),
          Cache.get(things, "z"),
          ...times(3, (i) => Cache.get(things, `${i}`))
        ]),
        redis
      ))
      const watching = yield* connect(server.port)
      yield* Effect.promise(async () => {
        while (await watching.exists("things:2") === 0);
      })
      // Connections that lost replies are reset.
      yield* Effect.promise(proxy.pass)
      assert.deepStrictEqual(yield* asked, [
        undefined,
        undefined,
        undefined,
        Option.some("z"),
        ...times(3, Option.some)
      ])
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "1"), redis), Option.some(1))
    }))
})
