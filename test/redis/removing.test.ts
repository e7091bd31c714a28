/** What a server has to do, and to send, for removals. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import * as FakeRedis from "../support/fakes/fakeRedis.js"
import { client, info, open } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

const prefix = "removing:"

const things = Cache.make({ name: "things", timeToLive: "1 hour", valueTags: () => ["all"] })

const onServer = Effect.gen(function*() {
  const server = yield* RedisServer.make()
  const beside = yield* client(server.url)
  const { run } = yield* open(RedisLayer.layer({ url: server.url, prefix }))
  return { server, beside, run }
})

describe("a delete", () => {
  it.scopedLive("of megabytes does not transfer them", () =>
    Effect.gen(function*() {
      const { beside, run } = yield* onServer
      const megabytes = "x".repeat(1_000_000)
      yield* run(Cache.setMany(things, [["a", megabytes], ["b", megabytes], ["c", megabytes]]))
      const sent = Effect.map(info(beside, "total_net_output_bytes"), Number)
      const before = yield* sent
      assert.isTrue(yield* run(Cache.delete(things, "a")))
      assert.strictEqual(yield* run(Cache.deleteMany(things, ["a", "b", "c"])), 2)
      assert.isBelow((yield* sent) - before, 20_000)
    }))
})

describe("when memory is full", () => {
  it.scopedLive("tags are invalidated, and loads that began before do not store", () =>
    Effect.gen(function*() {
      const { beside, run } = yield* onServer
      const full = (is: boolean) => Effect.promise(() => beside.config("SET", "maxmemory", is ? "1" : "0"))
      yield* run(Cache.set(things, "a", 1))
      const began = yield* Effect.makeLatch()
      const goOn = yield* Effect.makeLatch()
      const load = Effect.zipRight(began.open, Effect.as(goOn.await, 1))
      const loading = yield* Effect.fork(run(Cache.getOrSet(things, "b", load)))
      yield* began.await
      yield* full(true)
      assert.propertyVal(yield* Effect.flip(run(Cache.set(things, "c", 1))), "reason", "OutOfMemory")
      yield* run(Cache.invalidateTags(things, ["all"]))
      assert.isFalse(yield* run(Cache.delete(things, "a")))
      yield* run(Cache.flush(things))
      yield* full(false)
      yield* goOn.open
      assert.strictEqual(yield* Fiber.join(loading), 1)
      assert.deepStrictEqual(yield* run(Cache.get(things, "b")), Option.none())
    }))

  it.scopedLive("an invalidated tag keeps its TTL", () =>
    Effect.gen(function*() {
      const { beside, run } = yield* onServer
      yield* run(Cache.set(things, "a", 1))
      const key = `${prefix}:tag:things:all`
      const before = yield* Effect.promise(() => beside.getBuffer(key))
      yield* Effect.promise(() => beside.config("SET", "maxmemory", "1"))
      yield* run(Cache.invalidateTags(things, ["all"]))
      const after = yield* Effect.promise(() => beside.getBuffer(key))
      assert.strictEqual(after?.length, 8)
      assert.notDeepEqual(after, before)
      assert.isAbove(yield* Effect.promise(() => beside.pttl(key)), 3_500_000)
      yield* Effect.promise(() => beside.persist(key))
      yield* run(Cache.invalidateTags(things, ["all"]))
      assert.strictEqual(yield* Effect.promise(() => beside.pttl(key)), -1)
    }))
})

describe("a flush", () => {
  it.scopedLive("removes what was loaded meanwhile, or leaves it intact", () =>
    Effect.gen(function*() {
      const { beside, run } = yield* onServer
      const keys = Array.from({ length: 5_000 }, (_, i) => `${i}`)
      for (let round = 0; round < 5; round++) {
        yield* run(Cache.setMany(things, keys.map((key) => [key, 1])))
        const flushing = yield* Effect.fork(run(Cache.flush(things)))
        // Each loads another key, as long as the flush runs.
        const loads = yield* Effect.fork(Effect.forEach(
          keys.slice(0, 400),
          (key) => run(Cache.getOrSet(things, key, Effect.succeed(2))),
          { concurrency: 10, discard: true }
        ))
        yield* Fiber.join(flushing)
        yield* Fiber.join(loads)
        for (const key of yield* Effect.promise(() => beside.keys(`${prefix}things:*`))) {
          const { state } = yield* run(Cache.explain(things, key.slice(`${prefix}things:`.length)))
          assert.strictEqual(state, "Fresh", key)
        }
      }
    }), 20_000)

  it.scopedLive("names the keys itself if a script may not look for them", () =>
    Effect.gen(function*() {
      const keys = [`${prefix}things:a`, `${prefix}:tag:things:t`, `${prefix}other-things:a`]
      const swept: Array<string> = []
      const fake = yield* FakeRedis.make(([name, , count, ...rest]) => {
        if (name === "scan") return FakeRedis.array(FakeRedis.bulk("0"), FakeRedis.array(...keys.map(FakeRedis.bulk)))
        if (name !== "evalsha") return undefined
        if (count === "0") return "-ERR Script attempted to access keys it was not given\r\n"
        swept.push(...rest.slice(0, Number(count)))
        return `:${count}\r\n`
      })
      const { run } = yield* open(RedisLayer.layer({ host: "127.0.0.1", port: fake.port, prefix }))
      // The entry once more, because a tag went.
      assert.strictEqual(yield* run(Cache.flush(things)), 2)
      assert.deepStrictEqual(swept, [keys[0]!, keys[1]!, keys[0]!])
    }))
})
