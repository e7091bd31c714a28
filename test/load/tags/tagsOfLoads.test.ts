import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema, TestClock } from "effect"
import { Cache, Codec } from "effect-redis-cache"
import { instances, Origin, settle, stored } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const byKey = Cache.make({ name: "byKey", codec, tags: (key) => [`team:${key[0]}`] })
const byValue = Cache.make({ name: "byValue", codec, valueTags: (value) => [`of:${value}`] })
const given = Cache.make({ name: "given", codec })

/** A cache, its way of loading, and a tag of the value loaded under `a1`. */
const ways = [
  ["tags of the key", byKey, (load: Effect.Effect<string, string>) => Cache.getOrSet(byKey, "a1", load), "team:a"],
  ["tags of the value", byValue, (load: Effect.Effect<string, string>) => Cache.getOrSet(byValue, "a1", load), "of:v1"],
  [
    "tags of the call",
    given,
    (load: Effect.Effect<string, string>) => Cache.getOrSet(given, "a1", load, { tags: ["given"] }),
    "given"
  ]
] as const

describe("tags of loaded values", () => {
  for (const [name, cache, load, tag] of ways) {
    it.scoped(`${name}: an invalidation before the load does not affect it`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        yield* second(Cache.invalidateTags(cache, [tag]))
        assert.strictEqual(yield* first(load(Effect.succeed("v1"))), "v1")
        assert.deepStrictEqual(yield* second(Cache.get(cache, "a1")), Option.some("v1"))
      }))

    it.scoped(`${name}: an invalidation during the load leaves no value that could be served`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        const origin = new Origin()
        const before = yield* Effect.fork(first(load(origin.load)))
        yield* settle
        yield* second(Cache.invalidateTags(cache, [tag]))
        const joined = yield* Effect.fork(first(load(origin.load)))
        yield* settle
        assert.strictEqual(origin.runs, 1)
        yield* origin.succeed(1)
        assert.strictEqual(yield* Fiber.join(before), "v1")
        for (const at of [first, second]) assert.deepStrictEqual(yield* at(Cache.get(cache, "a1")), Option.none())
        // A caller that began after the invalidation does not get the older value.
        yield* origin.succeed(2)
        assert.strictEqual(yield* Fiber.join(joined), "v2")
        assert.deepStrictEqual(yield* second(Cache.get(cache, "a1")), Option.some("v2"))
      }))

    it.scoped(`${name}: an invalidation after the load makes it absent, one of another tag does not`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* instances(undefined, undefined)
        yield* first(load(Effect.succeed("v1")))
        yield* second(Cache.invalidateTags(cache, ["another"]))
        assert.deepStrictEqual(yield* first(Cache.get(cache, "a1")), Option.some("v1"))
        yield* second(Cache.invalidateTags(cache, [tag]))
        assert.deepStrictEqual(yield* first(Cache.get(cache, "a1")), Option.none())
        assert.strictEqual((yield* first(Cache.getMany(cache, ["a1"]))).size, 0)
        assert.deepStrictEqual(yield* first(Cache.take(cache, "a1")), Option.none())
      }))

    it.scoped(`${name}: a missing epoch is a miss, and stays one`, () =>
      Effect.gen(function*() {
        const { first, services } = yield* instances(undefined)
        const { driver } = services[0]!
        yield* first(load(Effect.succeed("v1")))
        yield* driver.take([`:tag:${cache.name}:${tag}`])
        assert.deepStrictEqual(yield* first(Cache.get(cache, "a1")), Option.none())
        // The epoch exists again, with another value.
        yield* first(Cache.set(cache, "a2", "v1", { tags: [tag] }))
        assert.deepStrictEqual(yield* first(Cache.get(cache, "a1")), Option.none())
        assert.strictEqual(yield* first(load(Effect.succeed("v2"))), "v2")
      }))
  }

  it.scoped("epochs that are evicted during the load", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { driver } = services[0]!
      const origin = new Origin()
      for (const [run, [, cache, load, tag]] of ways.entries()) {
        const loading = yield* Effect.fork(first(load(Effect.map(origin.load, () => "v1"))))
        yield* settle
        yield* driver.take([`:tag:${cache.name}:${tag}`, `:gen:${cache.name}`])
        yield* first(Cache.invalidateTags(cache, [tag]))
        yield* origin.succeed(run + 1)
        assert.strictEqual(yield* Fiber.join(loading), "v1")
        assert.deepStrictEqual(yield* first(Cache.get(cache, "a1")), Option.none())
      }
    }))

  it.scoped("a value's tag is invalidated while its epoch is read: the generation shows it", () =>
    Effect.gen(function*() {
      const { first, second, services } = yield* instances(
        {
          script: (operation, keys) => operation === "ensureEpochs" && keys[0]!.includes(":tag:") ? { after: 1000 } : {}
        },
        undefined
      )
      const origin = new Origin()
      const loading = yield* Effect.fork(first(Cache.getOrSet(byValue, "a1", origin.load)))
      yield* settle
      // Before the epochs are read, and after the load has begun.
      yield* second(Cache.invalidateTags(byValue, ["of:v1"]))
      yield* origin.succeed(1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(loading), "v1")
      assert.strictEqual(yield* stored(services[1]!.driver, "byValue:a1"), "nothing")
    }))

  it.scoped("epochs are read again after waiting for another's lease", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const origin = new Origin()
      const holding = yield* Effect.fork(second(Effect.exit(Cache.getOrSet(byKey, "a1", origin.load))))
      yield* settle
      const waiting = yield* Effect.fork(first(Cache.getOrSet(byKey, "a1", origin.load)))
      yield* settle
      yield* second(Cache.invalidateTags(byKey, ["team:a"]))
      yield* origin.fail(1)
      yield* Fiber.join(holding)
      yield* TestClock.adjust("100 millis")
      yield* origin.succeed(2)
      assert.strictEqual(yield* Fiber.join(waiting), "v2")
      assert.deepStrictEqual(yield* first(Cache.get(byKey, "a1")), Option.some("v2"))
    }))

  it.scoped("a modification of an entry whose tag was invalidated meanwhile is not stored", () =>
    Effect.gen(function*() {
      for (const [cache, tag] of [[byKey, "team:a"], [byValue, "of:old"], [given, "given"]] as const) {
        const { first, second } = yield* instances(undefined, undefined)
        yield* first(Cache.set(cache, "a1", "old", { tags: cache === given ? ["given"] : [] }))
        const found: Array<string | undefined> = []
        let invalidated = false
        const modified = yield* first(Cache.modify(cache, "a1", (value) =>
          Effect.gen(function*() {
            found.push(Option.getOrUndefined(value))
            if (!invalidated) yield* Effect.orDie(second(Cache.invalidateTags(cache, [tag])))
            invalidated = true
            return Option.some("new")
          }), { tags: cache === given ? ["given"] : [] }))
        assert.deepStrictEqual(modified, Option.some("new"))
        assert.deepStrictEqual(found, ["old", undefined])
        assert.deepStrictEqual(yield* second(Cache.get(cache, "a1")), Option.some("new"))
      }
    }))

  it.scoped("of one call belong to the load that it begins: a load that it joins has its own tags", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const cache = Cache.make({ name: "c", codec })
      const origin = new Origin()
      const leading = yield* Effect.fork(first(Cache.getOrSet(cache, "42", origin.load, { tags: ["leader"] })))
      yield* settle
      const joining = yield* Effect.fork(first(Cache.getOrSet(cache, "42", origin.load, { tags: ["joiner"] })))
      yield* settle
      yield* origin.succeed(1)
      // A caller that joins a load with tags reads, because the fill does not compare them.
      assert.deepStrictEqual([yield* Fiber.join(leading), yield* Fiber.join(joining)], ["v1", "v1"])
      yield* first(Cache.invalidateTags(cache, ["joiner"]))
      assert.deepStrictEqual(yield* first(Cache.get(cache, "42")), Option.some("v1"))
      yield* first(Cache.invalidateTags(cache, ["leader"]))
      assert.deepStrictEqual(yield* first(Cache.get(cache, "42")), Option.none())
    }))

  it.scoped("of the key are read in the same round trip as the entry, tags of the value cost one more", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const { first } = yield* instances({
        script: (operation) => {
          calls.push(operation)
          return undefined
        }
      })
      const both = Cache.make({
        name: "both",
        codec,
        key: Schema.String,
        tags: (key) => ["key", key],
        valueTags: (value) => [value, "value"]
      })
      yield* first(Cache.set(byKey, "a1", "v"))
      yield* first(Cache.set(both, "a1", "v"))
      calls.length = 0
      yield* first(Cache.get(byKey, "a1"))
      assert.deepStrictEqual(calls, ["getMany"])
      calls.length = 0
      yield* first(Cache.get(both, "a1"))
      assert.deepStrictEqual(calls, ["getMany", "getMany"])
    }))

  it.scoped("tag epochs live as long as the longest-lived entry with their tag", () =>
    Effect.gen(function*() {
      const short = Cache.make({ name: "short", codec, timeToLive: "10 seconds", tags: () => ["tag"] })
      const { first } = yield* instances(undefined)
      yield* first(Cache.getOrSet(short, "long", Effect.succeed("v"), { timeToLive: "1 hour" }))
      yield* first(Cache.getOrSet(short, "brief", Effect.succeed("v")))
      yield* TestClock.adjust("59 minutes")
      assert.deepStrictEqual(yield* first(Cache.get(short, "long")), Option.some("v"))
      const computed = Cache.make({ name: "computed", codec, timeToLive: () => "1 hour", tags: () => ["tag"] })
      yield* first(Cache.getOrSet(computed, "long", Effect.succeed("v")))
      yield* TestClock.adjust("59 minutes")
      assert.deepStrictEqual(yield* first(Cache.get(computed, "long")), Option.some("v"))
    }))
})

describe("a load whose value names its tags", () => {
  it.scoped("reads their epochs once, together with the generation in one round trip", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const computed = Cache.make({
        name: "computed",
        codec,
        timeToLive: () => "1 hour",
        tags: () => ["all"],
        valueTags: (value) => [`of:${value}`]
      })
      const { first } = yield* instances({
        script: (operation, keys) => {
          asked.push(`${operation} ${keys.map((key) => key.replace(/^.*:(tag|gen):/, "$1:")).join(" ")}`)
          return undefined
        }
      })
      yield* first(Cache.getOrSet(computed, "a1", Effect.succeed("v1")))
      assert.deepStrictEqual(asked, [
        "getMany computed:a1 tag:computed:all",
        // These three are sent together.
        "lease computed:a1",
        "ensureEpochs gen:computed",
        "ensureEpochs tag:computed:all",
        "ensureEpochs tag:computed:all tag:computed:of:v1 gen:computed",
        "fill computed:a1"
      ])
    }))
})
