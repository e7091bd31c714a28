/** What happens to commands on a cluster while slots move, masters change, and connections are lost. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Either, Fiber, Layer, Option, Stream } from "effect"
import { Cache, type CacheError, Redis, RedisLayer } from "effect-redis-cache"
import * as fc from "fast-check"
import { Cluster } from "ioredis"
import { afterAll } from "vitest"
import { slotOf, slotOfPrefix } from "../../../src/internal/redis/cluster/slots.js"
import * as Proxy from "../../support/proxy.js"
import { type Node, patientTimeout, startCluster } from "../../support/redisCluster.js"
import * as RedisServer from "../../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"

const cluster = await startCluster(patientTimeout)
const { addresses } = cluster
afterAll(() => cluster.stop())

const things = Cache.make({ name: "things" })
const counts = Cache.counter({ name: "counts" })

const build = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) => Layer.build(layer)

/** Keys of the cache `things` that all lie in one slot, among others in use. */
const slotted = (prefix: string, slot: number, count: number): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let n = 0; found.length < count; n++) if (slotOf(`${prefix}things:${n}`) === slot) found.push(String(n))
  return found
}

const anotherMaster = async (than: Node): Promise<Node> => (await cluster.masters()).find((node) => node !== than)!

const reason = <A>(either: Either.Either<A, CacheError.RedisError | CacheError.CodecError>): string =>
  Either.isRight(either) ? "none" : either.left._tag === "RedisError" ? either.left.reason : either.left._tag

describe("slots", () => {
  it("match those that Redis computes", async () => {
    const part = fc.constantFrom("a", "{", "}", ":", "é", "😀", "users", "42")
    const key = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""))
    const { client } = cluster.nodes[0]!
    await fc.assert(
      fc.asyncProperty(fc.oneof(key, fc.string({ unit: "grapheme" })), async (each) => {
        assert.strictEqual(slotOf(each), await client.cluster("KEYSLOT", each))
      }),
      { numRuns: 300 }
    )
    assert.isUndefined(slotOfPrefix("app:"))
    assert.strictEqual(slotOfPrefix("{app}:"), slotOf("app"))
  })
})

describe("slots that move", () => {
  it.scopedLive("are followed, even without any notice", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const context = yield* build(RedisLayer.layerCluster(addresses, { prefix }))
      const slot = slotOf(`${prefix}things:a`)
      yield* Effect.provide(Cache.set(things, "a", 1), context)
      for (let n = 0; n < 6; n++) {
        const from = yield* Effect.promise(() => cluster.masterOf(slot))
        yield* Effect.promise(async () => cluster.move(slot, await anotherMaster(from)))
        assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), context), Option.some(n + 1))
        assert.deepStrictEqual(
          yield* Effect.provide(Cache.modify(things, "a", Option.map(() => n + 2)), context),
          Option.some(n + 2)
        )
      }
    }))

  it.scopedLive("cause no error if the key holds another type than a string", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const context = yield* build(RedisLayer.layerCluster(addresses, { prefix }))
      const redisKey = `${prefix}things:list`
      const slot = slotOf(redisKey)
      yield* Effect.provide(Cache.get(things, "list"), context)
      const from = yield* Effect.promise(() => cluster.masterOf(slot))
      yield* Effect.promise(async () => {
        await from.client.rpush(redisKey, "a", "b")
        await cluster.move(slot, await anotherMaster(from))
      })
      // The map of this process is outdated: the answer comes after a redirection.
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "list"), context), Option.none())
    }))

  for (const tagged of [false, true]) {
    it.scopedLive(`are asked on both sides while they move${tagged ? ", all keys of a prefix in one slot" : ""}`, () =>
      Effect.gen(function*() {
        const prefix = tagged ? `{${uniquePrefix()}}:` : uniquePrefix()
        const context = yield* build(RedisLayer.layerCluster(addresses, { prefix }))
        const slot = tagged ? slotOf(prefix) : slotOf(`${prefix}things:a`)
        const [gone, ...keys] = slotted(prefix, slot, tagged ? 41 : 9)
        const program = Effect.gen(function*() {
          const all = new Map(keys.map((key) => [key, key]))
          yield* Cache.setMany(things, all)
          const from = yield* Effect.promise(() => cluster.masterOf(slot))
          const to = yield* Effect.promise(() => anotherMaster(from))
          // Scripts that the importing server has never seen must come with their text.
          yield* Effect.promise(() => to.client.script("FLUSH"))
          const midway = Effect.gen(function*() {
            assert.deepStrictEqual(yield* Cache.getMany(things, keys), all)
            for (const key of keys) assert.deepStrictEqual(yield* Cache.get(things, key), Option.some(key))
            assert.strictEqual(yield* Cache.getOrSet(things, gone!, Effect.succeed("loaded")), "loaded")
            assert.isTrue(yield* Cache.delete(things, gone!))
            assert.isFalse(yield* Cache.setIfAbsent(things, keys[0]!, "no"))
            for (const key of keys) yield* Cache.modify(things, key, Option.map((value) => `${String(value)}!`))
            yield* Cache.setMany(things, keys.slice(1).map((key) => [key, `${key}!`]))
            assert.deepStrictEqual(
              yield* Cache.getMany(things, keys),
              new Map(keys.map((key) => [key, `${key}!`]))
            )
          }).pipe(Effect.provide(context))
          yield* Effect.promise(() => cluster.move(slot, to, () => Effect.runPromise(midway)))
          assert.strictEqual((yield* Cache.getMany(things, keys)).size, keys.length)
          assert.strictEqual(yield* Cache.deleteMany(things, keys), keys.length)
        })
        yield* Effect.provide(program, context)
      }))
  }

  it.scopedLive("hide no key from a flush, whatever moves meanwhile", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const context = yield* build(RedisLayer.layerCluster(addresses, { prefix }))
      const keys = Array.from({ length: 5_000 }, (_, i) => String(i))
      const program = Effect.gen(function*() {
        yield* Cache.setMany(things, keys.map((key) => [key, key]))
        const slots = [...new Set(keys.slice(0, 12).map((key) => slotOf(`${prefix}things:${key}`)))]
        const moving = yield* Effect.fork(Effect.promise(async () => {
          for (const slot of slots) await cluster.move(slot, await anotherMaster(await cluster.masterOf(slot)))
        }))
        // It may fail while slots never stop moving; then it claims nothing.
        const flushed = yield* Effect.either(Cache.flush(things))
        yield* Fiber.join(moving)
        assert.include(["none", "Connection"], reason(flushed))
        if (Either.isLeft(flushed)) yield* Cache.flush(things)
        assert.strictEqual((yield* Cache.getMany(things, keys)).size, 0)
      })
      yield* Effect.provide(program, context)
    }))
})

describe("keys that move before their slot has another owner", () => {
  it.scopedLive(
    "are listed, even though they move from a server that is not listed yet to one that already was",
    () =>
      Effect.gen(function*() {
        const prefix = uniquePrefix()
        const context = yield* build(RedisLayer.layerCluster(addresses, { prefix }))
        const [first, slot] = yield* Effect.promise(async () => {
          const first = await cluster.masterOf(0)
          for (let slot = 1;; slot++) if (await cluster.masterOf(slot) !== first) return [first, slot] as const
        })
        const keys = slotted(prefix, slot, 10)
        yield* Effect.provide(Cache.setMany(things, keys.map((key) => [key, key])), context)
        const halfway = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const moving = yield* Effect.fork(
          Effect.promise(() =>
            cluster.move(
              slot,
              first,
              () => Effect.runPromise(Effect.zipRight(Deferred.succeed(halfway, undefined), Deferred.await(goOn)))
            )
          ).pipe(Effect.delay("1 second"))
        )
        const found: Array<string> = []
        let pages = 0
        yield* Stream.runForEach(
          Context.get(context, Redis.Redis).driver.scan(`${prefix}things:`),
          (page) => {
            found.push(...page)
            // Of the master that is listed first, to which the keys have not moved yet.
            return pages++ === 0 ? Deferred.await(halfway) : Effect.void
          }
        )
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(moving)
        assert.deepStrictEqual([...new Set(found)].sort(), keys.map((key) => `${prefix}things:${key}`).sort())
      }),
    20_000
  )
})

describe("a master that changes", () => {
  it.scopedLive("by hand: nothing fails for longer than it takes, and nothing is lost", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      // The old master holds writes back until the new one has them all: for seconds on a busy machine.
      const context = yield* build(RedisLayer.layerCluster(addresses, { prefix, commandTimeout: "15 seconds" }))
      const keys = Array.from({ length: 100 }, (_, i) => String(i))
      const replica = cluster.nodes[3]!
      const program = Effect.gen(function*() {
        yield* Cache.setMany(things, keys.map((key) => [key, 0]))
        const promoted = yield* Effect.fork(Effect.promise(() => cluster.promote(replica)))
        for (let n = 1; n <= 50; n++) {
          yield* Cache.setMany(things, keys.map((key) => [key, n]))
          const found = yield* Cache.getMany(things, keys)
          assert.deepStrictEqual([...new Set(found.values())], [n])
          yield* Effect.sleep("10 millis")
        }
        yield* Fiber.join(promoted)
        assert.strictEqual((yield* Cache.getMany(things, keys)).size, keys.length)
      })
      yield* Effect.provide(program, context)
    }), 60_000)
})

describe("commands in flight when a connection was lost", () => {
  for (const kind of ["layerCluster", "layerFromClient"] as const) {
    it.scopedLive(`are not sent again: ${kind}`, () =>
      Effect.gen(function*() {
        const prefix = uniquePrefix()
        const proxies = yield* Effect.forEach(addresses, ({ port }) => Proxy.make(port), { concurrency: "unbounded" })
        const natMap = Object.fromEntries(
          addresses.map(({ host, port }, i) => [`${host}:${port}`, { host, port: proxies[i]!.port }])
        )
        const layer = kind === "layerCluster"
          ? RedisLayer.layerCluster([{ host: "127.0.0.1", port: proxies[0]!.port }], { prefix, natMap })
          : RedisLayer.layerFromClient(
            yield* Effect.acquireRelease(
              // With the client's defaults, by which it would send commands again.
              Effect.sync(() => new Cluster([{ host: "127.0.0.1", port: proxies[0]!.port }], { natMap })),
              (client) => Effect.sync(() => client.disconnect())
            ),
            { prefix }
          )
        const context = yield* build(layer)
        const keys = Array.from({ length: 30 }, (_, i) => String(i))
        const program = Effect.gen(function*() {
          yield* Effect.forEach(keys, (key) => Cache.increment(counts, key, 1), { concurrency: "unbounded" })
          yield* Effect.promise(() => Promise.all(proxies.map((proxy) => proxy.dropReplies())))
          const lost = yield* Effect.fork(
            Effect.forEach(keys, (key) => Effect.either(Cache.increment(counts, key, 1)), { concurrency: "unbounded" })
          )
          // Until the servers have executed it.
          const done = async () => {
            const sums = await Promise.all(keys.map(async (key) => {
              const name = `${prefix}counts:${key}`
              const master = await cluster.masterOf(slotOf(name))
              return await master.client.get(name)
            }))
            return sums.every((sum) => sum === "2")
          }
          yield* Effect.repeat(Effect.promise(done), { until: (yes) => yes })
          // The proxies run in this process: they read what was sent within the next turns of the event loop.
          yield* Effect.repeatN(Effect.sleep("10 millis"), 4)
          yield* Effect.promise(() => Promise.all(proxies.map((proxy) => proxy.pass())))
          const failures = (yield* Fiber.join(lost)).map(reason)
          assert.deepStrictEqual([...new Set(failures)], ["Connection"])
          const back = Effect.map(Effect.either(Cache.getMany(counts, keys)), Either.isRight)
          yield* Effect.repeat(Effect.delay(back, "10 millis"), { until: (yes) => yes })
          assert.deepStrictEqual([...new Set((yield* Cache.getMany(counts, keys)).values())], [2])
        })
        yield* Effect.provide(program, context)
      }), 20_000)
  }
})

describe("a cluster that cannot be reached", () => {
  const failure = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
    Effect.flip(Effect.scoped(Layer.build(layer)))

  it.live("fails with the reason, within connectTimeout", () =>
    Effect.gen(function*() {
      const refused = yield* failure(RedisLayer.layerCluster([{ host: "127.0.0.1", port: 1 }]))
      assert.strictEqual(refused.reason, "Connection")
      assert.include(refused.message, "ECONNREFUSED")
      const single = yield* failure(RedisLayer.layerCluster([sharedRedisUrl()]))
      assert.strictEqual(single.reason, "Command")
      assert.include(single.message, "cluster support disabled")
      const none = yield* failure(RedisLayer.layerCluster([]))
      assert.include(none.message, "at least one node")
      const database = yield* failure(RedisLayer.layerCluster(["redis://127.0.0.1:6379/1"]))
      assert.include(database.message, "database 0")
    }))

  it.scopedLive("a wrong password, a node that never answers", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "secret" })
      const wrong = yield* failure(
        RedisLayer.layerCluster([{ host: "127.0.0.1", port: server.port }], { password: "x" })
      )
      assert.strictEqual(wrong.reason, "Auth")
      server.pause()
      const silent = yield* failure(RedisLayer.layerCluster(
        [{ host: "127.0.0.1", port: server.port }],
        { connectTimeout: "300 millis" }
      ))
      server.resume()
      assert.strictEqual(silent.reason, "Timeout")
    }))

  it.scopedLive("one reachable node of many is enough, and a lazy layer waits for the first command", () =>
    Effect.gen(function*() {
      const nodes = [{ host: "127.0.0.1", port: 1 }, addresses[1]!]
      const context = yield* build(RedisLayer.layerCluster(nodes, { prefix: uniquePrefix(), lazy: true }))
      yield* Effect.provide(Cache.set(things, "a", 1), context)
      const nobody = yield* build(RedisLayer.layerCluster([{ host: "127.0.0.1", port: 1 }], { lazy: true }))
      assert.strictEqual(reason(yield* Effect.either(Effect.provide(Cache.set(things, "a", 1), nobody))), "Connection")
    }))
})

describe("a prefix with a hash tag", () => {
  it.scopedLive("keeps all keys in one slot", () =>
    Effect.gen(function*() {
      const prefix = `{${uniquePrefix()}}:`
      const context = yield* build(RedisLayer.layerCluster(addresses, { prefix }))
      const keys = Array.from({ length: 50 }, (_, i) => String(i))
      yield* Effect.provide(Cache.setMany(things, keys.map((key) => [key, key])), context)
      const { client } = yield* Effect.promise(() => cluster.masterOf(slotOf(prefix)))
      // Keys of other tests may lie in the same slot.
      const there = yield* Effect.promise(() => client.cluster("GETKEYSINSLOT", slotOf(prefix), 1_000))
      assert.strictEqual((there as ReadonlyArray<string>).filter((key) => key.startsWith(prefix)).length, 50)
      assert.strictEqual(yield* Effect.provide(Cache.flush(things), context), 50)
    }))
})

// Last: a replica that saw the slot without an owner does not claim it if it is promoted later.
describe("a slot that nobody has", () => {
  it.scopedLive("is waited for as long as a command may take, and served when it is back", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const context = yield* build(RedisLayer.layerCluster(addresses, { prefix, commandTimeout: "600 millis" }))
      const slot = slotOf(`${prefix}things:a`)
      const master = yield* Effect.promise(() => cluster.masterOf(slot))
      yield* Effect.provide(Cache.set(things, "a", 1), context)
      yield* Effect.promise(() => master.client.call("CLUSTER", "DELSLOTS", slot))
      const began = performance.now()
      const failed = yield* Effect.either(Effect.provide(Cache.set(things, "a", 2), context))
      assert.strictEqual(reason(failed), "Connection")
      assert.isBelow(performance.now() - began, 5_000)
      const waiting = yield* Effect.fork(Effect.either(Effect.provide(Cache.set(things, "a", 2), context)))
      yield* Effect.promise(() => master.client.call("CLUSTER", "ADDSLOTS", slot))
      assert.strictEqual(reason(yield* Fiber.join(waiting)), "none")
      yield* Effect.promise(() => cluster.settled())
      assert.deepStrictEqual(yield* Effect.provide(Cache.get(things, "a"), context), Option.some(2))
    }))
})
