/** Keys, tags, names and values that an attacker chose: they stay data, and where they belong. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Either, Exit, Layer, Logger, LogLevel, Option, Stream } from "effect"
import { Cache, Codec, Redis, RedisLayer } from "effect-redis-cache"
import * as FastCheck from "fast-check"
import { Redis as Client } from "ioredis"
import { inspect, isDeepStrictEqual } from "node:util"
import { deflateSync } from "node:zlib"
import { afterAll } from "vitest"
import { startRedis } from "../support/redisServer.js"

const server = await startRedis()
const admin = new Client(server.url)
afterAll(async () => {
  admin.disconnect()
  await server.stop()
})

/** All keys on the server, as it stores them. */
const allKeys = (): Promise<ReadonlyArray<string>> => admin.keys("*").then((keys) => keys.sort())

const chosen = FastCheck.oneof(
  FastCheck.string({
    unit: FastCheck.constantFrom(
      ...[
        "*",
        "?",
        "[",
        "]",
        "^",
        "-",
        "\\",
        "{",
        "}",
        "%",
        ":",
        "\r\n",
        "\n",
        "\0",
        " ",
        "$",
        "a",
        "b",
        "7",
        "B",
        "\"",
        "'"
      ],
      ...["\r\n*1\r\n$8\r\nFLUSHALL\r\n", "..", "victim", "app:", "😀", "]]", "return redis.call('FLUSHALL')", "\ufeff"]
    ),
    maxLength: 8
  }),
  FastCheck.string({ unit: "binary", maxLength: 20 }),
  FastCheck.array(FastCheck.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 3 }).map((units) =>
    String.fromCharCode(...units)
  )
)

const isText = (text: string): boolean => Buffer.from(text).toString() === text

/** A cache with this name if that is valid. */
const cacheOf = (name: string) =>
  Either.try(() => Cache.make({ name, tags: (key: string) => key === "" ? [] : [key.slice(0, 60)] }))

describe("untrusted input", () => {
  it.scopedLive("reaches only keys of its own cache, in every operation", () =>
    Effect.gen(function*() {
      const redis = yield* Layer.build(RedisLayer.layer({ url: server.url, prefix: "app:" }))
      const victims = ["victim:a", "app:victim:a", "app:victim", "app", "app:", "a", "other:a", "app::tag:victim:a"]
      let runs = 0
      const attack = (name: string, key: string, tag: string) =>
        Effect.gen(function*() {
          const made = cacheOf(name)
          if (Either.isLeft(made)) return assert.isTrue(name === "" || name.includes(":") || !isText(name), name)
          const cache = made.right
          if (name === "victim") return
          yield* Effect.promise(() => admin.flushall())
          yield* Effect.promise(() => admin.mset(victims.flatMap((each) => [each, each])))
          const counter = Cache.counter({ name })
          const operations: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
            Cache.set(cache, key, key, { tags: tag === "" ? [] : [tag] }),
            Cache.setMany(cache, [[key, tag], [tag, key]]),
            Cache.getMany(cache, [key, tag]),
            Cache.setIfAbsent(cache, tag, key),
            Cache.getOrSet(cache, `${key}${tag}`, Effect.succeed(tag)),
            Cache.modify(cache, key, () => Option.some(tag)),
            Cache.touch(cache, key, "1 hour"),
            Cache.has(cache, key),
            Cache.timeToLive(cache, key),
            Cache.explain(cache, key),
            Cache.increment(counter, `${key}.`),
            Cache.invalidateTags(cache, [tag, key]),
            Stream.runDrain(Cache.keys(cache)),
            Cache.take(cache, tag),
            Cache.delete(cache, key)
          ]
          for (const operation of operations) {
            const exit = yield* Effect.exit(operation)
            // Either refused or done: untrusted input never causes a defect.
            if (Exit.isFailure(exit)) {
              assert.isTrue(Cause.isFailure(exit.cause), Cause.pretty(exit.cause))
              const [error] = Cause.failures(exit.cause)
              assert.match(String(error), /CodecError/, inspect({ name, key, tag }))
            }
          }
          const found = yield* Effect.promise(allKeys)
          const outside = found.filter((each) =>
            !victims.includes(each) && !each.startsWith(`app:${name}:`) && !each.startsWith(`app::tag:${name}:`) &&
            each !== `app::gen:${name}`
          )
          assert.deepStrictEqual(outside, [], inspect({ name, key, tag }))
          // On a cluster, no part of it chooses the server, unless the name does.
          if (!/[{}]/.test(name)) assert.isFalse(found.some((each) => /[{}]/.test(each)))
          yield* Cache.flush(cache)
          yield* Effect.promise(() => admin.unlink(`app::gen:${name}`))
          const tags = (yield* Effect.promise(allKeys)).filter((each) =>
            each.startsWith("app::tag:") && !victims.includes(each)
          )
          if (tags.length > 0) yield* Effect.promise(() => admin.unlink(...tags))
          assert.deepStrictEqual(yield* Effect.promise(allKeys), [...victims].sort(), inspect({ name, key, tag }))
          assert.deepStrictEqual(yield* Effect.promise(() => admin.mget(victims)), victims)
          runs++
        }).pipe(Effect.provide(redis), Logger.withMinimumLogLevel(LogLevel.None))
      const names = FastCheck.oneof(
        FastCheck.constantFrom("a", "vic*", "victi?", "[v]ictim", "tag", "gen", "*", "\\"),
        chosen
      )
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(names, chosen, chosen, (name, key, tag) => Effect.runPromise(attack(name, key, tag))),
          { numRuns: 150 }
        )
      )
      assert.isAbove(runs, 50)
    }), 60_000)

  it.scopedLive("is only ever bytes: no command, no line of Lua, no pattern", () =>
    Effect.gen(function*() {
      const redis = yield* Layer.build(RedisLayer.layer({ url: server.url, prefix: "bytes:" }))
      const cache = Cache.make({ name: "c" })
      const raw = Cache.make({ name: "r", codec: Codec.structural<Uint8Array>() })
      const check = (text: string, bytes: Uint8Array) =>
        Effect.gen(function*() {
          const key = isText(text) ? text : "k"
          yield* Cache.set(cache, key, text)
          assert.deepStrictEqual(yield* Cache.get(cache, key), Option.some(text))
          assert.deepStrictEqual(yield* Cache.modify(cache, key, () => Option.some([text])), Option.some([text]))
          assert.deepStrictEqual(yield* Cache.getOrSet(cache, `${key}!`, Effect.succeed(text)), text)
          assert.deepStrictEqual(
            yield* Cache.getMany(cache, [key, `${key}!`]),
            new Map<string, unknown>([[key, [text]], [`${key}!`, text]])
          )
          yield* Cache.getOrSet(raw, key, Effect.succeed(bytes))
          assert.isTrue(isDeepStrictEqual(yield* Cache.get(raw, key), Option.some(bytes)))
          yield* Cache.deleteMany(cache, [key, `${key}!`])
          yield* Cache.delete(raw, key)
        }).pipe(Effect.provide(redis))
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            chosen,
            FastCheck.uint8Array({ maxLength: 60 }),
            (text, bytes) => Effect.runPromise(check(text, bytes))
          ),
          { numRuns: 150 }
        )
      )
    }), 60_000)
})

/** What happens to bytes that another program put under a key: the outcome of a read, and its cost. */
const planted = (payload: Uint8Array, flags = 0) => {
  const header = Uint8Array.of(0xe1, flags, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0)
  return Buffer.concat([header, payload])
}

describe("malicious bytes", () => {
  const limits = { maxValueSize: 1024 * 1024 }
  const plain = Cache.make({ name: "plain", ...limits })
  const packed = Cache.make({ name: "packed", codec: Codec.compressed(Codec.structural<unknown>()), ...limits })
  const sealed = Cache.make({
    name: "sealed",
    codec: Codec.structural<unknown>().pipe(
      Codec.compressed(),
      Codec.encrypted({ current: { id: "k", key: new Uint8Array(32) } })
    ),
    ...limits
  })
  const caches = [plain, packed, sealed]

  const zipped = (bytes: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(1), deflateSync(bytes)])
  const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex")
  const deep = (levels: number): Uint8Array => new Uint8Array(levels).fill(0x91)

  const harmful: Readonly<Record<string, Buffer>> = {
    "a bomb": planted(zipped(Buffer.alloc(200 * 1024 * 1024))),
    "a bomb in a bomb": planted(zipped(zipped(Buffer.alloc(50 * 1024 * 1024)))),
    "an array that says it is huge": planted(hex("dd ffffffff 01")),
    "a map that says it is huge": planted(hex("df ffffffff a161 01")),
    "text that says it is huge": planted(hex("db ffffffff 61")),
    "bytes that say they are huge": planted(hex("c6 ffffffff 74")),
    "many arrays that say they are huge": planted(Buffer.concat(Array.from({ length: 900 }, () => hex("dd ffffffff")))),
    "deep nesting": planted(deep(100_000)),
    "deep nesting, compressed": planted(zipped(deep(1_000_000))),
    "an extension of the format": planted(hex("c7 01 00 00")),
    "a field named __proto__": planted(hex("81 a95f5f70726f746f5f5f 81 a8706f6c6c75746564 c3")),
    "more tags than there are": planted(hex("ff 01 61 0102030405060708"), 4),
    "a tag that is longer than all": planted(hex("01 ff 61"), 4),
    "tags of no length": planted(Buffer.concat([hex("ff"), Buffer.alloc(255 * 9)]), 4),
    "no header": Buffer.from("e1", "hex"),
    "every flag": planted(hex("ff"), 0xff)
  }

  it.scopedLive("are absent, soon, and take little memory", () =>
    Effect.gen(function*() {
      const redis = yield* Layer.build(RedisLayer.layer({ url: server.url, prefix: "harm:" }))
      yield* Effect.gen(function*() {
        for (const [name, bytes] of Object.entries(harmful)) {
          for (const cache of caches) {
            yield* Effect.promise(() => admin.set(`harm:${cache.name}:a`, bytes))
            const before = process.memoryUsage()
            const began = performance.now()
            assert.deepStrictEqual(yield* Cache.get(cache, "a"), Option.none(), name)
            assert.deepStrictEqual(yield* Cache.getMany(cache, ["a", "b"]), new Map(), name)
            assert.notStrictEqual((yield* Cache.explain(cache, "a")).state, "Fresh", name)
            const { arrayBuffers, heapUsed } = process.memoryUsage()
            assert.isBelow(performance.now() - began, 5_000, name)
            assert.isBelow(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers, 100 * 1024 * 1024, name)
            assert.isUndefined(({} as { polluted?: unknown }).polluted)
            // And the next load stores a value there.
            assert.strictEqual(yield* Cache.getOrSet(cache, "a", Effect.succeed("sound")), "sound", name)
            assert.deepStrictEqual(yield* Cache.get(cache, "a"), Option.some("sound"), name)
          }
        }
      }).pipe(Effect.provide(redis), Logger.withMinimumLogLevel(LogLevel.None))
    }), 60_000)

  it.scopedLive("do not pass for encrypted ones: moved, older, cut, changed, or in plain text", () =>
    Effect.gen(function*() {
      const redis = Context.get(
        yield* Layer.build(RedisLayer.layer({ url: server.url, prefix: "sealed:" })),
        Redis.Redis
      )
      const at = (key: string) => `sealed:sealed:${key}`
      yield* Effect.gen(function*() {
        yield* Cache.setMany(sealed, { ada: "Ada", eve: "Eve" })
        const ada = yield* Effect.promise(() => admin.getBuffer(at("ada")))
        const attempts: ReadonlyArray<Buffer> = [
          ada!.subarray(0, -1),
          ada!.subarray(0, 20),
          Buffer.concat([ada!, Buffer.of(0)]),
          planted(Either.getOrThrow(Codec.structural().encode("forged", { key: "", maxSize: 100 }))),
          ...Array.from({ length: ada!.length - 16 }, (_, i) => {
            const changed = Buffer.from(ada!)
            changed[16 + i]! ^= 1
            return changed
          })
        ]
        for (const attempt of attempts) {
          yield* Effect.promise(() => admin.set(at("ada"), attempt))
          assert.deepStrictEqual(yield* Cache.get(sealed, "ada"), Option.none())
        }
        yield* Effect.promise(() => admin.set(at("eve"), ada!))
        assert.deepStrictEqual(yield* Cache.get(sealed, "eve"), Option.none())
        yield* Effect.promise(() => admin.set(at("ada"), ada!))
        assert.deepStrictEqual(yield* Cache.get(sealed, "ada"), Option.some("Ada"))
      }).pipe(Effect.provideService(Redis.Redis, redis), Logger.withMinimumLogLevel(LogLevel.None))
    }))

  it("reach no prototype, and are data where they are accepted", () => {
    const codec = Codec.structural()
    const context = { key: "k", maxSize: 10_000 }
    const hostile: unknown = JSON.parse(
      "{\"__proto__\":{\"polluted\":1},\"constructor\":{\"prototype\":{\"polluted\":1}},\"toString\":1,\"then\":2}"
    )
    const decoded = Either.getOrThrow(codec.decode(Either.getOrThrow(codec.encode(hostile, context)), context))
    assert.isTrue(isDeepStrictEqual(decoded, hostile))
    assert.isTrue(Object.hasOwn(decoded as object, "__proto__"))
    assert.strictEqual(Object.getPrototypeOf(decoded), Object.prototype)
    assert.isUndefined((decoded as { polluted?: unknown }).polluted)
  })
})
