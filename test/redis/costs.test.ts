/**
 * What each operation costs Redis and the operating system: exact numbers, so that no change increases them unnoticed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Cache, type CacheError, Memo, type Redis, RedisLayer } from "effect-redis-cache"
import type { Redis as Client } from "ioredis"
import { Socket } from "node:net"
import { client, open, until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

const User = Schema.Struct({ id: Schema.String, name: Schema.String })
const user = (id: string) => ({ id, name: "Ada" })

const users = Cache.make({ name: "users", schema: User, timeToLive: "1 hour" })
const tagged = Cache.make({ name: "tagged", schema: User, timeToLive: "1 hour", tags: () => ["people"] })
const near = Cache.make({ name: "near", schema: User, timeToLive: "1 hour", near: { capacity: 100 } })
const find = Memo.cached((id: string) => Effect.succeed(user(id)), { name: "find", schema: User, timeToLive: "1 hour" })

const load = Effect.succeed(user("1"))
const ids = Array.from({ length: 20 }, (_, i) => `${i}`)

interface Cost {
  /** Writes to a socket: each is a system call, and a turn of waiting for Redis. */
  readonly writes: number
  /** How often Redis ran each command, including those of scripts. */
  readonly commands: Readonly<Record<string, number>>
}

const commandsOf = async (asked: Client): Promise<ReadonlyMap<string, number>> =>
  new Map(
    [...(await asked.info("commandstats")).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
      .map(([, name, calls]) => [name!, Number(calls)])
  )

/** What an effect costs on the server at this port. */
const costOf = <A, E, R>(asked: Client, port: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* Effect.promise(() => commandsOf(asked))
    let writes = 0
    const writeOf = Socket.prototype.write
    yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        Socket.prototype.write = function(this: Socket, ...args: Parameters<typeof writeOf>) {
          if (this.remotePort === port) writes++
          return writeOf.apply(this, args)
        } as typeof writeOf // one of its overloads, as called
      }),
      () => effect,
      () =>
        Effect.sync(() => {
          Socket.prototype.write = writeOf
        })
    )
    const after = yield* Effect.promise(() => commandsOf(asked))
    const commands: Record<string, number> = {}
    for (const [name, calls] of after) {
      const more = calls - (before.get(name) ?? 0)
      if (more > 0 && name !== "info") commands[name] = more
    }
    const cost: Cost = { writes, commands }
    return cost
  })

type Step = Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError | CacheError.Empty, Redis.Redis>

/** By name: what is stored before, the operation, and its permitted cost. */
const operations: Readonly<
  Record<string, {
    readonly before?: Step
    readonly run: Step
    readonly costs: Cost
  }>
> = {
  "a hit": {
    before: Cache.set(users, "1", user("1")),
    run: Cache.get(users, "1"),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "a memoized hit": {
    before: find("1"),
    run: find("1"),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "a hit of a load": {
    before: Cache.set(users, "1", user("1")),
    run: Cache.getOrSet(users, "1", load),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "twenty hits at once": {
    before: Cache.setMany(users, ids.map((id) => [id, user(id)] as const)),
    run: Effect.forEach(ids, (id) => Cache.get(users, id), { concurrency: "unbounded" }),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "many hits": {
    before: Cache.setMany(users, ids.map((id) => [id, user(id)] as const)),
    run: Cache.getMany(users, ids),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "a hit with a tag": {
    before: Cache.getOrSet(tagged, "1", load),
    run: Cache.get(tagged, "1"),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "a near hit": {
    before: Effect.zipRight(
      Cache.set(near, "1", user("1")),
      until(Effect.zipRight(Cache.get(near, "1"), Effect.map(Cache.stats(near), ({ nearHits }) => nearHits > 0)))
    ),
    run: Cache.get(near, "1"),
    costs: { writes: 0, commands: {} }
  },
  "a set": {
    run: Cache.set(users, "2", user("2")),
    costs: { writes: 1, commands: { set: 1 } }
  },
  "a delete": {
    before: Cache.set(users, "1", user("1")),
    run: Cache.delete(users, "1"),
    costs: { writes: 1, commands: { evalsha: 1, getrange: 1, unlink: 1 } }
  },
  "a miss": {
    run: Cache.get(users, "absent"),
    costs: { writes: 1, commands: { mget: 1 } }
  },
  "a load": {
    run: Cache.getOrSet(users, "loaded", load),
    costs: { writes: 3, commands: { mget: 1, evalsha: 2, time: 2, get: 2, set: 2 } }
  },
  "a load with a tag": {
    run: Cache.getOrSet(tagged, "loaded", load),
    costs: { writes: 3, commands: { mget: 1, evalsha: 3, time: 2, get: 3, set: 3 } }
  },
  "a load that a thousand wait for": {
    run: Effect.all(Array.from({ length: 1_000 }, () => Cache.getOrSet(users, "waited for", load)), {
      concurrency: "unbounded"
    }),
    costs: { writes: 3, commands: { mget: 1, evalsha: 2, time: 2, get: 2, set: 2 } }
  },
  "a load of many": {
    run: Cache.getOrSetMany(
      users,
      ids.map((id) => `many ${id}`),
      (absent) => Effect.succeed(absent.map((id) => [id, user(id)] as const))
    ),
    costs: { writes: 3, commands: { mget: 1, evalsha: 40, time: 40, get: 40, set: 40 } }
  }
}

describe("on Redis", () => {
  for (const [name, { before = Effect.void, costs, run }] of Object.entries(operations)) {
    it.scopedLive(`${name} costs no more than it needs`, () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const asked = yield* client(server.url)
        const on = yield* open(RedisLayer.layer({ url: server.url }))
        yield* on.run(before)
        assert.deepStrictEqual(yield* costOf(asked, server.port, on.run(run)), costs)
      }))
  }
})
