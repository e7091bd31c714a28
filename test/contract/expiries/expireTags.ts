/** `expireTags` makes every entry with a tag stale at once, and brings nothing back. */
import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, TestClock } from "effect"
import { Cache, Redis } from "effect-redis-cache"
import { collect, failsWith, plant, redisKey, same, type Subject } from "../subject.js"

/** The message that identifies a failing load. */
const down = Effect.fail("the source is down")

export const expireTags = ({ test, things, time }: Subject): void => {
  /** Leaves room for times before the windows: the `TestClock` begins at zero. */
  const later = time === "TestClock" ? TestClock.adjust("1 day") : Effect.void

  describe("expireTags", () => {
    const tagged = Cache.make({
      name: "tagged",
      timeToLive: "1 hour",
      staleIfError: "30 minutes",
      tags: (key) => [`of:${key[0]}`],
      valueTags: (value) => [`value:${String(value)}`]
    })
    /** Its keys alone determine the tags. */
    const rates = Cache.make({ name: "rates", timeToLive: "1 hour", tags: (key) => [`of:${key[0]}`] })
    const isStale = (key: string, value: unknown) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Cache.get(tagged, key), Option.none())
        assert.strictEqual(yield* Cache.getOrSet(tagged, key, down), value)
        assert.strictEqual((yield* Cache.explain(tagged, key)).state, "Stale")
      })
    const isAbsent = (key: string) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Cache.get(tagged, key), Option.none())
        assert.strictEqual(yield* Effect.flip(Cache.getOrSet(tagged, key, down)), "the source is down")
      })

    test("makes entries with the tags stale, whether of key, value or write, and no others", () =>
      Effect.gen(function*() {
        const all = ["a1", "a2", "b1"]
        const fill = Effect.zipRight(
          Cache.setMany(tagged, { a1: 1, b1: 2 }),
          Cache.set(tagged, "a2", 2, { tags: ["extra"] })
        )
        const left: ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<string>]> = [
          [["of:a"], ["b1"]],
          [["value:2"], ["a1"]],
          [["extra", "extra"], ["a1", "b1"]],
          [["of:a", "value:2"], []],
          [["nobody has it"], all],
          [[], all]
        ]
        for (const [tags, keys] of left) {
          yield* fill
          yield* Cache.expireTags(tagged, tags)
          assert.deepStrictEqual(yield* collect(tagged), keys)
          assert.deepStrictEqual([...(yield* Cache.getMany(tagged, all)).keys()], keys)
          for (const key of all) {
            if (!keys.includes(key)) yield* isStale(key, key === "a1" ? 1 : 2)
            assert.strictEqual(yield* Cache.has(tagged, key), keys.includes(key))
            assert.strictEqual(Option.isSome(yield* Cache.timeToLive(tagged, key)), keys.includes(key))
            assert.strictEqual(yield* Cache.touch(tagged, key, "2 hours"), keys.includes(key))
            assert.strictEqual(yield* Cache.expire(tagged, key), keys.includes(key))
          }
        }
      }))

    test("expiring a tag twice makes its entries absent; an entry written in between is stale", () =>
      Effect.gen(function*() {
        yield* Cache.set(tagged, "a1", 1)
        yield* Cache.expireTags(tagged, ["of:a"])
        yield* Cache.set(tagged, "a2", 2)
        assert.deepStrictEqual(yield* Cache.get(tagged, "a2"), Option.some(2))
        yield* tagged.pipe(Cache.expireTags(["of:a"]))
        yield* isAbsent("a1")
        yield* isStale("a2", 2)
      }))

    test("a tag that is expired and invalidated makes its entries absent, in either order", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(tagged, { a1: 1, b1: 1 })
        yield* Cache.expireTags(tagged, ["value:1"])
        yield* Cache.invalidateTags(tagged, ["of:a"])
        yield* isAbsent("a1")
        yield* isStale("b1", 1)
        yield* Cache.invalidateTags(tagged, ["value:1"])
        yield* isAbsent("b1")
        yield* Cache.set(tagged, "a1", 1)
        yield* Cache.invalidateTags(tagged, ["of:a"])
        yield* Cache.expireTags(tagged, ["of:a", "value:1"])
        yield* isAbsent("a1")
      }))

    test("without stale windows it is an invalidation", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1, { tags: ["t"] })
        yield* Cache.expireTags(things, ["t"])
        assert.isFalse(yield* Cache.has(things, "a"))
        assert.strictEqual(yield* Cache.getOrSet(things, "a", Effect.succeed(2)), 2)
      }))

    test("entries that never expire by themselves are stale from then on", () =>
      Effect.gen(function*() {
        const forEver = Cache.make({ name: "forEver", staleIfError: "1 hour" })
        yield* Cache.set(forEver, "a", 1, { tags: ["t"] })
        yield* Cache.expireTags(forEver, ["t"])
        assert.isFalse(yield* Cache.has(forEver, "a"))
        assert.strictEqual(yield* Cache.getOrSet(forEver, "a", down), 1)
      }))

    test("a tag without an epoch gets none, and an epoch lives as long as before", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        yield* Cache.set(tagged, "a1", 1)
        const key = `${driver.prefix}:tag:tagged:of:a`
        const before = (yield* driver.inspect(key))!
        yield* Cache.expireTags(tagged, ["of:a", "of:b"])
        const after = (yield* driver.inspect(key))!
        assert.isUndefined(yield* driver.inspect(`${driver.prefix}:tag:tagged:of:b`))
        assert.closeTo(after.life!, before.life!, 1_000)
        assert.strictEqual(before.bytes.length, 8)
        assert.strictEqual(after.bytes.length, 14)
        same(after.bytes.subarray(0, 6), before.bytes.subarray(0, 6))
        assert.deepStrictEqual([...after.bytes.subarray(6, 8)], [0, 1])
        // An entry written from then on has only the epoch.
        yield* Cache.set(tagged, "a1", 1)
        same(
          (yield* driver.inspect(yield* redisKey("tagged", "a1")))!.bytes.subarray(22, 30),
          after.bytes.subarray(0, 8)
        )
        yield* driver.take([key])
        yield* Cache.expireTags(tagged, ["of:a"])
        yield* isAbsent("a1")
      }))

    test("a full counter of expiries makes entries absent, and nothing fresh again", () =>
      Effect.gen(function*() {
        const { driver } = yield* Redis.Redis
        const key = `${driver.prefix}:tag:tagged:of:a`
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(1, 2, 3, 4, 5, 6, 255, 254))
        yield* Cache.set(tagged, "a1", 1)
        yield* Cache.expireTags(tagged, ["of:a"])
        yield* isStale("a1", 1)
        yield* Cache.set(tagged, "a2", 1)
        yield* Cache.expireTags(tagged, ["of:a"])
        yield* isAbsent("a1")
        yield* isAbsent("a2")
        const { bytes } = (yield* driver.inspect(key))!
        assert.notDeepEqual([...bytes.subarray(0, 6)], [1, 2, 3, 4, 5, 6])
        assert.deepStrictEqual([...bytes.subarray(6)], [0, 0])
        // Another program's counter may wrap around; what it expired once is stale.
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(1, 2, 3, 4, 5, 6, 255, 255))
        yield* Cache.set(tagged, "a3", 1)
        const since = (yield* driver.inspect(yield* redisKey("tagged", "a3")))!.bytes.subarray(9, 15)
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 0, ...since))
        yield* isStale("a3", 1)
      }))

    test("a clock that was ahead when a tag was expired makes nothing fresh", () =>
      Effect.gen(function*() {
        yield* later
        yield* Cache.set(tagged, "a1", 1)
        const { driver } = yield* Redis.Redis
        const { bytes } = (yield* driver.inspect(`${driver.prefix}:tag:tagged:of:a`))!
        const epoch = [...bytes.subarray(0, 7), 1]
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(...epoch, 255, 255, 255, 255, 255, 255))
        yield* isStale("a1", 1)
        // Long ago: its window is over.
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(...epoch, 0, 0, 0, 0, 0, 0))
        yield* isAbsent("a1")
        // Expired, but the time is unknown.
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(...epoch))
        yield* isAbsent("a1")
      }))

    test("an entry is stale from the earliest expiry of its tags, and by its own end", () =>
      Effect.gen(function*() {
        yield* later
        yield* Cache.set(tagged, "a1", 1)
        const { driver } = yield* Redis.Redis
        const epochOf = (tag: string) =>
          Effect.map(
            driver.inspect(`${driver.prefix}:tag:tagged:${tag}`),
            (found) => [...found!.bytes.subarray(0, 7), 1]
          )
        const key = yield* epochOf("of:a")
        const value = yield* epochOf("value:1")
        const future = [255, 255, 255, 255, 255, 255]
        yield* plant("", "tag:tagged:of:a", Uint8Array.of(...key, ...future))
        yield* plant("", "tag:tagged:value:1", Uint8Array.of(...value, 0, 0, 0, 0, 0, 1))
        yield* isAbsent("a1")
        yield* plant("", "tag:tagged:value:1", Uint8Array.of(...value, ...future))
        yield* isStale("a1", 1)
      }))

    test("explain names the tag, and the time since", () =>
      Effect.gen(function*() {
        yield* Cache.set(tagged, "a1", 1)
        yield* Cache.expireTags(tagged, ["of:a"])
        const { reason, tags } = yield* Cache.explain(tagged, "a1")
        assert.match(reason, /^one of its tags was expired/)
        const [first, second] = tags
        assert.deepInclude(first, { name: "of:a", holds: false })
        assert.isTrue(Duration.lessThan(first!.expired!, "10 seconds"))
        assert.deepStrictEqual(second, { name: "value:1", holds: true, held: false })
      }))

    test("a load in flight is not joined, and its value is not fresh", () =>
      Effect.gen(function*() {
        const gate = yield* Effect.makeLatch()
        const started = yield* Effect.makeLatch()
        for (const [cache, tag] of [[rates, "of:a"], [tagged, "of:a"], [tagged, "value:1"]] as const) {
          yield* Effect.zip(gate.close, started.close)
          const load = Effect.as(Effect.zipRight(started.open, gate.await), 1)
          const first = yield* Effect.fork(Cache.getOrSet(cache, "a", load))
          yield* started.await
          // Gives the tag an epoch, whatever the load has created.
          yield* Cache.set(cache, "ab", 1)
          yield* Cache.expireTags(cache, [tag])
          yield* gate.open
          assert.strictEqual(yield* Fiber.join(first), 1)
          assert.isFalse(yield* Cache.has(cache, "a"))
          yield* Cache.flush(cache)
        }
      }))

    test("tags that an entry cannot hold are refused", () =>
      failsWith(Cache.expireTags(things, [""]), /^Cache "things": tags must /))
  })
}
