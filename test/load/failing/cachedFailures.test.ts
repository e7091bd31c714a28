/** A failure that `errors` caches is an answer, even if it could not be stored: no stale value is served instead. */
import { assert, describe } from "@effect/vitest"
import { Data, Deferred, Effect, Fiber, Schema } from "effect"
import type { RedisLayer } from "effect-redis-cache"
import { Cache, Memo } from "effect-redis-cache"
import { fleets } from "../fleets.js"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.String }) {}

class Down extends Data.TaggedError("Down") {}

type Load = (id: string) => Effect.Effect<string, NotFound | Down>

const notFound: Load = (id) => Effect.fail(new NotFound({ id }))
const down: Load = () => Effect.fail(new Down())

const memo = (load: Load, onRedisError: "fail" | "bypass") =>
  Memo.cached(load, {
    name: "find",
    timeToLive: "1 millis",
    staleIfError: "1 hour",
    onRedisError,
    errors: { schema: NotFound, timeToLive: "1 minute" }
  })

type Find = ReturnType<typeof memo>

const storeStale = ({ cache }: Find) =>
  Effect.forEach(["a", "b"], (id) => Cache.set(cache, [id], "stale"), { discard: true })

/** Failures by their names, because equal errors differ by where they were made. */
const shown = (answer: unknown): unknown => answer instanceof NotFound ? `no ${answer.id}` : answer

/** The forms of a load. Each answers for two keys; with many keys, each key has a failure of its own. */
const forms: Record<string, (find: Find, load: Load) => Effect.Effect<ReadonlyArray<unknown>, never, any>> = { // `Redis`
  getOrSet: ({ cache }, load) =>
    Effect.forEach(["a", "b"], (id) => Effect.merge(Cache.getOrSet(cache, [id], load(id))), { concurrency: 2 }),
  getOrSetMany: ({ cache }, load) =>
    Effect.map(
      Effect.orDie(Cache.getOrSetMany(
        cache,
        [["a"], ["b"]],
        (absent) =>
          Effect.forEach(absent, ([id]) =>
            Effect.map(Effect.either(load(id)), (found) =>
              [[id] as [string], found._tag === "Left" ? Cache.failed(found.left) : found.right] as const)),
        { mode: "either" }
      )),
      (found) =>
        Array.from(found.values(), (each) =>
          each._tag === "Left" ? each.left : each.right)
    ),
  Memo: (find) => Effect.forEach(["a", "b"], (id) => Effect.merge(find(id)), { concurrency: 2 })
}

const failing = (name: string): RedisLayer.FaultyOptions => ({
  script: (operation) => operation === name ? { fail: "Connection" } : undefined
})

/** Why the failure is not stored. */
const reasons = {
  "the fill fails": { faults: failing("fill"), onRedisError: "fail", holds: false },
  "the fill fails, under bypass": { faults: failing("fill"), onRedisError: "bypass", holds: false },
  "Redis is away, under bypass": { faults: failing("lease"), onRedisError: "bypass", holds: false },
  "an update holds the key": {
    // After the read that finds the stale value.
    faults: { script: (operation) => operation === "lease" ? { before: "60 millis" } : undefined },
    onRedisError: "fail",
    holds: true
  }
} satisfies Record<
  string,
  { readonly faults: RedisLayer.FaultyOptions; readonly onRedisError: "fail" | "bypass"; readonly holds: boolean }
>

for (const fleet of fleets) {
  describe(`a failure that is not stored, ${fleet.name}`, () => {
    for (const [reason, { faults, holds, onRedisError }] of Object.entries(reasons)) {
      for (const [form, call] of Object.entries(forms)) {
        const given = (load: Load) =>
          Effect.gen(function*() {
            const { at } = yield* fleet.processes(faults, undefined)
            const find = memo(load, onRedisError)
            yield* at(1)(storeStale(find))
            yield* fleet.pass("20 millis")
            // The second one joins the loads of the first.
            const callers = yield* Effect.forEach([1, 2], () => Effect.fork(at(0)(call(find, load))))
            yield* fleet.pass("20 millis")
            const over = yield* Deferred.make<void>()
            if (holds) {
              const update = Deferred.await(over).pipe(Cache.invalidating(find.cache, [["a"], ["b"]]))
              yield* Effect.forkScoped(at(1)(update))
            }
            yield* fleet.pass("100 millis")
            const answers = yield* Fiber.join(Fiber.all(callers))
            yield* Deferred.succeed(over, void 0)
            return answers.map((each) => each.map(shown))
          })

        fleet.test(`${form}: is returned if the policy caches it, since ${reason}`, () =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* given(notFound), [["no a", "no b"], ["no a", "no b"]])
          }))

        fleet.test(`${form}: gives way to a stale value if the policy does not cache it, and ${reason}`, () =>
          Effect.gen(function*() {
            const [first] = yield* given(down)
            assert.deepStrictEqual(first, ["stale", "stale"])
          }))
      }
    }

    fleet.test("belongs to no key if a whole batch has failed", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(failing("lease"))
        const find = memo(notFound, "bypass")
        yield* at(0)(storeStale(find))
        yield* fleet.pass("20 millis")
        const found = yield* at(0)(Cache.getOrSetMany(
          find.cache,
          [["a"], ["b"]],
          () => Effect.fail(new NotFound({ id: "all" }))
        ))
        assert.deepStrictEqual([...found.values()], ["stale", "stale"])
      }))

    fleet.test("does not answer callers that began after another process wrote", () =>
      Effect.gen(function*() {
        const { at } = yield* fleet.processes(undefined, undefined)
        const running = yield* Deferred.make<void>()
        const go = yield* Deferred.make<void>()
        const find = memo(
          (id) =>
            Deferred.succeed(running, void 0).pipe(Effect.zipRight(Deferred.await(go)), Effect.zipRight(notFound(id))),
          "fail"
        )
        const lasting = Memo.cached((_id: string) => Effect.succeed(""), { name: "find", timeToLive: "1 hour" })
        const before = yield* Effect.fork(Effect.merge(at(0)(find("a"))))
        yield* Deferred.await(running)
        yield* at(1)(Cache.set(lasting.cache, ["a"], "new"))
        const after = yield* Effect.fork(Effect.merge(at(0)(find("a"))))
        yield* fleet.pass("20 millis")
        yield* Deferred.succeed(go, void 0)
        assert.strictEqual(shown(yield* Fiber.join(before)), "no a")
        assert.strictEqual(yield* Fiber.join(after), "new")
      }))
  })
}
