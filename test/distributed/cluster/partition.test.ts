/**
 * A master that the other nodes cannot reach, and clients still can: for a while it believes that it is still a master.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Fiber, Option } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { slotOf } from "../../../src/internal/redis/cluster/slots.js"
import { untilCopied, users } from "../../contract/nearCopies.js"
import * as Partition from "../../support/cluster/clusterPartition.js"
import { open, until } from "../../support/onRedis.js"
import { startCluster } from "../../support/redisCluster.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const cluster = await startCluster()
const { addresses } = cluster
afterAll(() => cluster.stop())

const commandTimeout = 500

/** Keys of the cache `users` in the slots of all masters. */
const spread = Array.from({ length: 30 }, (_, i) => `k${i}`)

const versions = Cache.make({ name: "versions" })

describe("a master that is cut off from the other nodes, but not from its clients", () => {
  it.scopedLive(
    "is left once it was replaced, also by clients that connect to it first, and is never believed again",
    () =>
      Effect.gen(function*() {
        const prefix = uniquePrefix()
        const partition = yield* Partition.make(cluster)
        yield* Effect.promise(() => cluster.settled())
        const layer = RedisLayer.layerCluster(addresses, { prefix, commandTimeout })
        const [first, second] = [yield* open(layer), yield* open(layer)]
        const everywhere = <E, R>(each: (key: string) => Effect.Effect<unknown, E, R>) =>
          Effect.forEach(spread, each, { concurrency: "unbounded", discard: true })
        yield* everywhere((key) => second.run(Cache.set(users, key, 1)))
        yield* everywhere((key) => untilCopied(users, key, first.run))

        // One process writes a key of the isolated master all the time, and the other one reads it.
        const slot = slotOf(`${prefix}versions:a`)
        const victim = yield* Effect.promise(() => cluster.masterOf(slot))
        let attempts = 0
        let acknowledged = 0
        const failures: Array<CacheError.RedisError | CacheError.CodecError> = []
        const late: Array<number> = []
        const timed = <A, E extends CacheError.RedisError | CacheError.CodecError, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.map(Effect.timed(Effect.either(effect)), ([took, result]) => {
            const over = Duration.toMillis(took) - commandTimeout
            if (over > 250) late.push(over)
            if (Either.isLeft(result)) failures.push(result.left)
            return result
          })
        const write = Effect.suspend(() => timed(first.run(Cache.set(versions, "a", ++attempts)))).pipe(
          Effect.map((done) => {
            if (Either.isRight(done)) acknowledged = attempts
          }),
          Effect.zipRight(Effect.sleep("10 millis"))
        )
        const read = (least: number) =>
          Effect.map(timed(second.run(Cache.get(versions, "a"))), (found) => {
            if (Either.isLeft(found)) return
            assert.isAtLeast(Number(Option.getOrElse(found.right, () => 0)), least, "older than what was acknowledged")
          })
        const writing = yield* Effect.fork(Effect.forever(write))
        yield* Effect.sleep("200 millis")
        partition.cut(victim)
        yield* Effect.promise(() => cluster.replaced(victim))
        // Processes hear of the new master: writes acknowledged from then on are not lost.
        const before = acknowledged
        yield* until(Effect.sync(() => acknowledged > before + 20))
        const began = failures.length
        const moves = first.service.driver.unsafeConnections()
        yield* Effect.repeatN(Effect.zipRight(Effect.suspend(() => read(acknowledged)), Effect.sleep("20 millis")), 100)
        assert.strictEqual(failures.length, began, "nothing fails any more, though the old master is still there")
        assert.isAtMost(first.service.driver.unsafeConnections() - moves, 1, "nor does the map change to and fro")

        // A client that first connects to the isolated master, which reports itself as master, finds the others.
        const newcomer = yield* open(RedisLayer.layerCluster(
          [{ host: "127.0.0.1", port: victim.server.port }],
          { prefix, commandTimeout }
        ))
        yield* until(Effect.map(Effect.either(newcomer.run(Cache.set(versions, "b", 1))), Either.isRight))
        yield* until(Effect.map(
          Effect.either(newcomer.run(Cache.get(versions, "a"))),
          (found) => Either.isRight(found) && Option.isSome(found.right)
        ))

        // Copies, too.
        yield* everywhere((key) => second.run(Cache.set(users, key, 2)))
        yield* everywhere((key) =>
          until(Effect.map(first.run(Cache.get(users, key)), (found) => Option.getOrNull(found) === 2))
        )
        yield* everywhere((key) => untilCopied(users, key, first.run))

        partition.heal()
        yield* Effect.promise(() => cluster.settled())
        yield* Effect.repeatN(Effect.zipRight(Effect.suspend(() => read(acknowledged)), Effect.sleep("20 millis")), 50)
        yield* Fiber.interrupt(writing)
        const reasons = new Set(failures.map((error) => error._tag === "RedisError" ? error.reason : error._tag))
        for (const reason of reasons) assert.include(["Connection", "Timeout", "CircuitOpen"], reason)
        assert.deepStrictEqual(late, [], "ms by which calls were late")
        console.log(`${attempts} writes, ${failures.length} failures: ${[...reasons].join(", ")}`)
        for (const key of spread) assert.deepStrictEqual(yield* first.run(Cache.get(users, key)), Option.some(2))
      }),
    60_000
  )
})
