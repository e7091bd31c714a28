/** Connections of our own: ioredis makes them; once they are ready, it does not handle their commands. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Option, type Scope } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import * as ioredis from "ioredis"
import { once } from "node:events"
import { clientsOf } from "../../../src/internal/redis/ioredis/client.js"
import type { Client } from "../../../src/internal/redis/port.js"
import * as FakeRedis from "../../support/fakes/fakeRedis.js"
import * as RedisServer from "../../support/redisServer.js"

const things = Cache.make({ name: "things" })

const own = (target: ioredis.RedisOptions): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => clientsOf(ioredis).own(target, { connectTimeout: 5_000 })),
    (client) => Effect.sync(() => client.disconnect())
  )

const ready = (client: Client) =>
  Effect.async<void>((resume) => {
    const forget = client.listen({
      onReady: () => {
        forget()
        resume(Effect.void)
      }
    })
    if (client.status === "wait") client.connect()
  })

/** The outcome of each command of a batch. */
const send = (client: Client, ...batch: ReadonlyArray<readonly [string, ...Array<string>]>) =>
  Effect.async<ReadonlyArray<unknown>>((resume) => {
    const told: Array<unknown> = []
    const tell = (index: number, answer: unknown) => {
      told[index] = Buffer.isBuffer(answer) ? answer.toString() : answer instanceof Error ? answer.message : answer
      if (Object.keys(told).length === batch.length) resume(Effect.succeed(told))
    }
    client.send(batch, { onReply: tell, onError: tell })
  })

/** Commands that went through ioredis, by name. */
const throughIoredis = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { prototype } = ioredis.Redis
      const { sendCommand } = prototype
      const names: Array<string> = []
      prototype.sendCommand = function(this: ioredis.Redis, ...args) {
        names.push(args[0].name)
        return sendCommand.apply(this, args)
      }
      return { names, restore: () => prototype.sendCommand = sendCommand }
    }),
    ({ names }) => Effect.map(effect, (answer) => [names, answer] as const),
    ({ restore }) => Effect.sync(restore)
  )

const versions: ReadonlyArray<ioredis.RedisOptions> = [{}, { protocol: 3 } as ioredis.RedisOptions]

describe("a connection of our own", () => {
  for (const version of versions) {
    it.scopedLive(`is ready when its socket is ours, and not before: ${JSON.stringify(version)}`, () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const client = yield* own({ port: server.port, db: 3, ...version })
        assert.deepStrictEqual(yield* send(client, ["ping"]), ["not sent: not connected (wait)"])
        assert.match(String(yield* Effect.flip(Effect.tryPromise(() => client.ask("ping")))), /error/)
        const statuses = new Set<string>()
        const watching = setInterval(() => statuses.add(client.status))
        const refused: Array<string> = []
        client.listen({ onRefusal: ({ message }) => void refused.push(message.slice(0, 19)) })
        const [names] = yield* throughIoredis(Effect.gen(function*() {
          yield* ready(client)
          clearInterval(watching)
          assert.strictEqual(client.status, "ready")
          assert.strictEqual(client.database, 3)
          assert.deepStrictEqual(
            yield* send(client, ["set", "a", "1"], ["get", "a"], ["nothing"], ["get", "b"], ["incrby", "a", "2"]),
            ["OK", "1", "ERR unknown command 'nothing', with args beginning with: ", null, 3]
          )
          assert.deepStrictEqual(yield* Effect.promise(() => client.ask("config", "GET", "databases")), [
            "databases",
            "16"
          ])
        }))
        assert.isFalse(statuses.has("ready"))
        assert.deepStrictEqual(refused, ["ERR unknown command"])
        // The commands with which it sets up a connection.
        for (const name of names) assert.include(["info", "select", "client", "hello"], name.toLowerCase())
      }))
  }

  it.scopedLive("waits for the commands that ioredis sends when it is ready", () =>
    Effect.gen(function*() {
      let status = ""
      const fake = yield* FakeRedis.make(([name]) => {
        if (name!.toLowerCase() !== "readonly") return undefined
        ;({ status } = client)
        return ":1\r\n"
      })
      const client: Client = yield* own({ port: fake.port, readOnly: true })
      yield* ready(client)
      assert.strictEqual(status, "connect")
      assert.deepStrictEqual(yield* send(client, ["set", "a", "1"]), ["OK"])
    }))

  it.scopedLive("hits, writes and loads without ioredis, also after a reconnect", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* Layer.build(RedisLayer.layer(server.url))
      const all = Effect.provide(
        Effect.gen(function*() {
          yield* Cache.set(things, "a", 1)
          assert.deepStrictEqual(yield* Cache.get(things, "a"), Option.some(1))
          yield* Cache.delete(things, "b")
          assert.strictEqual(yield* Cache.getOrSet(things, "b", Effect.succeed(2)), 2)
          assert.strictEqual(yield* Cache.flush(things), 2)
        }),
        redis
      )
      assert.deepStrictEqual((yield* throughIoredis(all))[0], [])
      yield* Effect.promise(async () => {
        const other = new ioredis.Redis(server.port)
        await other.client("KILL", "TYPE", "normal", "SKIPME", "yes")
        other.disconnect()
      })
      yield* Effect.retry(Effect.delay(all, "20 millis"), { while: (error) => error._tag === "RedisError" })
      assert.deepStrictEqual((yield* throughIoredis(all))[0], [])
    }))

  for (
    const [what, answer] of [
      ["an answer to nothing", "+OK\r\n+OK\r\n"],
      ["what is no reply", "HTTP/1.1 400 Bad Request\r\n\r\n"]
    ] as const
  ) {
    it.scopedLive(`is replaced after ${what}, and sends nothing twice`, () =>
      Effect.gen(function*() {
        const sets: Array<string> = []
        let connections = 0
        const fake = yield* FakeRedis.make(([name, key]) => {
          if (name === "info") connections++
          if (name !== "set") return undefined
          sets.push(key!)
          return key === "things:odd" ? answer : undefined
        })
        const redis = yield* Layer.build(RedisLayer.layer({ port: fake.port }))
        const set = (key: string) => Effect.either(Effect.provide(Cache.set(things, key, 1), redis))
        const told = yield* Effect.all([set("odd"), set("b"), set("c")], { concurrency: "unbounded" })
        const isLost = (one: (typeof told)[number]) =>
          Either.isLeft(one) && one.left._tag === "RedisError" && one.left.reason === "Connection"
        // An extra answer cannot be distinguished from those that follow it while any command is unanswered.
        assert.deepStrictEqual(told.map(isLost), told.map(() => what === "what is no reply"))
        yield* Effect.repeat(Effect.delay(set("d"), "20 millis"), { until: () => connections > 1 })
        yield* Effect.repeat(Effect.delay(set("d"), "20 millis"), { until: Either.isRight })
        assert.deepStrictEqual(sets.filter((key) => key !== "things:d"), ["things:odd", "things:b", "things:c"])
      }))
  }

  it.scopedLive("fails unanswered commands with the reason why its socket closed, and is ready for others again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const client = yield* own({ port: server.port })
      yield* ready(client)
      const asked = [send(client, ["blpop", "none", "0"], ["ping"]), send(client, ["get", "a"])].map((each) =>
        Effect.runPromise(each)
      )
      client.socket!.destroy(new Error("cut"))
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all(asked)), [["cut", "cut"], ["cut"]])
      yield* ready(client)
      assert.deepStrictEqual(yield* send(client, ["get", "a"]), [null])
      client.reconnect()
      yield* ready(client)
      assert.deepStrictEqual(yield* send(client, ["get", "a"]), [null])
    }))

  it.scopedLive("closes for good", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const client = yield* own({ port: server.port })
      yield* ready(client)
      const ended = new Promise<void>((resolve) => client.listen({ onEnd: resolve }))
      client.disconnect()
      yield* Effect.promise(() => ended)
      assert.strictEqual(client.status, "end")
      assert.deepStrictEqual(yield* send(client, ["ping"]), ["not sent: not connected (end)"])
    }))
})

describe("a borrowed client", () => {
  it.scopedLive("stays with ioredis", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const client = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const opened = new ioredis.Redis(server.port, { autoResendUnfulfilledCommands: false })
          await once(opened, "ready")
          return opened
        }),
        (opened) => Effect.sync(() => opened.disconnect())
      )
      const redis = yield* Layer.build(RedisLayer.layerFromClient(client))
      const [names] = yield* throughIoredis(Effect.provide(Cache.get(things, "a"), redis))
      assert.deepStrictEqual(names, ["mget"])
    }))
})
