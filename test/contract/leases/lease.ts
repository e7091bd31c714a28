/** A driver's `lease`, `renew` and `release`: which load may fill a key, and until when. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "effect-redis-cache"
import type { LeaseRequest } from "../../../src/internal/driver/driver.js"
import * as Entry from "../../../src/internal/entry/format.js"
import { fillRequest, leaseRequest } from "../../support/driverRequests.js"
import { header, redisKey, short, type Subject, token } from "../subject.js"

const other = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9)

/** One key of one driver, as two processes use it. */
const leases = Effect.gen(function*() {
  const { driver } = yield* Redis.Redis
  const key = yield* redisKey("things", "a")
  return {
    driver,
    key,
    put: (bytes: Uint8Array, life?: number) =>
      driver.set({ key, bytes, life }, { onSuccess: () => Effect.void, onFailure: Effect.fail }),
    ask: (request: Partial<LeaseRequest> = {}) =>
      Effect.map(
        driver.lease([leaseRequest({ key, token, ...request })], "entry"),
        ([reply]) => reply!
      ),
    fill: (by: Uint8Array, bytes = header(0, 42)) =>
      Effect.map(driver.fill([fillRequest({ key, token: by, bytes })]), ([done]) => done),
    inspect: driver.inspect(key),
    life: Effect.map(driver.inspect(key), (found) => found?.life)
  }
})

/** The write id of the entries in these tests. */
const written = Uint8Array.of(1, 2, 3, 4, 5)

export const lease = ({ outlive, test }: Subject): void => {
  describe("lease", () => {
    test("puts a marker under a missing key, which lives as long as a lease may last", () =>
      Effect.gen(function*() {
        const { ask, inspect } = yield* leases
        const reply = yield* ask({ duration: 1_000, life: 60_000 })
        const found = (yield* inspect)!
        assert.isTrue(Entry.isMarker(found.bytes))
        assert.closeTo(found.life!, 60_000, 1_000)
        assert.deepStrictEqual(
          reply._tag === "Granted" && new Uint8Array(reply.grant.writeId),
          new Uint8Array(Entry.writeId(found.bytes))
        )
      }))

    test("a held lease gives its remaining time and its token, even to the load that holds it", () =>
      Effect.gen(function*() {
        const { ask } = yield* leases
        yield* ask({ duration: 5_000 })
        for (const by of [other, token]) {
          const reply = yield* ask({ token: by })
          assert.strictEqual(reply._tag, "Held")
          if (reply._tag !== "Held") continue
          assert.closeTo(reply.millis, 5_000, 1_000)
          assert.deepStrictEqual([...reply.holder], [...token])
        }
      }))

    test("after its time it is free: the load that takes it fills, and the first one does not", () =>
      Effect.gen(function*() {
        const { ask, fill } = yield* leases
        yield* ask({ duration: short })
        yield* outlive(short)
        assert.strictEqual((yield* ask({ token: other }))._tag, "Granted")
        assert.isFalse(yield* fill(token))
        assert.isTrue(yield* fill(other))
      }))

    test("after its time it still fills if no other load took it", () =>
      Effect.gen(function*() {
        const { ask, driver, fill, inspect, key, put } = yield* leases
        yield* ask({ duration: short })
        yield* outlive(short)
        assert.isTrue(yield* fill(token))
        // Also in the slot of an entry that would have expired meanwhile.
        yield* put(header(0, 1), short)
        yield* ask({ duration: short, seen: (yield* inspect)!.bytes })
        yield* outlive(short)
        assert.isTrue(yield* fill(token))
        // But not if the entry was deleted.
        yield* ask({ duration: short, seen: (yield* inspect)!.bytes })
        yield* driver.take([key])
        assert.isFalse(yield* fill(token))
      }))

    test("it is granted over the entry that the caller saw, and over nothing else", () =>
      Effect.gen(function*() {
        const { ask, put } = yield* leases
        const seen = header(0, 1)
        yield* put(Uint8Array.from(seen).fill(7, 4, 9))
        assert.strictEqual((yield* ask())._tag, "Found")
        assert.strictEqual((yield* ask({ seen }))._tag, "Found")
        yield* put(seen)
        const granted = yield* ask({ seen })
        assert.deepStrictEqual(granted._tag === "Granted" && [...granted.grant.writeId], [...written])
      }))

    test("the write id of a marker stays when its lease passes to another load", () =>
      Effect.gen(function*() {
        const { ask } = yield* leases
        const first = yield* ask()
        const second = yield* ask({ token: other, force: true })
        assert.deepStrictEqual(
          second._tag === "Granted" && [...second.grant.writeId],
          first._tag === "Granted" ? [...first.grant.writeId] : []
        )
      }))

    test("a lease that claims to last longer than any of the caller's dates from before the clock was set back: it is free", () =>
      Effect.gen(function*() {
        const { ask, put } = yield* leases
        yield* ask({ duration: 3_600_000, life: 3_600_000 })
        assert.strictEqual((yield* ask({ token: other, life: 3_600_000 }))._tag, "Held")
        assert.strictEqual((yield* ask({ token: other, life: 120_000 }))._tag, "Granted")
        const seen = header(0, 1)
        yield* put(seen)
        yield* ask({ seen, duration: 3_600_000, life: 3_600_000 })
        assert.strictEqual((yield* ask({ seen, token: other, life: 120_000 }))._tag, "Granted")
      }))
  })

  describe("release", () => {
    test("removes its own marker, and leaves another load's", () =>
      Effect.gen(function*() {
        const { ask, driver, inspect, key } = yield* leases
        yield* ask()
        yield* driver.release([{ key, token: other }])
        assert.isDefined(yield* inspect)
        yield* driver.release([{ key, token }])
        assert.isUndefined(yield* inspect)
      }))

    test("gives an entry its own end back", () =>
      Effect.gen(function*() {
        const { ask, driver, inspect, key, life, put } = yield* leases
        for (const own of [10_000, undefined]) {
          const seen = header(0, 1)
          yield* put(seen, own)
          yield* ask({ seen, life: 60_000 })
          if (own === undefined) assert.isUndefined(yield* life)
          else assert.closeTo((yield* life)!, 60_000, 1_000)
          // If the lease passes on, the end remains the entry's.
          yield* ask({ seen, token: other, force: true, life: 90_000 })
          yield* driver.release([{ key, token: other }])
          const found = (yield* inspect)!
          assert.deepStrictEqual([...found.bytes], [...seen])
          if (own === undefined) assert.isUndefined(found.life)
          else assert.closeTo(found.life!, own, 1_000)
        }
      }))

    test("an entry whose own end has come goes with its lease", () =>
      Effect.gen(function*() {
        const { ask, driver, inspect, key, put } = yield* leases
        const seen = header(0, 1)
        yield* put(seen, short)
        yield* ask({ seen })
        yield* outlive(short)
        assert.isDefined(yield* inspect)
        yield* driver.release([{ key, token }])
        assert.isUndefined(yield* inspect)
      }))
  })

  describe("a source that is left alone", () => {
    const backOff = 5_000

    test("holds off callers that have something to serve, and no others", () =>
      Effect.gen(function*() {
        const { ask, driver, key, put } = yield* leases
        const seen = header(0, 1)
        yield* put(seen, 60_000)
        yield* ask({ seen })
        yield* driver.release([{ key, token, backOff }])
        const reply = yield* ask({ seen, token: other, yields: true })
        assert.strictEqual(reply._tag, "Held")
        if (reply._tag === "Held") {
          assert.closeTo(reply.millis, backOff, 1_000)
          assert.deepStrictEqual([...reply.holder], [0, 0, 0, 0, 0, 0, 0, 0])
        }
        assert.strictEqual((yield* ask({ seen, token: other }))._tag, "Granted")
      }))

    test("does not do so after its time, and the entry ends when it would have", () =>
      Effect.gen(function*() {
        const { ask, driver, key, life, put } = yield* leases
        const seen = header(0, 1)
        yield* put(seen, 30_000)
        yield* ask({ seen, life: 60_000 })
        yield* driver.release([{ key, token, backOff: short }])
        assert.closeTo((yield* life)!, 30_000, 1_000)
        yield* outlive(short)
        assert.strictEqual((yield* ask({ seen, token: other, yields: true, life: 60_000 }))._tag, "Granted")
        yield* driver.release([{ key, token: other }])
        assert.closeTo((yield* life)!, 30_000, 1_000)
      }))

    test("leaves nothing of a marker: there is nothing to serve", () =>
      Effect.gen(function*() {
        const { ask, driver, inspect, key } = yield* leases
        yield* ask()
        yield* driver.release([{ key, token, backOff }])
        assert.isUndefined(yield* inspect)
      }))
  })

  describe("renew", () => {
    test("extends a lease, even one whose time is over, unless another load holds it", () =>
      Effect.gen(function*() {
        const { ask, driver, key } = yield* leases
        const renew = (by: Uint8Array) =>
          Effect.map(driver.renew([{ key, token: by, duration: 5_000 }]), ([renewed]) => renewed)
        assert.isFalse(yield* renew(token))
        yield* ask({ duration: short })
        yield* outlive(short)
        assert.isTrue(yield* renew(token))
        assert.isFalse(yield* renew(other))
        assert.strictEqual((yield* ask({ token: other }))._tag, "Held")
        yield* ask({ token: other, force: true })
        assert.isFalse(yield* renew(token))
      }))

    test("an entry stays as long as its lease, and then ends when it would have", () =>
      Effect.gen(function*() {
        const { ask, driver, key, life, put } = yield* leases
        const seen = header(0, 1)
        yield* put(seen, 10_000)
        yield* ask({ seen, duration: 1_000, life: 20_000 })
        yield* driver.renew([{ key, token, duration: 40_000 }])
        assert.closeTo((yield* life)!, 40_000, 1_000)
        yield* driver.release([{ key, token }])
        assert.closeTo((yield* life)!, 10_000, 1_000)
      }))
  })
}
