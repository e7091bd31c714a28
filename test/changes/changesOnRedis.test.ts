/** `Cache.changes` on a real server, where others write the keys and links are cut. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { client, open, until } from "../support/onRedis.js"
import { bundle } from "../support/processes/bundle.js"
import * as RedisServer from "../support/redisServer.js"

const users = Cache.make({ name: "users" })

const shown = (change: Cache.Change): string => change._tag === "Changed" ? change.key : change._tag

describe("Cache.changes on a real server", () => {
  it.scopedLive("reports other processes, other programs, expiry, FLUSHALL, and that its link was cut", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const reader = yield* open(RedisLayer.layer({ url: server.url, prefix: "app:" }))
      const writer = yield* open(RedisLayer.layer({ url: server.url, prefix: "app:" }))
      const outside = yield* client(server.url)
      const told: Array<string> = []
      const heard = (change: string) => until(Effect.sync(() => told.includes(change)))
      yield* Effect.forkScoped(reader.run(
        Stream.runForEach(Cache.changes(users), (change) => Effect.sync(() => told.push(shown(change))))
      ))
      yield* heard("Resumed")
      yield* writer.run(Cache.set(users, "a", 1))
      yield* heard("a")
      yield* Effect.promise(() => outside.set("app:users:b", "foreign", "PX", 1))
      yield* until(Effect.sync(() => told.filter((change) => change === "b").length === 2))
      yield* Effect.promise(() => outside.set("yours:users:c", "of another prefix"))
      yield* Effect.promise(() => outside.flushall())
      yield* heard("Flushed")
      yield* Effect.promise(() => outside.call("CLIENT", "KILL", "TYPE", "pubsub"))
      yield* heard("Lost")
      yield* until(Effect.sync(() => told.at(-1) === "Resumed"))
      yield* writer.run(Cache.set(users, "d", 1))
      yield* heard("d")
      assert.deepStrictEqual(told, ["Resumed", "a", "b", "b", "Flushed", "Lost", "Resumed", "d"])
    }))

  it.scopedLive("reports what the command line does in its own process", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const reader = yield* open(RedisLayer.layer({ url: server.url, prefix: "app:" }))
      const bin = yield* bundle(fileURLToPath(new URL("../../cli/src/bin.ts", import.meta.url)))
      const type = (...args: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          const env = { ...process.env, REDIS_URL: server.url, REDIS_PREFIX: "app:" }
          const [code] = await once(spawn(process.execPath, [bin, ...args, "--yes"], { env }), "exit")
          assert.strictEqual(code, 0)
        })
      yield* reader.run(Cache.setMany(users, { deleted: 1, expired: 1, flushed: 1 }))
      const told: Array<string> = []
      yield* Effect.forkScoped(reader.run(
        Stream.runForEach(Cache.changes(users), (change) => Effect.sync(() => told.push(shown(change))))
      ))
      yield* until(Effect.sync(() => told.includes("Resumed")))
      yield* type("delete", "users", "deleted")
      yield* until(Effect.sync(() => told.includes("deleted")))
      yield* type("expire", "users", "expired")
      yield* until(Effect.sync(() => told.includes("expired")))
      yield* reader.run(Cache.delete(users, "expired"))
      yield* type("flush", "users")
      yield* until(Effect.sync(() => told.includes("flushed")))
      assert.deepStrictEqual([...new Set(told)], ["Resumed", "deleted", "expired", "flushed"])
    }), 30_000)

  it.scopedLive("fails if the server does not permit tracking, and at once if that is already known", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ acl: ["user default on nopass ~* &* +@all -client|tracking"] })
      const reader = yield* open(RedisLayer.layer(server.url))
      for (const _ of [1, 2]) {
        const error = yield* Effect.flip(reader.run(Stream.runDrain(Cache.changes(users))))
        assert.strictEqual(error.reason, "Auth")
        assert.include(error.message, `Cache "users": changes failed (Auth)`)
        assert.include(error.message, "client|tracking")
      }
    }))
})
