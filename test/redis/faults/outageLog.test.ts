/** The log of a layer during an outage: each event once, with the server, at the right level. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { client, open, until } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"

const things = Cache.make({ name: "things" })
const copied = Cache.make({ name: "copied", near: { capacity: 10 } })

const logged = () => {
  const lines: Array<string> = []
  return {
    lines,
    layer: Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ logLevel, message }) => void lines.push(`${logLevel.label} ${String(message)}`))
    )
  }
}

const expectOnceEach = (lines: ReadonlyArray<string>, expected: ReadonlyArray<RegExp>): void => {
  for (const line of expected) assert.lengthOf(lines.filter((each) => line.test(each)), 1, `${line} in ${lines}`)
  assert.lengthOf(lines, expected.length, lines.join("\n"))
}

describe("the log", () => {
  it.scopedLive("reports an outage: lost, circuit open, back, circuit closed; once each, with the server", () =>
    Effect.gen(function*() {
      const { layer, lines } = logged()
      const server = yield* RedisServer.make()
      const { run } = yield* Effect.provide(open(RedisLayer.layer(server.url)), layer)
      yield* run(Cache.set(things, "a", 1))
      yield* Effect.promise(() => server.kill())
      yield* until(
        Effect.map(
          Effect.flip(run(Cache.get(things, "a"))),
          (error) => error._tag === "RedisError" && error.reason === "CircuitOpen"
        )
      )
      yield* Effect.promise(() => server.restart())
      yield* until(Effect.map(Effect.either(run(Cache.get(things, "a"))), ({ _tag }) => _tag === "Right"))
      const where = `127\\.0\\.0\\.1:${server.port}`
      expectOnceEach(lines, [
        new RegExp(`^WARN Redis at ${where} is not connected: `),
        new RegExp(`^WARN The circuit of Redis at ${where} is open`),
        new RegExp(`^INFO Redis at ${where} is connected again, after \\d+\\.\\d s$`),
        new RegExp(`^INFO The circuit of Redis at ${where} is closed again`)
      ])
    }))

  it.scopedLive("reports that near copies are off, however often reconnecting fails, and that they are on again", () =>
    Effect.gen(function*() {
      const { layer, lines } = logged()
      const server = yield* RedisServer.make()
      const { run, service } = yield* Effect.provide(open(RedisLayer.layer(server.url)), layer)
      const { feed } = service.runtime.near
      yield* run(Cache.set(copied, "a", "1"))
      assert.deepStrictEqual(yield* run(Cache.get(copied, "a")), Option.some("1"))
      yield* feed.start
      const about = (what: string) => lines.filter((line) => line.includes(what))
      yield* Effect.promise(() => server.kill())
      yield* until(Effect.sync(() => about("Near copies").length > 0))
      yield* Effect.sleep(200) // several tries
      yield* Effect.promise(() => server.restart())
      yield* until(Effect.sync(() => feed.isLinked && about("connected again").length > 0))
      const where = `127\\.0\\.0\\.1:${server.port}`
      expectOnceEach(lines, [
        new RegExp(`^WARN Redis at ${where} is not connected: `),
        new RegExp(`^WARN Near copies are off: the connection that reports changes in Redis at ${where} is down: \\w`),
        new RegExp(`^INFO Redis at ${where} is connected again, after \\d+\\.\\d s$`),
        new RegExp(`^INFO Near copies are on again, after \\d+\\.\\d s: Redis at ${where} reports changes$`)
      ])
    }))

  it.scopedLive("reports only that connection if the other one lives", () =>
    Effect.gen(function*() {
      const { layer, lines } = logged()
      const server = yield* RedisServer.make()
      const beside = yield* client(server.url)
      const { run, service } = yield* Effect.provide(open(RedisLayer.layer(server.url)), layer)
      const { feed } = service.runtime.near
      yield* run(Cache.get(copied, "a"))
      yield* feed.start
      yield* Effect.promise(() => beside.client("KILL", "TYPE", "pubsub"))
      yield* until(Effect.sync(() => lines.length >= 2))
      yield* run(Cache.get(copied, "a"))
      expectOnceEach(lines, [
        /^WARN Near copies are off: .*: the server closed the connection$/,
        /^INFO Near copies are on/
      ])
    }))

  it.scopedLive("says nothing about connections that end with the layer", () =>
    Effect.gen(function*() {
      const { layer, lines } = logged()
      const server = yield* RedisServer.make()
      yield* Effect.scoped(Effect.gen(function*() {
        const { run, service } = yield* Effect.provide(open(RedisLayer.layer(server.url)), layer)
        yield* run(Cache.get(copied, "a"))
        yield* service.runtime.near.feed.start
      }))
      yield* Effect.sleep(50)
      assert.deepStrictEqual(lines, [])
    }))
})
