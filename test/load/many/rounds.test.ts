/**
 * A key that others write faster than a caller can read: after some rounds, or `lease.wait`, it computes for itself.
 */
import { assert, describe } from "@effect/vitest"
import { Array as Arr, Effect, Fiber, Option } from "effect"
import { Cache, Codec, Memo, type Redis, type RedisLayer } from "effect-redis-cache"
import { type Fleet, fleets } from "../fleets.js"
import type { Service } from "../memoryInstances.js"

const codec = Codec.structural<string>()
const version = Cache.make({ name: "version", codec, version: 1 })
const undecodable = Cache.make({ name: "undecodable", codec })
const tagged = Cache.make({ name: "tagged", codec, tags: () => ["team"] })
const find = Memo.cached((id: string) => Effect.succeed(`computed ${id}`), { name: "find", codec, version: 1 })

/** The one-way latency of the store, in ms; others write once per ms. */
const slow = (millis: number, leases: { asked: number }): RedisLayer.FaultyOptions => ({
  script: (operation) => {
    if (operation === "lease") leases.asked++
    return operation === "get" || operation === "getMany" || operation === "lease" ? { before: millis } : undefined
  }
})

/** An entry, with a new write id each time. */
const rewriting = (service: Service, keys: ReadonlyArray<string>, entry: Uint8Array) => {
  let writes = 0
  const { driver } = service
  return Effect.suspend(() => {
    const bytes = Uint8Array.from(entry)
    bytes[4] = ++writes
    bytes[5] = writes >>> 8
    return Effect.forEach(keys, (key) =>
      driver.set({ key: `${driver.prefix}${key}`, bytes, life: undefined }, {
        onSuccess: () => Effect.void,
        onFailure: Effect.die
      }), { discard: true })
  })
}

/** The one-way latency, in ms: several times the interval of the writes, even on a noisy machine. */
const way = (fleet: Fleet): number => fleet.name === "memory" ? 3 : 20

/** Runs a reader while others write, until it has ended or 20 seconds have passed. */
const against = <A, E>(fleet: Fleet, write: Effect.Effect<void>, reader: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const reading = yield* Effect.fork(reader)
    for (let i = 0; i < 4_000; i++) {
      if (Option.isSome(yield* Fiber.poll(reading))) return yield* Fiber.join(reading)
      yield* write
      yield* fleet.pass("1 millis")
    }
    return yield* Effect.dieMessage("it looks for ever")
  })

const payload = Codec.structural<string>().encode("written", { key: "", maxSize: Infinity })
const entryOf = (bytes: Uint8Array, of = 0): Uint8Array =>
  Uint8Array.of(0xe1, 0, 0, of, ...new Array(12).fill(0), ...bytes)
const whole = payload._tag === "Right" ? entryOf(payload.right) : new Uint8Array(0)

const loaded = (key: string) => Effect.succeed(`computed ${key}`)

for (const fleet of fleets) {
  describe(`others write continuously, ${fleet.name}`, () => {
    for (
      const [what, cache, entry] of [
        ["entries of another version", version, whole],
        ["what does not decode", undecodable, entryOf(Uint8Array.of(0xc1))],
        ["entries that lack a tag", tagged, whole]
      ] as const
    ) {
      fleet.test(`${what}: a caller computes, and does not store`, () =>
        Effect.gen(function*() {
          const leases = { asked: 0 }
          const { at, services } = yield* fleet.processes(slow(way(fleet), leases), undefined)
          const key = `${cache.name}:42`
          const answer = yield* against(
            fleet,
            rewriting(services[1]!, [key], entry),
            at(0)(Cache.getOrSet(cache, "42", loaded))
          )
          assert.strictEqual(answer, "computed 42")
          assert.isAtMost(leases.asked, 16)
          const there = (yield* services[1]!.driver.inspect(`${services[1]!.driver.prefix}${key}`))!
          assert.deepStrictEqual([...there.bytes.subarray(16)], [...entry.subarray(16)])
          assert.strictEqual((yield* at(0)(Cache.stats(cache))).loads, 1)
        }))

      fleet.test(`${what}: a batch does the same, for those keys only`, () =>
        Effect.gen(function*() {
          const leases = { asked: 0 }
          const { at, services } = yield* fleet.processes(slow(way(fleet), leases), undefined)
          const loads: Array<ReadonlyArray<string>> = []
          const load = (keys: ReadonlyArray<string>) => {
            loads.push(keys)
            return Effect.succeed(keys.map((key) => [key, `computed ${key}`] as const))
          }
          const answer = yield* against(
            fleet,
            rewriting(services[1]!, ["42", "43"].map((key) => `${cache.name}:${key}`), entry),
            at(0)(Cache.getOrSetMany(cache, ["41", "42", "43"], load))
          )
          assert.deepStrictEqual([...answer], ["41", "42", "43"].map((key) => [key, `computed ${key}`]))
          // By chance a read comes between two writes, and its key is loaded with the first.
          assert.deepStrictEqual(loads.flat().toSorted(), ["41", "42", "43"])
          assert.deepStrictEqual(yield* at(1)(Cache.get(cache, "41")), Option.some("computed 41"))
        }))
    }

    fleet.test("a memoized function computes, too", () =>
      Effect.gen(function*() {
        const { at, services } = yield* fleet.processes(slow(way(fleet), { asked: 0 }), undefined)
        const key = yield* at(1)(Effect.orDie(find.key("42")))
        const write = rewriting(services[1]!, [key.slice(services[1]!.driver.prefix.length)], whole)
        assert.strictEqual(yield* against(fleet, write, at(0)(find("42"))), "computed 42")
      }))

    fleet.test("for no longer than lease.wait", () =>
      Effect.gen(function*() {
        const leases = { asked: 0 }
        const { at, services } = yield* fleet.processes(slow(4 * way(fleet), leases), undefined)
        const patient = Cache.make({ name: "version", codec, version: 1, lease: { wait: 20 * way(fleet) } })
        const write = rewriting(services[1]!, ["version:42"], whole)
        assert.strictEqual(yield* against(fleet, write, at(0)(Cache.getOrSet(patient, "42", loaded))), "computed 42")
        assert.isAtMost(leases.asked, 8)
      }))

    fleet.test("all callers of one process share the computed value", () =>
      Effect.gen(function*() {
        const { at, services } = yield* fleet.processes(slow(way(fleet), { asked: 0 }), undefined)
        const write = rewriting(services[1]!, ["version:42"], whole)
        const calls: Array<Effect.Effect<string, unknown, Redis.Redis>> = Arr.makeBy(
          20,
          () => Cache.getOrSet(version, "42", Effect.delay(loaded("42"), "50 millis"))
        )
        const answers = yield* against(fleet, write, at(0)(Effect.all(calls, { concurrency: "unbounded" })))
        assert.deepStrictEqual([...new Set(answers)], ["computed 42"])
        assert.isAtMost((yield* at(0)(Cache.stats(version))).loads, 2)
      }))
  })
}
