/** Many layers on one client share one listener for each of its events. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Scope } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { EventEmitter } from "node:events"
import { hear } from "../../../src/internal/redis/ioredis/hear.js"
import { client, open, until } from "../../support/onRedis.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const users = Cache.make({ name: "users", near: { capacity: 10 } })

/** Warnings of this process while the scope is open. */
const warnings = Effect.gen(function*() {
  const told: Array<string> = []
  const listener = ({ name }: Error) => void told.push(name)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("warning", listener)),
    () => Effect.sync(() => process.off("warning", listener))
  )
  return told
})

const counts = (emitter: EventEmitter) =>
  Object.fromEntries(emitter.eventNames().map((event) => [String(event), emitter.listenerCount(event)]))

describe("twenty layers on one client", () => {
  it.scopedLive("cause no warning, all hear of its outages, and leave no listener behind", () =>
    Effect.gen(function*() {
      const told = yield* warnings
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const shared = yield* client(`redis://127.0.0.1:${proxy.port}`, { retryStrategy: () => 20 })
      yield* Effect.promise(() => shared.ping())
      const before = counts(shared)
      const scope = yield* Scope.make()
      const layers = yield* Effect.replicateEffect(
        Scope.extend(open(RedisLayer.layerFromClient(shared, { prefix: uniquePrefix() })), scope),
        20
      )
      const work = Effect.forEach(
        layers,
        ({ run }, i) => run(Effect.zipRight(Cache.set(users, "42", `${i}`), Cache.get(users, "42")))
      )
      const expected = layers.map((_, i) => Option.some(`${i}`))
      assert.deepStrictEqual(yield* work, expected)
      for (const [event, count] of Object.entries(counts(shared))) {
        assert.isAtMost(count, (before[event] ?? 0) + 1, event)
      }
      yield* Effect.promise(() => proxy.reset())
      yield* until(Effect.map(Effect.option(work), Option.isSome))
      assert.deepStrictEqual(yield* work, expected)
      for (const { service } of layers) assert.strictEqual(service.driver.unsafeConnections(), 2)
      assert.isAtMost(shared.stream.listenerCount("data"), 2)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(counts(shared), before)
      assert.deepStrictEqual(
        Object.getOwnPropertySymbols(shared).filter(({ description }) => /redis-cache/.test(description!)),
        []
      )
      // Node warns of too many listeners in a later turn.
      yield* Effect.sleep(20)
      assert.deepStrictEqual(told, [])
    }))
})

describe("listeners of an event", () => {
  it("run in their order, and not in the turn in which one is added or removed", () => {
    const emitter = new EventEmitter()
    const heard: Array<string> = []
    const ends: Array<() => void> = []
    ends.push(hear(emitter, "x", () => {
      heard.push("a")
      if (heard.length > 1) return
      ends[1]!()
      ends.push(hear(emitter, "x", () => heard.push("c")))
    }))
    ends.push(hear(emitter, "x", () => heard.push("b")))
    emitter.emit("x")
    emitter.emit("x")
    assert.deepStrictEqual(heard, ["a", "b", "a", "c"])
    for (const end of [...ends, ...ends]) end()
    assert.deepStrictEqual(emitter.eventNames(), [])
  })

  it("may be placed before those of others", () => {
    const emitter = new EventEmitter()
    const heard: Array<string> = []
    emitter.on("x", () => heard.push("theirs"))
    const end = hear(emitter, "x", () => heard.push("ours"), true)
    emitter.emit("x")
    end()
    emitter.emit("x")
    assert.deepStrictEqual(heard, ["ours", "theirs", "theirs"])
  })
})
