/** Near copies in two processes, a third process that writes, and a network that fails. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Random } from "effect"
import { Cache, Redis, RedisLayer } from "effect-redis-cache"
import { collectGarbage } from "../../support/collectGarbage.js"
import * as Proxy from "../../support/proxy.js"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import * as Fleet from "./fleet.js"

const forMillis = Number(process.env.NEAR_MILLIS ?? 60_000)
const maxStaleness = 500
const keys = 50
const perSecond = 200

layer(Fleet.layer, { excludeTestServices: true })("near copies in a fleet", (it) => {
  it.scoped(
    "no read returns a version that was replaced more than maxStaleness before the read began",
    () =>
      Effect.gen(function*() {
        const fleet = yield* Fleet.Fleet
        const proxy = yield* Proxy.make(Number(new URL(sharedRedisUrl()).port))
        const prefix = uniquePrefix()
        const cache = { name: "versions", near: { capacity: 1_000, maxStaleness } }
        const [first, second, writer] = yield* fleet.connect(3, { url: sharedRedisUrl(), prefix, cache })
        const readers = [first!, second!]
        yield* Fleet.everyone(readers, () => ({
          op: "connect",
          url: `redis://127.0.0.1:${proxy.port}`,
          prefix,
          cache
        }))
        const writing = yield* Effect.fork(writer!.ask({ op: "writeVersions", keys, perSecond, forMillis }))
        const reading = yield* Effect.fork(Fleet.everyone(readers, () => ({ op: "readVersions", keys, forMillis })))

        const faults = new Map<string, number>()
        const pauses = (from: number, to: number) => Effect.flatMap(Random.nextIntBetween(from, to), Effect.sleep)
        const kinds = ["reset", "blackhole", "refuse", "dropReplies", "stopped"] as const
        const trouble = Effect.gen(function*() {
          for (let n = 0;; n++) {
            yield* pauses(500, 2_500)
            const kind = kinds[n % kinds.length]!
            faults.set(kind, (faults.get(kind) ?? 0) + 1)
            if (kind === "stopped") {
              yield* first!.pause
              yield* pauses(maxStaleness, 4 * maxStaleness)
              yield* first!.resume
            } else {
              yield* Effect.promise(() => proxy[kind]())
              yield* pauses(50, 4 * maxStaleness)
              yield* Effect.promise(() => proxy.pass())
            }
          }
        })
        const troubling = yield* Effect.fork(trouble)
        const written = yield* Fiber.join(writing)
        yield* Fiber.interrupt(troubling)
        yield* Effect.promise(() => proxy.pass())
        yield* first!.resume
        const reports = yield* Fiber.join(reading)

        const replaced = new Map(
          written.map(({ acknowledged, key, version }) => [`${key} ${version - 1}`, acknowledged])
        )
        const staleness = reports.flatMap((report) => report.seen).flatMap(({ key, lastBegan, version }) => {
          const at = replaced.get(`${key} ${version}`)
          return at === undefined ? [] : [Math.max(0, lastBegan - at)]
        }).sort((a, b) => a - b)
        const at = (part: number) =>
          staleness[Math.min(staleness.length - 1, Math.floor(staleness.length * part))]!.toFixed(2)
        for (const [i, { failures, nearHits, reads }] of reports.entries()) {
          console.log(`reader ${i}: ${reads} reads, ${nearHits} of them from memory, ${failures} failed`)
          assert.isAbove(nearHits, reads / 10, "reads from memory")
        }
        console.log(
          `${written.length} writes; faults: ${[...faults].map(([kind, count]) => `${count} ${kind}`).join(", ")}. ` +
            `Of ${staleness.length} versions that were replaced, the last read began so long after, in ms: ` +
            `half ${at(0.5)}, 90% ${at(0.9)}, 99% ${at(0.99)}, 99.9% ${at(0.999)}, at most ${at(1)}`
        )
        assert.isAbove(staleness.length, written.length / 4)
        assert.isBelow(Number(at(1)), maxStaleness, "ms of staleness")
      }),
    forMillis + 60_000
  )
})

describe("the memory of near copies", () => {
  it.live(
    "stays within capacity over a million distinct keys, and the heap does not grow",
    () =>
      Effect.gen(function*() {
        const heap = () => {
          for (let i = 0; i < 3; i++) collectGarbage()
          return process.memoryUsage().heapUsed
        }
        const things = Cache.make({ name: "things", near: { capacity: 10_000 } })
        const context = yield* Layer.build(RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() }))
        const { near } = Context.get(context, Redis.Redis).runtime
        const page = 1_000
        const readPages = (from: number, to: number) =>
          Effect.gen(function*() {
            for (let n = from; n < to; n++) {
              const names = Array.from({ length: page }, (_, i) => `key ${n * page + i}`)
              yield* Cache.setMany(things, names.map((name) => [name, { name, n }] as const))
              assert.strictEqual((yield* Cache.getMany(things, names)).size, page)
              yield* Cache.deleteMany(things, names.slice(0, page / 2))
              if (n % 20 === 19) yield* Cache.flush(things)
            }
          }).pipe(Effect.provide(context))
        yield* readPages(0, 100)
        const before = heap()
        yield* readPages(100, 1_000)
        const grown = heap() - before
        console.log(`a million keys later the heap has grown by ${(grown / 1e6).toFixed(2)} MB`)
        assert.isBelow(grown, 10e6)
        assert.strictEqual(near.reading, 0)
      }).pipe(Effect.scoped),
    180_000
  )
})
