import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, Redacted, Stream, TestClock } from "effect"
import { Cache, type CacheError, Codec, Memo, type Redis } from "effect-redis-cache"
import * as Entry from "../../../src/internal/entry/format.js"
import { instances, Origin, settle } from "../memoryInstances.js"

interface Page {
  readonly body: string
}

const codec = Codec.structural<Page>()
const old: Page = { body: "old" }
const policy = { codec, timeToLive: "10 seconds", staleIfError: "10 seconds", retain: "1 hour" } as const
const pages = Cache.make({ name: "pages", ...policy })

type Previous = Option.Option<Cache.Previous<Page>>

/** A load that records the previous value, and leaves it unchanged. */
const asking = () => {
  const told: Array<Previous> = []
  return {
    told,
    load: (_: unknown, previous: Previous) =>
      Effect.sync(() => {
        told.push(previous)
        return Option.isSome(previous) ? Cache.unchanged : { body: `new ${told.length}` }
      })
  }
}

const staleFor = (millis: number, value = old): Previous => Option.some({ value, staleFor: Duration.millis(millis) })

const bytesOf = (service: Redis.Redis["Type"], key: string) =>
  Effect.map(service.driver.inspect(key), (found) => found!.bytes)

describe("The previous value that a load receives", () => {
  it.scoped("is none if nothing is there, and otherwise a stale one, with its age", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { load, told } = asking()
      assert.deepStrictEqual(yield* first(Cache.getOrSet(pages, "a", load)), { body: "new 1" })
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* first(Cache.getOrSet(pages, "a", load)), { body: "new 1" })
      assert.deepStrictEqual(told, [Option.none(), staleFor(5000, { body: "new 1" })])
    }))

  it.scoped("may be long past its windows, while it is retained; it is never served or listed", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(pages, "a", old))
      yield* TestClock.adjust("30 minutes")
      assert.deepStrictEqual(yield* first(Cache.get(pages, "a")), Option.none())
      assert.isFalse(yield* first(Cache.has(pages, "a")))
      assert.deepStrictEqual(yield* first(Cache.timeToLive(pages, "a")), Option.none())
      assert.isFalse(yield* first(Cache.touch(pages, "a", "1 minute")))
      assert.strictEqual((yield* first(Stream.runCollect(Cache.keys(pages)))).length, 0)
      assert.match((yield* first(Cache.explain(pages, "a"))).reason, /retained as the next load's `previous`/)
      // Nor if its load fails, or takes too long.
      assert.strictEqual(yield* first(Effect.flip(Cache.getOrSet(pages, "a", Effect.fail("no")))), "no")
      const late = yield* Effect.fork(
        first(Effect.flip(Cache.getOrSet(pages, "a", Effect.never, { timeout: "1 second" })))
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(late))._tag, "Empty")
      assert.isFalse(yield* first(Cache.delete(pages, "a")))
    }))

  it.scoped("is none for another version or a failure", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { load, told } = asking()
      yield* first(Cache.set(Cache.make({ name: "pages", ...policy, version: 1 }), "a", old))
      yield* first(Cache.refresh(pages, "a", load))
      const failing = Memo.cached((_id: number) => Effect.fail("no"), {
        name: "failing",
        timeToLive: "1 second",
        retain: "1 hour",
        errors: { codec: Codec.structural<string>() },
        revalidate: () => Effect.dieMessage("nothing is there")
      })
      yield* first(Effect.flip(failing(1)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* first(Effect.flip(failing(1))), "no")
      assert.deepStrictEqual(told, [Option.none()])
    }))

  it.scoped("is prolonged by touch, including its retention", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* first(Cache.set(pages, "a", old))
      yield* first(Cache.touch(pages, "a", "1 minute"))
      const found = yield* services[0]!.driver.inspect("pages:a")
      assert.strictEqual(found?.life, Duration.toMillis("1 minute") + 10_000 + Duration.toMillis("1 hour"))
    }))

  it.scoped("if unchanged, is stored as the same payload under a new write id, with a new TTL", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* first(Cache.set(pages, "a", old))
      const before = yield* bytesOf(services[0]!, "pages:a")
      yield* TestClock.adjust("30 minutes")
      const { load } = asking()
      assert.deepStrictEqual(yield* first(Cache.getOrSet(pages, "a", load)), old)
      const after = yield* bytesOf(services[0]!, "pages:a")
      assert.deepStrictEqual(Entry.payload(after), Entry.payload(before))
      assert.notDeepEqual(Entry.writeId(after), Entry.writeId(before))
      assert.deepStrictEqual(yield* first(Cache.timeToLive(pages, "a")), Option.some(Duration.seconds(10)))
      assert.deepStrictEqual(yield* first(Cache.get(pages, "a")), Option.some(old))
    }))

  it.scoped("is required for unchanged: without one, unchanged is a defect that names the cache", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const exit = yield* first(Effect.exit(Cache.getOrSet(pages, "a", Effect.succeed(Cache.unchanged))))
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /Cache "pages": the load of pages:a gave/)
      assert.deepStrictEqual(yield* first(Cache.get(pages, "a")), Option.none())
    }))

  const tagged = Cache.make({ name: "tagged", ...policy, tags: () => ["key"], valueTags: () => ["value"] })

  const gone: Record<string, Effect.Effect<unknown, CacheError.RedisError | CacheError.CodecError, Redis.Redis>> = {
    "was deleted": Cache.delete(tagged, "a"),
    "was overwritten": Effect.zipRight(Cache.set(tagged, "a", { body: "other" }), Cache.delete(tagged, "a")),
    "has a key's tag that was invalidated": Cache.invalidateTags(tagged, ["key"]),
    "has a value's tag that was invalidated": Cache.invalidateTags(tagged, ["value"]),
    "has a tag of its own that was invalidated": Cache.invalidateTags(tagged, ["extra"])
  }
  for (const [name, act] of Object.entries(gone)) {
    it.scoped(`is none if the entry ${name} between the read and the lease`, () =>
      Effect.gen(function*() {
        const { first, second, services } = yield* instances(undefined, undefined)
        yield* first(Cache.set(tagged, "a", old, { tags: ["extra"] }))
        yield* TestClock.adjust("15 seconds")
        const { load, told } = asking()
        // The other process does it when the lease is requested.
        const { driver } = services[0]!.runtime
        const { lease } = driver
        Object.assign(driver, {
          lease: (...args: Parameters<typeof lease>) => Effect.zipRight(Effect.orDie(second(act)), lease(...args))
        })
        assert.deepStrictEqual(yield* first(Cache.getOrSet(tagged, "a", load)), { body: "new 1" })
        assert.deepStrictEqual(told, [Option.none()])
      }))
  }

  it.scoped("is none if waiting for another load's lease took too long: that load has no lease", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* first(Cache.set(pages, "a", old))
      yield* TestClock.adjust("25 seconds")
      const found = yield* services[0]!.driver.inspect("pages:a")
      yield* services[0]!.driver.lease([{
        key: "pages:a",
        seen: found!.bytes,
        token: new Uint8Array(8).fill(7),
        duration: 60_000,
        life: 120_000,
        force: false,
        yields: false
      }], "entry")
      const { load, told } = asking()
      const call = yield* Effect.fork(first(Cache.getOrSet(pages, "a", load)))
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual(yield* Fiber.join(call), { body: "new 1" })
      assert.deepStrictEqual(told, [Option.none()])
    }))

  it.scoped("is the stored value after waiting for another process's load that failed", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      yield* first(Cache.set(pages, "a", old))
      yield* TestClock.adjust("30 minutes")
      const origin = new Origin()
      const failing = yield* Effect.fork(
        second(Effect.exit(Cache.getOrSet(pages, "a", Effect.map(origin.load, (body) => ({ body })))))
      )
      yield* settle
      const { load, told } = asking()
      const call = yield* Effect.fork(first(Cache.getOrSet(pages, "a", load)))
      yield* settle
      yield* origin.fail(1)
      yield* Fiber.join(failing)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(call), old)
      assert.deepStrictEqual(told, [staleFor(1_790_000)])
    }))

  it.scoped("may be fresh for a forced load", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { load, told } = asking()
      yield* first(Cache.set(pages, "a", old))
      assert.deepStrictEqual(yield* first(Cache.refresh(pages, "a", load)), old)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* first(Cache.get(pages, "a")), Option.some(old))
      yield* TestClock.adjust("6 seconds")
      yield* first(Cache.getOrSet(pages, "a", load, { forceRefresh: true }))
      yield* first(Cache.refresh(pages, "b", load))
      assert.deepStrictEqual(told, [staleFor(0), staleFor(5000), Option.none()])
    }))

  it.scoped("may be fresh for a background refresh", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const swr = Cache.make({ name: "swr", codec, timeToLive: "10 seconds", staleWhileRevalidate: "10 seconds" })
      const { load, told } = asking()
      yield* first(Cache.set(swr, "a", old))
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* first(Cache.getOrSet(swr, "a", load)), old)
      yield* settle
      assert.deepStrictEqual(told, [staleFor(5000)])
      assert.deepStrictEqual(yield* first(Cache.get(swr, "a")), Option.some(old))
    }))

  it.scoped("comes by key if many are loaded; each may be unchanged", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const numbered = Cache.make({ name: "numbered", ...policy })
      yield* first(Cache.setMany(numbered, { a: old, b: { body: "b" } }))
      yield* TestClock.adjust("30 minutes")
      const values = yield* first(Cache.getOrSetMany(numbered, ["a", "b", "c"], (ids, previous) => {
        assert.deepStrictEqual([...previous.keys()], ["a", "b"])
        assert.deepStrictEqual(previous.get("a"), Option.getOrThrow(staleFor(1_790_000)))
        return Effect.succeed(ids.map((id) => [id, id === "a" ? Cache.unchanged : { body: `new ${id}` }] as const))
      }))
      assert.deepStrictEqual([...values], [["a", old], ["b", { body: "new b" }], ["c", { body: "new c" }]])
      assert.deepStrictEqual(yield* first(Cache.getMany(numbered, ["a", "b", "c"])), values)
      const exit = yield* first(Effect.exit(
        Cache.getOrSetMany(numbered, ["d"], (ids) => Effect.succeed(ids.map((id) => [id, Cache.unchanged] as const)))
      ))
      assert.match(
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
        /Cache "numbered": the load of numbered:d gave/
      )
    }))

  it.scoped("may be a count", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const hits = Cache.counter({ name: "hits", timeToLive: "1 minute" })
      yield* first(Cache.increment(hits, "a", 7))
      const count = yield* first(Cache.refresh(hits, "a", (_, previous) =>
        Effect.succeed(
          Option.match(previous, { onNone: () => 0, onSome: ({ value }) => value + 1 })
        )))
      assert.deepStrictEqual([count, yield* first(Cache.get(hits, "a"))], [8, Option.some(8)])
    }))

  it.scoped("may be compressed, encrypted, and kept near", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const key = { id: "a", key: Redacted.make(new Uint8Array(32).fill(1)) }
      const sealed = Cache.make({
        name: "sealed",
        ...policy,
        codec: codec.pipe(Codec.compressed({ threshold: 0 }), Codec.encrypted({ current: key })),
        near: { capacity: 10 }
      })
      const { load } = asking()
      yield* first(Cache.set(sealed, "a", old))
      yield* first(Cache.get(sealed, "a"))
      yield* TestClock.adjust("30 minutes")
      const before = yield* bytesOf(services[0]!, "sealed:a")
      assert.deepStrictEqual(yield* first(Cache.getOrSet(sealed, "a", load)), old)
      const after = yield* bytesOf(services[0]!, "sealed:a")
      // Encrypting again would have changed the nonce.
      assert.deepStrictEqual(Entry.payload(after), Entry.payload(before))
      assert.deepStrictEqual(yield* first(Cache.get(sealed, "a")), Option.some(old))
    }))

  it.scoped("keeps its tags, and only counts while they hold", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const paged = Cache.make({
        name: "paged",
        ...policy,
        tags: (key) => [`page:${key}`],
        valueTags: ({ body }) => [`body:${body}`]
      })
      const tags = ["page:a", "body:old", "extra"]
      for (const tag of tags) {
        const { load, told } = asking()
        yield* first(Cache.set(paged, "a", old, { tags: ["extra"] }))
        yield* TestClock.adjust("30 minutes")
        yield* first(Cache.getOrSet(paged, "a", load))
        yield* first(Cache.refresh(paged, "a", load))
        assert.deepStrictEqual(
          (yield* first(Cache.explain(paged, "a"))).tags.map(({ name }) => name).sort(),
          [...tags].sort()
        )
        // An unchanged value goes with any of its tags, and is no longer a previous value then.
        yield* first(Cache.invalidateTags(paged, [tag]))
        assert.deepStrictEqual(yield* first(Cache.get(paged, "a")), Option.none())
        yield* first(Cache.refresh(paged, "a", load))
        assert.deepStrictEqual(told, [staleFor(1_790_000), staleFor(0), Option.none()])
      }
    }))

  it.scoped("does not outlive a tag that is invalidated during the load", () =>
    Effect.gen(function*() {
      for (const tag of ["key", "value", "extra"]) {
        const { first } = yield* instances(undefined)
        const origin = new Origin()
        yield* first(Cache.set(tagged, "a", old, { tags: ["extra"] }))
        yield* TestClock.adjust("30 minutes")
        const call = yield* Effect.fork(
          first(
            Cache.getOrSet(
              tagged,
              "a",
              (_, previous) =>
                Effect.map(origin.load, () => Option.isSome(previous) ? Cache.unchanged : { body: "new" })
            )
          )
        )
        yield* settle
        yield* first(Cache.invalidateTags(tagged, [tag]))
        yield* origin.succeed(1)
        assert.deepStrictEqual(yield* Fiber.join(call), old)
        assert.deepStrictEqual(yield* first(Cache.get(tagged, "a")), Option.none(), tag)
      }
    }))

  it.scoped("may be expired, by itself or by a tag, and is fresh again if unchanged", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(tagged, "a", old, { tags: ["extra"] }))
      for (
        const act of [
          Cache.expire(tagged, "a"),
          ...["key", "value", "extra"].map((tag) => Cache.expireTags(tagged, [tag]))
        ]
      ) {
        const { load, told } = asking()
        yield* first(act)
        assert.deepStrictEqual(yield* first(Cache.get(tagged, "a")), Option.none())
        assert.deepStrictEqual(yield* first(Cache.getOrSet(tagged, "a", load)), old)
        assert.deepStrictEqual(yield* first(Cache.get(tagged, "a")), Option.some(old))
        assert.deepStrictEqual(told, [staleFor(0)])
      }
    }))

  it.scoped("lets a memoized function revalidate a result that is not fresh; without one, it computes", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const calls: Array<string> = []
      const read = Memo.cached((id: number) => Effect.sync(() => (calls.push(`full ${id}`), { body: `v${id}` })), {
        name: "read",
        ...policy,
        revalidate: ({ staleFor, value }, id) =>
          Effect.sync(() => {
            calls.push(`${value.body} of ${id}, stale for ${Duration.format(staleFor)}`)
            return Cache.unchanged
          })
      })
      assert.deepStrictEqual(yield* first(read(1)), { body: "v1" })
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(yield* first(read(1)), { body: "v1" })
      assert.deepStrictEqual(yield* first(read.refresh(1)), { body: "v1" })
      yield* first(read.bust(1))
      yield* first(read(1))
      assert.deepStrictEqual(calls, ["full 1", "v1 of 1, stale for 15s", "v1 of 1, stale for 0", "full 1"])
    }))
})
