/** `Cache.withMode`: what each operation does with values in each mode. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, pipe, Request, RequestResolver } from "effect"
import { Cache, type CacheError, Memo } from "effect-redis-cache"
import { collect, failureOf, look, type Subject } from "../subject.js"

const modes = ["use", "refresh", "readOnly", "off"] as const

const tagged = Cache.make({ name: "tagged", tags: () => ["t"], valueTags: (value) => [`v${String(value)}`] })

/** A load that counts its runs. */
class Counting {
  runs = 0
  readonly load = Effect.sync(() => `v${++this.runs}`)
}

class Thing extends Request.TaggedClass("Thing")<unknown, CacheError.RedisError, { readonly id: string }> {}

export const withMode = ({ counts, lasting, outlive, staling, test, things }: Subject): void => {
  describe("withMode", () => {
    for (const mode of modes) {
      const within = Cache.withMode(mode)
      const reads = mode === "use" || mode === "readOnly"
      const stores = mode === "use" || mode === "refresh"

      describe(mode, () => {
        for (const cache of [things, tagged]) {
          test(`reads of a cache ${cache === tagged ? "with" : "without"} tags ${reads ? "hit" : "miss"}`, () =>
            Effect.gen(function*() {
              yield* Cache.setMany(cache, { a: "old", b: "old" })
              const [found, has, many, life] = yield* within(Effect.all([
                Cache.get(cache, "a"),
                Cache.has(cache, "a"),
                Cache.getMany(cache, ["a", "b"]),
                Cache.timeToLive(cache, "a")
              ]))
              assert.deepStrictEqual(found, reads ? Option.some("old") : Option.none())
              assert.strictEqual(has, reads)
              assert.strictEqual(many.size, reads ? 2 : 0)
              assert.strictEqual(Option.isSome(life), reads)
              const { hits, misses } = yield* Cache.stats(cache)
              assert.deepStrictEqual([hits, misses], reads ? [4, 0] : [0, 4])
            }))

          test(`loads of a cache ${cache === tagged ? "with" : "without"} tags are ${stores ? "" : "not "}stored`, () =>
            Effect.gen(function*() {
              const origin = new Counting()
              yield* Cache.setMany(cache, { there: "old", also: "old" })
              const value = reads ? "old" : "v1"
              assert.strictEqual(yield* within(Cache.getOrSet(cache, "there", origin.load)), value)
              assert.strictEqual(origin.runs, reads ? 0 : 1)
              const many = yield* within(
                Cache.getOrSetMany(
                  cache,
                  ["also", "absent"],
                  (ids) => Effect.succeed(ids.map((id) => [id, `new ${id}`]))
                )
              )
              assert.deepStrictEqual([...many], [["also", reads ? "old" : "new also"], ["absent", "new absent"]])
              assert.strictEqual(yield* within(Cache.refresh(cache, "forced", Effect.succeed("f"))), "f")
              const here = yield* Cache.getMany(cache, ["there", "also", "absent", "forced"])
              assert.deepStrictEqual(
                [...here],
                [
                  ["there", mode === "refresh" ? "v1" : "old"],
                  ["also", mode === "refresh" ? "new also" : "old"],
                  ...(stores ? [["absent", "new absent"], ["forced", "f"]] as const : [])
                ]
              )
              const { loads, writes } = yield* Cache.stats(cache)
              assert.deepStrictEqual([loads, writes], [
                reads ? 2 : 3,
                { use: 4, refresh: 6, readOnly: 2, off: 2 }[mode]
              ])
            }))

          test(`writes to a cache ${cache === tagged ? "with" : "without"} tags are ${stores ? "done" : "dropped"}`, () =>
            Effect.gen(function*() {
              yield* Cache.setMany(cache, { a: "old", b: "old", c: "old", d: "old" })
              yield* within(Cache.set(cache, "a", "new"))
              yield* within(Cache.setMany(cache, { b: "new" }))
              assert.strictEqual(yield* within(Cache.setIfAbsent(cache, "c", "new")), mode === "off")
              assert.isTrue(yield* within(Cache.setIfAbsent(cache, "absent", "new")))
              assert.strictEqual(yield* within(Cache.touch(cache, "c", "1 minute")), mode !== "off")
              assert.isFalse(yield* within(Cache.touch(cache, "missing", "1 minute")))
              const modified = yield* within(
                Cache.modify(cache, "d", (found) => Option.some(Option.getOrElse(found, () => "nothing") + " modified"))
              )
              assert.deepStrictEqual(modified, Option.some(`${mode === "off" ? "nothing" : "old"} modified`))
              assert.deepStrictEqual(
                [...yield* Cache.getMany(cache, ["a", "b", "c", "d", "absent"])],
                stores
                  ? [["a", "new"], ["b", "new"], ["c", "old"], ["d", "old modified"], ["absent", "new"]]
                  : [["a", "old"], ["b", "old"], ["c", "old"], ["d", "old"]]
              )
              assert.strictEqual((yield* look(cache.name, "c"))!.life !== undefined, stores)
              assert.strictEqual((yield* Cache.stats(cache)).writes, stores ? 8 : 4)
            }))
        }

        test("values that cannot be stored are still refused", () =>
          Effect.gen(function*() {
            assert.match(yield* failureOf(within(Cache.set(things, "a", () => {}))), /function/)
            assert.match(yield* failureOf(within(Cache.set(things, "a", 1, { timeToLive: 0 }))), /timeToLive/)
          }))

        test("counters", () =>
          Effect.gen(function*() {
            yield* Cache.increment(counts, "a", 5)
            const sum = { use: 7, refresh: 7, readOnly: 7, off: 2 }[mode]
            assert.strictEqual(yield* within(Cache.increment(counts, "a", 2)), sum)
            assert.deepStrictEqual(
              yield* within(Cache.get(counts, "a")),
              reads ? Option.some(stores ? 7 : 5) : Option.none()
            )
            assert.strictEqual((yield* look("counts", "a"))!.text, stores ? "7" : "5")
            const loaded = yield* within(Cache.getOrSet(counts, "a", Effect.succeed(100)))
            assert.strictEqual(loaded, reads ? (stores ? 7 : 5) : 100)
            const many = yield* within(
              Cache.getOrSetMany(counts, ["a", "b"], (ids) => Effect.succeed(ids.map((id) => [id, 200])))
            )
            assert.deepStrictEqual([...many], [["a", reads ? loaded : 200], ["b", 200]])
            const now = { use: ["7", "200"], refresh: ["200", "200"], readOnly: ["5"], off: ["5"] }[mode]
            assert.deepStrictEqual([(yield* look("counts", "a"))!.text, (yield* look("counts", "b"))?.text], [
              now[0],
              now[1]
            ])
          }))

        test("operations that remove values work", () =>
          Effect.gen(function*() {
            yield* Cache.setMany(tagged, { a: 1, b: 2, c: 3, d: 4, e: 5 })
            assert.isTrue(yield* within(Cache.delete(tagged, "a")))
            assert.strictEqual(yield* within(Cache.deleteMany(tagged, ["b", "x"])), 1)
            assert.deepStrictEqual(yield* within(Cache.take(tagged, "c")), Option.some(3))
            assert.isTrue(yield* within(Cache.expire(tagged, "d")))
            assert.deepStrictEqual(yield* Cache.get(tagged, "d"), Option.none())
            assert.deepStrictEqual(yield* within(collect(tagged)), ["e"])
            assert.strictEqual((yield* within(Cache.explain(tagged, "e"))).state, "Fresh")
            yield* within(Cache.invalidateTags(tagged, ["t"]))
            assert.deepStrictEqual(yield* Cache.get(tagged, "e"), Option.none())
            yield* Cache.set(things, "a", 1)
            assert.deepStrictEqual(yield* within(collect(things)), ["a"])
            assert.strictEqual(yield* within(Cache.flush(things)), 1)
            assert.deepStrictEqual(yield* collect(things), [])
          }))

        test("modify to none removes the value that it saw", () =>
          Effect.gen(function*() {
            yield* Cache.set(things, "a", 1)
            const modified = yield* within(Cache.modify(things, "a", () => Option.none()))
            assert.deepStrictEqual(modified, Option.none())
            assert.strictEqual(yield* Cache.has(things, "a"), mode === "off")
          }))

        test("updates of the source hold their keys, and store nothing if the mode stores no values", () =>
          Effect.gen(function*() {
            yield* Cache.set(things, "a", "old")
            const seen = yield* Effect.succeed("new").pipe(
              Effect.zipLeft(Effect.flatMap(
                Cache.withMode(Cache.getOrSet(things, "a", Effect.succeed("meanwhile")), "use"),
                (value) => Effect.sync(() => assert.strictEqual(value, "meanwhile"))
              )),
              Cache.invalidating(things, ["a"], { store: (value) => [["a", value]] }),
              within
            )
            assert.strictEqual(seen, "new")
            assert.deepStrictEqual(yield* Cache.get(things, "a"), stores ? Option.some("new") : Option.none())
          }))

        test("memoized functions and requests", () =>
          Effect.gen(function*() {
            let runs = 0
            const next = () => Effect.sync(() => ++runs)
            const memoized = Memo.cached(next, { name: "next", captures: [] })
            const property = Memo.cachedProperty({}, { name: "property", key: () => "it" }, next)
            assert.deepStrictEqual([yield* memoized(), yield* property], [1, 2])
            const inside = yield* within(Effect.all([memoized(), property, memoized.peek()]))
            assert.deepStrictEqual(inside.slice(0, 2), reads ? [1, 2] : [3, 4])
            const after = { use: 1, refresh: 3, readOnly: 1, off: 1 }[mode]
            assert.deepStrictEqual(inside[2], reads ? Option.some(1) : Option.none())
            assert.strictEqual(yield* memoized(), after)
            assert.isTrue(yield* within(memoized.bust()))

            let batches = 0
            const source = RequestResolver.makeBatched((requests: ReadonlyArray<Thing>) => {
              batches++
              return Effect.forEach(requests, (request) => Request.succeed(request, `loaded ${request.id}`), {
                discard: true
              })
            })
            const cached = Cache.resolver(source, lasting, { key: (request: Thing) => request.id })
            const ask = Effect.forEach(["a", "b"], (id) => Effect.request(new Thing({ id }), cached), {
              batching: true
            })
            yield* Cache.set(lasting, "a", "old")
            assert.deepStrictEqual(yield* within(ask), [reads ? "old" : "loaded a", "loaded b"])
            assert.strictEqual(batches, 1)
            assert.strictEqual(yield* Cache.has(lasting, "b"), stores)
          }))
      })
    }

    test("a stale value inside its window is served if the mode reads values, and nothing is refreshed in the background", () =>
      Effect.gen(function*() {
        const origin = new Counting()
        yield* Cache.set(staling, "a", "old")
        yield* outlive(50)
        const failing = Cache.getOrSet(staling, "a", Effect.fail("no"))
        assert.strictEqual(yield* Cache.withMode(failing, "readOnly"), "old")
        assert.strictEqual(yield* failureOf(Cache.withMode(failing, "off")), "no")
        assert.strictEqual(yield* failureOf(Cache.withMode(failing, "refresh")), "no")
        const swr = Cache.make({ name: "swr", timeToLive: 50, staleWhileRevalidate: "1 hour" })
        yield* Cache.set(swr, "a", "old")
        yield* outlive(50)
        assert.strictEqual(yield* Cache.withMode(Cache.getOrSet(swr, "a", origin.load), "readOnly"), "old")
        assert.strictEqual(yield* Cache.withMode(Cache.getOrSet(swr, "a", origin.load), "refresh"), "v1")
        assert.strictEqual(origin.runs, 1)
      }))

    test("a load that replaces a value receives it", () =>
      Effect.gen(function*() {
        const told: Array<unknown> = []
        const load = (key: string, previous: Option.Option<Cache.Previous<unknown>>) => {
          told.push(Option.map(previous, ({ value }) => value))
          return Effect.succeed(Option.isSome(previous) ? Cache.unchanged : key)
        }
        yield* Cache.set(lasting, "a", "old")
        assert.strictEqual(yield* Cache.withMode(Cache.getOrSet(lasting, "a", load), "refresh"), "old")
        assert.strictEqual(yield* Cache.withMode(Cache.getOrSet(lasting, "a", load), "off"), "a")
        assert.deepStrictEqual(told, [Option.some("old"), Option.none()])
      }))

    test("the innermost mode counts, and fibers inherit it", () =>
      Effect.gen(function*() {
        yield* Cache.set(things, "a", 1)
        const get = Cache.get(things, "a")
        const nested = Effect.gen(function*() {
          const off = yield* get
          const use = yield* Cache.withMode(get, "use")
          const readOnly = yield* get.pipe(Cache.withMode("readOnly"), Cache.withMode("refresh"))
          const forked = yield* Fiber.join(yield* Effect.fork(get))
          const inLoad = yield* Cache.getOrSet(things, "b", Effect.map(get, Option.isSome))
          return [off, use, readOnly, forked].map(Option.isSome).concat(inLoad as boolean)
        })
        assert.deepStrictEqual(yield* Cache.withMode(nested, "off"), [false, true, true, false, false])
        assert.deepStrictEqual(yield* pipe(get, Cache.withMode("off"), Effect.zipRight(get)), Option.some(1))
      }))

    test("in \"refresh\", a load that meets a hold returns its value without storing it, as in any mode", () =>
      Effect.gen(function*() {
        const begun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const update = yield* Effect.fork(
          Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(goOn)).pipe(
            Cache.invalidating(things, ["a"])
          )
        )
        yield* Deferred.await(begun)
        const loaded = yield* Cache.withMode(Cache.getOrSet(things, "a", Effect.succeed(1)), "refresh")
        assert.strictEqual(loaded, 1)
        yield* Deferred.succeed(goOn, undefined)
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(update)))
        assert.isFalse(yield* Cache.has(things, "a"))
      }))
  })
}
