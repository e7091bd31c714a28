/** The commands that a server receives, counted by `MONITOR`. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Stream } from "effect"
import { Cache, type CacheError, Codec, type Redis, RedisLayer } from "effect-redis-cache"
import * as RedisServer from "../../support/redisServer.js"
import { type Commands, watch, type Wire } from "../../support/wire.js"
import { all, times } from "../together.js"

const things = Cache.make({ name: "things" })
const counts = Cache.counter({ name: "counts" })
const tagged = Cache.make({ name: "tagged", tags: () => ["t", "u"] })
const valueTagged = Cache.make({ name: "valueTagged", valueTags: () => ["v"] })

const names = (commands: Commands): ReadonlyArray<string> => commands.map(([name]) => name!)

/** A test with a server of its own. */
const test = (
  behaviour: string,
  body: (wire: Wire) => Effect.Effect<void, CacheError.RedisError | CacheError.CodecError, Redis.Redis>
): void =>
  it.scopedLive(behaviour, () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* Layer.build(RedisLayer.layer(server.url))
      yield* Effect.provide(Effect.flatMap(watch(server.url), body), redis)
    }))

describe("reads", () => {
  test("a hit is one command, and so is a miss", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.set(things, "a", 1)
      assert.deepStrictEqual((yield* sentBy(Cache.get(things, "a")))[0], [["MGET", "things:a"]])
      assert.deepStrictEqual((yield* sentBy(Cache.get(things, "b")))[0], [["MGET", "things:b"]])
      assert.deepStrictEqual((yield* sentBy(Cache.has(things, "a")))[0], [["MGET", "things:a"]])
      assert.deepStrictEqual(names((yield* sentBy(Cache.getOrSet(things, "a", Effect.succeed(2))))[0]), ["MGET"])
    }))

  test("hits of one tick are one MGET, with each key once", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.setMany(things, times(20, (i) => [`${i}`, i]))
      const asked = [...times(20, (i) => `${i}`), ...times(50, (i) => `${i % 20}`)]
      const [commands, values] = yield* sentBy(all(asked.map((key) => Cache.get(things, key))))
      assert.deepStrictEqual(commands, [["MGET", ...times(20, (i) => `things:${i}`)]])
      assert.deepStrictEqual(values, asked.map((key) => Option.some(Number(key))))
    }))

  test("many hits of one tick leave in parts, each twice as large: the server starts before all are collected", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.setMany(things, times(100, (i) => [`${i}`, i]))
      const asked = [...times(100, (i) => `${i}`), ...times(50, (i) => `${i}`)]
      const [commands, values] = yield* sentBy(all(asked.map((key) => Cache.get(things, key))))
      const keys = asked.map((key) => `things:${key}`)
      assert.deepStrictEqual(commands, [
        ["MGET", ...keys.slice(0, 32)],
        ["MGET", ...keys.slice(32, 96)],
        // A key that is asked for again in a later part is read again.
        ["MGET", ...keys.slice(96)]
      ])
      assert.deepStrictEqual(values, asked.map((key) => Option.some(Number(key))))
      // The next tick begins with a small part again.
      const [again] = yield* sentBy(all(asked.slice(0, 40).map((key) => Cache.get(things, key))))
      assert.deepStrictEqual(again.map(({ length }) => length - 1), [32, 8])
    }))

  test("the requests of a fiber that was answered wait for those of its children", ({ sentBy }) =>
    Effect.gen(function*() {
      const [commands] = yield* sentBy(Effect.gen(function*() {
        yield* Cache.get(things, "a")
        const child = yield* Effect.fork(Cache.get(things, "b"))
        yield* Cache.get(things, "c")
        yield* Fiber.join(child)
      }))
      assert.deepStrictEqual(commands, [["MGET", "things:a"], ["MGET", "things:c", "things:b"]])
    }))

  test("the keys of one call stay together, even beside others of the tick", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.setMany(things, times(100, (i) => [`${i}`, i]))
      const asked = times(100, (i) => `${i}`)
      const whole = [["MGET", ...asked.map((key) => `things:${key}`)]]
      assert.deepStrictEqual((yield* sentBy(Cache.getMany(things, [...asked, ...asked])))[0], whole)
      const [beside] = yield* sentBy(
        all<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>([
          Cache.getMany(things, asked.slice(0, 50)),
          Cache.getMany(things, asked.slice(50, 90)),
          ...asked.slice(80).map((key) => Cache.get(things, key))
        ])
      )
      assert.deepStrictEqual(beside, whole)
    }))

  test("loads that hit are batched with other reads", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.setMany(things, { a: 1, b: 2, c: 3 })
      const [commands] = yield* sentBy(all<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>([
        Cache.get(things, "a"),
        Cache.getOrSet(things, "b", Effect.succeed(0)),
        Cache.getMany(things, ["c", "a"]),
        Cache.timeToLive(things, "a")
      ]))
      assert.deepStrictEqual(commands, [["MGET", "things:a", "things:b", "things:c"]])
    }))

  test("tags derived from the key are read with the entry; tags derived from the value are read after it", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.set(tagged, "a", 1)
      yield* Cache.set(valueTagged, "a", 1)
      assert.deepStrictEqual(
        (yield* sentBy(Cache.get(tagged, "a")))[0],
        [["MGET", "tagged:a", ":tag:tagged:t", ":tag:tagged:u"]]
      )
      assert.deepStrictEqual(
        (yield* sentBy(Cache.getMany(tagged, ["a", "b"])))[0],
        [["MGET", "tagged:a", "tagged:b", ":tag:tagged:t", ":tag:tagged:u"]]
      )
      assert.deepStrictEqual(
        (yield* sentBy(Cache.get(valueTagged, "a")))[0],
        [["MGET", "valueTagged:a"], ["MGET", ":tag:valueTagged:v"]]
      )
      assert.deepStrictEqual((yield* sentBy(Cache.get(valueTagged, "b")))[0], [["MGET", "valueTagged:b"]])
    }))
})

describe("writes", () => {
  test("one set is one SET, with its TTL", ({ sentBy }) =>
    Effect.gen(function*() {
      const [[plain, ...more]] = yield* sentBy(Cache.set(things, "a", 1))
      assert.deepStrictEqual([plain![0], plain![1], plain!.length, more.length], ["SET", "things:a", 3, 0])
      const [[timed]] = yield* sentBy(Cache.set(things, "a", 1, { timeToLive: "1 minute" }))
      assert.deepStrictEqual(timed!.slice(3), ["PX", "60000"])
    }))

  test("sixty-four sets are sixty-four SETs, and none waits for a script", ({ sentBy }) =>
    Effect.gen(function*() {
      const sets = times(64, () => "SET")
      const [commands] = yield* sentBy(
        all(times(64, (i) => Cache.set(things, `${i}`, i, i % 2 === 0 ? undefined : { timeToLive: "1 minute" })))
      )
      assert.deepStrictEqual(names(commands), sets)
      const [many] = yield* sentBy(Cache.setMany(things, times(64, (i) => [`${i}`, i])))
      assert.deepStrictEqual(names(many), sets)
      assert.strictEqual((yield* Cache.getMany(things, times(64, String))).size, 64)
      assert.isTrue(Option.isSome(yield* Cache.timeToLive(things, "1")))
    }))

  test("sets leave in the order of their calls, between reads", ({ sentBy }) =>
    Effect.gen(function*() {
      const [commands, values] = yield* sentBy(
        all<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>([
          Cache.get(things, "a"),
          Cache.set(things, "a", 1),
          Cache.get(things, "a"),
          Cache.set(things, "a", 2),
          Cache.get(things, "a"),
          Cache.delete(things, "a"),
          Cache.get(things, "a")
        ])
      )
      assert.deepStrictEqual(names(commands), ["MGET", "SET", "MGET", "SET", "MGET", "EVALSHA", "MGET"])
      assert.deepStrictEqual(values, [
        Option.none(),
        undefined,
        Option.some(1),
        undefined,
        Option.some(2),
        true,
        Option.none()
      ])
    }))

  test("a fiber's set is before its later get, whatever other fibers do", () =>
    Effect.gen(function*() {
      const one = (i: number) =>
        Effect.gen(function*() {
          for (let n = 0; n < 10; n++) {
            yield* Cache.set(things, `${i}`, n)
            assert.deepStrictEqual(yield* Cache.get(things, `${i}`), Option.some(n))
          }
        })
      yield* all(times(50, one))
    }))

  test("other writes are one command each", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.set(things, "a", 1)
      assert.deepStrictEqual(names((yield* sentBy(Cache.increment(counts, "a")))[0]), ["EVALSHA"])
      assert.deepStrictEqual(names((yield* sentBy(Cache.setIfAbsent(things, "b", 1)))[0]), ["EVALSHA"])
      assert.deepStrictEqual(names((yield* sentBy(Cache.take(things, "a")))[0]), ["EVALSHA"])
      assert.deepStrictEqual(names((yield* sentBy(Cache.deleteMany(things, ["a", "b"])))[0]), ["EVALSHA", "EVALSHA"])
      assert.deepStrictEqual(names((yield* sentBy(Cache.modify(things, "a", () => Option.some(1))))[0]), [
        "MGET",
        "EVALSHA"
      ])
      assert.deepStrictEqual(names((yield* sentBy(Cache.touch(things, "a", "1 hour")))[0]), ["MGET", "EVALSHA"])
    }))
})

describe("interruption", () => {
  test("the failure of one member of a batch does not affect the others", ({ sentBy }) =>
    Effect.gen(function*() {
      yield* Cache.setMany(things, { a: 1, b: 2, c: 3 })
      const [commands, values] = yield* sentBy(Effect.gen(function*() {
        const started = yield* Deferred.make<void>()
        const fibers = yield* Effect.forEach(["a", "b", "c"], (key) => Effect.fork(Cache.get(things, key)))
        const write = yield* Effect.fork(
          Effect.zipRight(Deferred.succeed(started, undefined), Cache.set(things, "d", 4))
        )
        yield* Deferred.await(started)
        yield* Fiber.interruptFork(fibers[1]!)
        yield* Fiber.interrupt(write)
        return yield* all([Fiber.join(fibers[0]!), Fiber.join(fibers[2]!)])
      }))
      assert.deepStrictEqual(values, [Option.some(1), Option.some(3)])
      assert.deepStrictEqual(names(commands).filter((name) => name === "MGET"), ["MGET"])
    }))
})

describe("loads", () => {
  test("a miss is three commands: read, lease, fill", ({ sentBy }) =>
    Effect.gen(function*() {
      const [commands, value] = yield* sentBy(Cache.getOrSet(things, "a", Effect.succeed(1)))
      assert.strictEqual(value, 1)
      assert.deepStrictEqual(names(commands), ["MGET", "EVALSHA", "EVALSHA"])
    }))

  test("a load that fails is three, too: read, lease, release", ({ sentBy }) =>
    Effect.gen(function*() {
      const [commands] = yield* sentBy(
        Effect.flip(Cache.getOrSet(things, "a", Effect.fail("no"))) as Effect.Effect<string>
      )
      assert.deepStrictEqual(names(commands), ["MGET", "EVALSHA", "EVALSHA"])
    }))

  test("a thousand concurrent misses are one load: one read, one lease, one fill", ({ sentBy }) =>
    Effect.gen(function*() {
      let runs = 0
      const load = Effect.delay(Effect.sync(() => ++runs), "20 millis")
      const [commands, values] = yield* sentBy(all(times(1_000, () => Cache.getOrSet(things, "a", load))))
      assert.deepStrictEqual([...new Set(values)], [1])
      assert.deepStrictEqual(names(commands), ["MGET", "EVALSHA", "EVALSHA"])
      assert.strictEqual((yield* Cache.stats(things)).coalesced, 999)
    }))

  test("with tags that the value names read their epochs in one command", ({ sentBy }) =>
    Effect.gen(function*() {
      const [commands] = yield* sentBy(Cache.getOrSet(valueTagged, "c", Effect.succeed(1)))
      // A read; the lease together with the generation; the epochs together with the generation again; the fill.
      assert.deepStrictEqual(names(commands), ["MGET", "EVALSHA", "EVALSHA", "EVALSHA", "EVALSHA"])
      assert.deepStrictEqual(commands[3]!.slice(2, 5), ["2", ":tag:valueTagged:v", ":gen:valueTagged"])
    }))

  test("many keys in one call are read together", ({ sentBy }) =>
    Effect.gen(function*() {
      // A cache whose values are still unknown is treated as one of large values.
      yield* Cache.set(things, "known", 1)
      const [commands] = yield* sentBy(
        Cache.getOrSetMany(things, times(20, String), (keys) => Effect.succeed(keys.map((key) => [key, key])))
      )
      assert.deepStrictEqual(names(commands), ["MGET", ...times(40, () => "EVALSHA")])
    }))
})

describe("listing and flushing", () => {
  test("never send KEYS or DEL, and go page by page", ({ sentBy }) =>
    Effect.gen(function*() {
      const text = Cache.make({ name: "text", codec: Codec.structural<string>() })
      yield* Cache.setMany(text, times(3_000, (i) => [`${i}`, "x"]))
      const [listed, count] = yield* sentBy(Stream.runCount(Cache.keys(text)))
      assert.isAtLeast(count, 3_000)
      assert.deepStrictEqual([...new Set(names(listed))].sort(), ["GETRANGE", "SCAN"])
      const [flushed, removed] = yield* sentBy(Cache.flush(text))
      assert.strictEqual(removed, 3_000)
      // A page is one step of the server.
      assert.deepStrictEqual([...new Set(names(flushed))], ["EVALSHA"])
      assert.isAtLeast(names(flushed).length, 3_000 / 1_000)
    }))

  test("end if they are interrupted", ({ sentBy }) =>
    Effect.gen(function*() {
      const text = Cache.make({ name: "text", codec: Codec.structural<string>() })
      const count = 20_000
      yield* Cache.setMany(text, times(count, (i) => [`${i}`, "x"]))
      const [flushed] = yield* sentBy(Effect.race(Cache.flush(text), Effect.sleep(1)))
      assert.include(names(flushed), "EVALSHA")
      const [after, left] = yield* sentBy(Stream.runCount(Cache.keys(text)))
      assert.notInclude(names(after), "EVALSHA")
      assert.isAbove(left, 0)
      assert.strictEqual(yield* Cache.flush(text), left)
    }))
})
