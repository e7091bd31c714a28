/** `Fleet` inspects caches and changes them without their definitions, exactly as their own operations do. */
import { assert, describe } from "@effect/vitest"
import { Chunk, Duration, Effect, Either, Fiber, Option, Schema, Stream } from "effect"
import { Cache, Codec, Fleet, Memo } from "effect-redis-cache"
import { minutes, plant, plantLease, redisKey, short, type Subject } from "../subject.js"

const rows = (cache: string, options?: Fleet.KeysOptions) =>
  Effect.map(
    Stream.runCollect(Fleet.keys(cache, options)),
    (pages) => Chunk.toReadonlyArray(pages).flat().sort((a, b) => a.key < b.key ? -1 : 1)
  )

const states = (cache: string) =>
  Effect.map(rows(cache), (found) => Object.fromEntries(found.map(({ key, state }) => [key, state])))

export const fleet = ({ counts, outlive, staling, test, things }: Subject): void => {
  describe("Fleet", () => {
    const people = Cache.make({
      name: "people",
      schema: Schema.Struct({ name: Schema.String }),
      timeToLive: "1 hour",
      version: 3
    })
    const ada = { name: "Ada" }

    test("finds caches by their keys", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Fleet.caches(), { caches: [], foreign: 0, complete: true })
        yield* Cache.setMany(people, [["1", ada], ["2", ada], ["3", ada]], { tags: ["t", "u"] })
        yield* Cache.invalidateTags(people, ["t"])
        yield* Cache.set(people, "4", ada)
        yield* Cache.increment(counts, "page")
        yield* plant("other", "program", "text")
        const { caches, complete, foreign } = yield* Fleet.caches()
        assert.isTrue(complete)
        assert.strictEqual(foreign, 1)
        assert.deepStrictEqual(caches.map(({ keys, name, tags }) => ({ keys, name, tags })), [
          { keys: 4, name: "people", tags: 2 },
          { keys: 1, name: "counts", tags: 0 }
        ])
        const [{ memory, sample }] = caches as [Fleet.CacheSummary] // as just seen
        assert.isAbove(Option.getOrThrow(memory), 4 * 16)
        assert.strictEqual(sample.keys, 4)
        assert.deepStrictEqual(sample.states, { Invalidated: 3, Fresh: 1 })
        assert.deepStrictEqual(sample.versions, [3])
        assert.closeTo(Duration.toMinutes(sample.lives[0]!), 60, 1)
      }))

    test("samples some of many keys, and stops at a bound", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(things, Array.from({ length: 700 }, (_, i) => [`${i}`, i]))
        const [found] = (yield* Fleet.caches({ samples: 10 })).caches
        assert.isDefined(found)
        assert.strictEqual(found.keys, 700)
        assert.strictEqual(found.sample.keys, 10)
        const one = yield* Fleet.caches({ maxKeys: 300 })
        assert.isFalse(one.complete)
        assert.strictEqual(one.caches[0]?.keys, 300)
      }))

    test("describes each key of a cache, and of no other", () =>
      Effect.gen(function*() {
        yield* Cache.set(people, "fresh{1}", ada)
        yield* Cache.set(people, "tagged", ada, { tags: Array.from({ length: 40 }, (_, i) => `tag-${i}`) })
        yield* Cache.set(people, "broken", ada, { tags: ["t"] })
        yield* Cache.invalidateTags(people, ["t"])
        yield* plantLease("people", "leased")
        yield* plant("people", "foreign", "text")
        yield* Cache.set(staling, "1", 1)
        yield* outlive(short)
        assert.deepStrictEqual(yield* states("staling"), { "1": "Stale" })
        yield* plant("people2", "other", "text")
        assert.deepStrictEqual(yield* states("people"), {
          "broken": "Invalidated",
          "foreign": "Foreign",
          "fresh%7B1%7D": "Fresh",
          "leased": "Leased",
          "tagged": "Fresh"
        })
        const [fresh] = yield* rows("people", { startsWith: "fre" })
        assert.isDefined(fresh)
        assert.strictEqual(fresh.text, "fresh{1}")
        assert.deepStrictEqual(fresh.version, Option.some(3))
        assert.deepStrictEqual(fresh.size, Option.some(16 + JSON.stringify(ada).length))
        assert.isAbove(Option.getOrThrow(fresh.memory), 16)
        assert.closeTo(minutes(fresh.timeToLive), 60, 1)
        assert.closeTo(Duration.toMinutes(fresh.life), 60, 1)
        const [tagged] = yield* rows("people", { contains: "gge" })
        assert.isDefined(tagged)
        assert.strictEqual(tagged.tags.length, 40)
        assert.isTrue(tagged.tags.every(({ holds }) => holds))
      }))

    test("lists the tags of a cache", () =>
      Effect.gen(function*() {
        yield* Cache.set(people, "1", ada, { tags: ["a:b", "{c}"] })
        const found = Chunk.toReadonlyArray(yield* Stream.runCollect(Fleet.tags("people"))).flat()
        assert.deepStrictEqual([...found].sort(), ["a:b", "{c}"])
      }))

    test("explains a key as its cache does, and gives its value", () =>
      Effect.gen(function*() {
        yield* Cache.set(people, "1", ada, { tags: ["t"] })
        const { codecs, holders, value, ...told } = yield* Fleet.explain("people", "1")
        const known = yield* Cache.explain(people, "1")
        assert.deepStrictEqual(codecs, ["json"])
        assert.deepStrictEqual(holders, [])
        assert.deepStrictEqual(value, Option.some(ada))
        const untimed = { age: undefined, life: undefined, timeToLive: undefined }
        assert.deepStrictEqual({ ...told, ...untimed }, { ...known, ...untimed })
        yield* Cache.invalidateTags(people, ["t"])
        const broken = yield* Fleet.explain("people", "1")
        assert.strictEqual(broken.state, "Invalidated")
        assert.deepStrictEqual(broken.tags, [{ name: "t", holds: false, held: false }])
        assert.deepStrictEqual(broken.value, Option.some(ada))
        assert.deepStrictEqual(yield* Fleet.get("people", "1"), Option.none())
        assert.strictEqual((yield* Fleet.explain("people", "none")).state, "Missing")
        yield* plantLease("people", "leased")
        assert.isTrue(Option.isSome((yield* Fleet.explain("people", "leased")).lease))
      }))

    test("describes what a memoized function stores, including failures", () =>
      Effect.gen(function*() {
        const find = Memo.cached(
          (id: number, _options: { readonly deep: boolean }) => id > 0 ? Effect.succeed(id) : Effect.fail("none"),
          { name: "find", captures: ["tenant"], errors: { codec: Codec.structural<string>(), timeToLive: "1 hour" } }
        )
        yield* find(7, { deep: true })
        yield* Effect.flip(find(0, { deep: true }))
        const keyOf = (id: number) => Either.getOrThrow(Fleet.structuredKey("find", [id, { deep: true }], ["tenant"]))
        assert.strictEqual(yield* redisKey("find", keyOf(7)), yield* find.key(7, { deep: true }))
        assert.deepStrictEqual(
          yield* Fleet.get("find", keyOf(7)),
          Option.some({ codecs: ["structural"], value: Option.some(7) })
        )
        const failed = yield* Fleet.explain("find", keyOf(0))
        assert.strictEqual(failed.state, "Failure")
        assert.deepStrictEqual(failed.value, Option.some("none"))
      }))

    test("deletes, and returns whether there was a fresh value", () =>
      Effect.gen(function*() {
        yield* Cache.set(people, "1", ada)
        yield* Cache.increment(counts, "1")
        yield* Cache.set(staling, "1", 1)
        yield* outlive(short)
        assert.isTrue(yield* Fleet.delete("people", "1"))
        assert.isFalse(yield* Fleet.delete("people", "1"))
        assert.isTrue(yield* Fleet.delete("counts", "1"))
        assert.isFalse(yield* Fleet.delete("staling", "1"))
        assert.deepStrictEqual((yield* Fleet.caches()).caches, [])
      }))

    test("reports changes, of all caches or of some", () =>
      Effect.gen(function*() {
        // A user without the permission to track changes is told so.
        const first = yield* Effect.either(Stream.runHead(Fleet.changes()))
        if (Either.isLeft(first)) return assert.strictEqual(first.left.reason, "Auth")
        /** What is reported until all of these are, in any order: masters of a cluster report on their own. */
        const told = (wanted: ReadonlyArray<string>, caches?: ReadonlyArray<string>) => {
          const seen = new Set<string>()
          return Fleet.changes(caches).pipe(
            Stream.map((change) =>
              change._tag === "Changed"
                ? `${change.cache} ${change.text}`
                : change._tag === "TagChanged"
                ? `${change.cache} #${change.tag}`
                : change._tag
            ),
            Stream.tap((change) => Effect.sync(() => seen.add(change))),
            Stream.takeUntil(() => wanted.every((change) => seen.has(change))),
            Stream.runDrain,
            Effect.as(seen),
            Effect.fork
          )
        }
        const theirs = ["people #t", "people 1"]
        const everything = yield* told(["things {1}", ...theirs])
        const some = yield* told(theirs, ["people"])
        // Once this stream reports that it listens, the two above listen as well: they began earlier.
        yield* Stream.runHead(Fleet.changes())
        yield* Cache.set(things, "{1}", 1)
        yield* Cache.set(people, "1", ada, { tags: ["t"] })
        assert.includeMembers([...yield* Fiber.join(everything)], ["Resumed", "things {1}", ...theirs])
        assert.deepStrictEqual([...yield* Fiber.join(some)].sort(), ["Resumed", ...theirs].sort())
      }))

    test("expires a key, and tags, within the cache's own windows", () =>
      Effect.gen(function*() {
        const windowed = Cache.make({ name: "windowed", timeToLive: "1 hour", staleIfError: "1 hour" })
        yield* Cache.set(windowed, "1", 1)
        yield* Cache.set(windowed, "2", 2, { tags: ["t"] })
        yield* Cache.increment(counts, "1")
        assert.isTrue(yield* Fleet.expire("windowed", "1"))
        assert.isFalse(yield* Fleet.expire("windowed", "1"))
        assert.isFalse(yield* Fleet.expire("counts", "1"))
        assert.deepStrictEqual(yield* Cache.get(counts, "1"), Option.some(1))
        yield* Fleet.expireTags("windowed", ["t"])
        assert.deepStrictEqual(yield* states("windowed"), { "1": "Stale", "2": "Stale" })
        for (const key of ["1", "2"]) {
          const failing = Cache.getOrSet(windowed, key, Effect.fail("the source is down"))
          assert.strictEqual(yield* failing, Number(key))
        }
      }))

    test("flushes one cache", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(people, [["1", ada], ["2", ada]])
        yield* Cache.set(things, "1", 1)
        assert.strictEqual(yield* Fleet.flush("people"), 2)
        assert.deepStrictEqual(yield* states("people"), {})
        assert.deepStrictEqual(yield* states("things"), { "1": "Fresh" })
      }))

    test("invalidates tags of one cache", () =>
      Effect.gen(function*() {
        yield* Cache.set(people, "1", ada, { tags: ["t"] })
        yield* Cache.set(things, "1", 1, { tags: ["t"] })
        yield* Fleet.invalidateTags("people", ["t"])
        assert.deepStrictEqual(yield* Cache.get(people, "1"), Option.none())
        assert.deepStrictEqual(yield* Cache.get(things, "1"), Option.some(1))
      }))
  })
}
