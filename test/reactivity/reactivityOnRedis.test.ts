/** Two connections to a real server, like two processes. */
import { Reactivity } from "@effect/experimental"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { Cache, Redis, RedisLayer } from "effect-redis-cache"
import * as CacheReactivity from "effect-redis-cache/Reactivity"
import { client, until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

const users = Cache.make({ name: "users", timeToLive: "1 minute", tags: (id) => [`users:${id}`] })

/** A process that runs the queries of these keys again, and counts how often. */
const makeProcess = (url: string, keys: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      CacheReactivity.layer(users).pipe(Layer.provideMerge(RedisLayer.layer(url)))
    )
    // Before that, the new link would make all queries run once more.
    yield* Context.get(context, Redis.Redis).runtime.feed.start
    const reads = new Map(keys.map((key) => [key, 0]))
    for (const key of keys) {
      yield* Effect.sync(() => reads.set(key, reads.get(key)! + 1)).pipe(
        Reactivity.stream([key]),
        Stream.runDrain,
        Effect.provide(context),
        Effect.forkScoped
      )
      yield* until(Effect.sync(() => reads.get(key) === 1))
    }
    return {
      run: Effect.provide(context),
      reads: (key: string) => reads.get(key)!,
      isRead: (key: string, times: number) => until(Effect.sync(() => reads.get(key)! >= times))
    }
  })

describe("Reactivity on a real server", () => {
  it.scopedLive("reports tags that another process invalidates, once each, and all tags after its link was cut", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const here = yield* makeProcess(server.url, ["users:42", "last"])
      const there = yield* makeProcess(server.url, [])
      const outside = yield* client(server.url)
      for (let n = 1; n <= 3; n++) {
        yield* there.run(Cache.set(users, "42", n))
        yield* there.run(Cache.invalidateTags(users, ["users:42"]))
        yield* here.isRead("users:42", 1 + n)
      }
      // A change that comes after all of these has been reported.
      yield* there.run(Cache.invalidateTags(users, ["last"]))
      yield* here.isRead("last", 2)
      assert.strictEqual(here.reads("users:42"), 4)
      yield* Effect.promise(() => outside.call("CLIENT", "KILL", "TYPE", "pubsub"))
      yield* here.isRead("users:42", 5)
      yield* here.isRead("last", 3)
      yield* there.run(Cache.invalidateTags(users, ["users:42"]))
      yield* here.isRead("users:42", 6)
    }))

  it.scopedLive("a mutation in one process makes both run their queries again, once", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const both = yield* Effect.forEach([1, 2], () => makeProcess(server.url, ["users", "last"]))
      yield* both[0]!.run(Reactivity.mutation(Effect.void, ["users"]))
      yield* both[0]!.run(Reactivity.mutation(Effect.void, ["last"]))
      for (const { isRead, reads } of both) {
        yield* isRead("last", 2)
        assert.strictEqual(reads("users"), 2)
      }
    }))
})
