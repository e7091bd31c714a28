/** `Cache.changes` reports every way to change a key, and gaps in its own reports. */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { Cache, Fleet } from "effect-redis-cache"
import { plant, plantLease, releaseLease, same, type Subject } from "../subject.js"

const shown = (change: Cache.Change): string => change._tag === "Changed" ? change.key : change._tag

/** Whatever controls the test's clock: lets what is in flight arrive. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(
    Effect.repeat({ until: holds }),
    Effect.asVoid
  )

/** The changes from now on. `onChange` holds up the next one. */
const follow = <Key, Value, Error>(
  cache: Cache.Cache<Key, Value, Error>,
  options: { readonly bufferSize?: number; readonly onChange?: Effect.Effect<void> } = {}
) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    const { bufferSize, onChange = Effect.void } = options
    yield* Cache.changes(cache, bufferSize === undefined ? {} : { bufferSize }).pipe(
      Stream.runForEach((change) => Effect.zipRight(Effect.sync(() => told.push(shown(change))), onChange)),
      Effect.fork
    )
    yield* until(() => told.length > 0)
    assert.deepStrictEqual(told, ["Resumed"])
    return told
  })

export const changes = ({ counts, lasting, test, things }: Subject): void => {
  describe("changes", () => {
    test("reports every change to a key of the cache, and no other", () =>
      Effect.gen(function*() {
        const of = (key: string) => ({
          set: Cache.set(things, key, 2),
          setMany: Cache.setMany(things, [[key, 2]]),
          touch: Cache.touch(things, key, "1 hour"),
          modify: Cache.modify(things, key, () => Option.some(2)),
          refresh: Cache.refresh(things, key, Effect.succeed(2)),
          expire: Cache.expire(things, key),
          delete: Cache.delete(things, key),
          deleteMany: Cache.deleteMany(things, [key]),
          take: Cache.take(things, key),
          invalidating: Cache.invalidating(Effect.void, things, [key]),
          fleetDelete: Fleet.delete("things", key),
          fleetExpire: Fleet.expire("things", key),
          foreign: plant("things", key, "of another program")
        })
        const ofAbsent = (key: string) => ({
          setIfAbsent: Cache.setIfAbsent(things, key, 1),
          getOrSet: Cache.getOrSet(things, key, Effect.succeed(1)),
          getOrSetMany: Cache.getOrSetMany(things, [key], () => Effect.succeed([[key, 1]])),
          lease: plantLease("things", key)
        })
        const names = Object.keys(of("")) as ReadonlyArray<keyof ReturnType<typeof of>> // as they are written above
        const absent = Object.keys(ofAbsent("")) as ReadonlyArray<keyof ReturnType<typeof ofAbsent>> // the same
        yield* Cache.setMany(things, names.map((name) => [name, 1]))
        const told = yield* follow(things)
        for (const name of names) {
          yield* of(name)[name]
          yield* until(() => told.includes(name))
        }
        for (const name of absent) {
          yield* ofAbsent(name)[name]
          yield* until(() => told.includes(name))
        }
        yield* releaseLease("things", "lease")
        yield* Cache.set(lasting, "set", 1)
        yield* Cache.increment(counts, "set")
        yield* Cache.set(things, "last", 1)
        yield* until(() => told.includes("last"))
        assert.deepStrictEqual([...new Set(told)].sort(), ["Resumed", ...names, ...absent, "last"].sort())
      }))

    test("reports each key that is flushed, and counters", () =>
      Effect.gen(function*() {
        yield* Cache.setMany(things, { a: 1, b: 2 })
        const told = yield* follow(things)
        const counted = yield* follow(counts)
        yield* Cache.flush(things)
        yield* Cache.increment(counts, "page")
        yield* until(() => told.length === 3 && counted.length === 2)
        assert.deepStrictEqual(told.slice(1).sort(), ["a", "b"])
        assert.deepStrictEqual(counted, ["Resumed", "page"])
      }))

    test("of one key come in order: a reader that reads after each never goes back, and ends with the newest", () =>
      Effect.gen(function*() {
        const last = 50
        const seen: Array<number> = []
        const reading = yield* Cache.changes(lasting).pipe(
          Stream.mapEffect(() => Cache.get(lasting, "a")),
          Stream.map(Option.getOrElse(() => 0)),
          Stream.tap((value) => Effect.sync(() => seen.push(Number(value)))),
          Stream.takeUntil((value) => value === last),
          Stream.runDrain,
          Effect.fork
        )
        yield* until(() => seen.length > 0)
        yield* Effect.forEach(Array.from({ length: last }), (_, i) => Cache.set(lasting, "a", i + 1))
        yield* Fiber.join(reading)
        same(seen, [...seen].sort((a, b) => a - b))
      }))

    test("a slow reader loses the oldest changes, and is told so", () =>
      Effect.gen(function*() {
        const reads = yield* Effect.makeLatch()
        const slow = yield* follow(things, { bufferSize: 3, onChange: reads.await })
        const quick = yield* follow(things)
        const keys = Array.from({ length: 10 }, (_, i) => `${i}`)
        yield* Effect.forEach(keys, (key) => Cache.set(things, key, 1))
        yield* until(() => quick.length === 1 + keys.length)
        yield* reads.open
        yield* until(() => slow.at(-1) === quick.at(-1))
        assert.deepStrictEqual(slow.slice(0, 3), ["Resumed", "Lost", "Resumed"])
        const newest = slow.slice(3)
        assert.isAtMost(newest.length, 3)
        assert.deepStrictEqual(newest, quick.slice(-newest.length))
      }))
  })
}
