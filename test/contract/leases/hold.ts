/**
 * A driver's `hold` and `endHold`: which updates hold a key while the source changes, and what is stored afterwards.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "effect-redis-cache"
import type { EndRequest, HoldRequest } from "../../../src/internal/driver/driver.js"
import * as Entry from "../../../src/internal/entry/format.js"
import * as Hold from "../../../src/internal/entry/hold.js"
import { fillRequest, leaseRequest } from "../../support/driverRequests.js"
import { header, plant, redisKey, short, type Subject } from "../subject.js"

const tokenOf = (n: number): Uint8Array => new Uint8Array(Entry.tokenSize).fill(n)

/** One key of one driver, as several updates see it. */
const holds = Effect.gen(function*() {
  const { driver } = yield* Redis.Redis
  const key = yield* redisKey("things", "a")
  const holding = { keys: [key], tags: [], generation: undefined, tagsOutlive: 0 }
  return {
    driver,
    key,
    hold: (n: number, request: Partial<HoldRequest> = {}) =>
      driver.hold({ ...holding, token: tokenOf(n), duration: 60_000, renews: false, ...request }),
    end: (n: number, request: Partial<EndRequest> = {}) =>
      driver.endHold({ ...holding, token: tokenOf(n), linger: 0, writes: new Map(), cancels: false, ...request }),
    lease: (n: number, force = false) =>
      Effect.map(driver.lease([leaseRequest({ key, token: tokenOf(n), force })], "entry"), ([reply]) => reply!._tag),
    fill: (n: number) => Effect.map(driver.fill([fillRequest({ key, token: tokenOf(n) })]), ([done]) => done),
    /** The updates whose holds are stored; nothing without a hold. */
    whose: Effect.map(driver.inspect(key), (found) =>
      found === undefined || !Entry.isHold(found.bytes)
        ? undefined
        : Hold.claims(found.bytes).map(({ token }) => token[0])),
    inspect: driver.inspect(key)
  }
})

export const hold = ({ outlive, test }: Subject): void => {
  describe("hold", () => {
    test("replaces whatever is stored, and lives as long as it holds", () =>
      Effect.gen(function*() {
        const { driver, end, hold, inspect, key, whose } = yield* holds
        for (const bytes of ["text", header(0, 1), header(4, 1, 1, 97, 0)]) {
          yield* plant("things", "a", bytes)
          yield* hold(1)
          assert.deepStrictEqual(yield* whose, [1])
          const found = (yield* inspect)!
          assert.closeTo(found.life!, 60_000, 1_000)
          assert.isTrue(Entry.isMarker(found.bytes))
          assert.isFalse(Hold.isShared(found.bytes))
          yield* end(1)
          assert.isUndefined(yield* driver.inspect(key))
        }
      }))

    test("bars leases, including forced ones, and fills of leases that were granted before", () =>
      Effect.gen(function*() {
        const { end, fill, hold, lease, whose } = yield* holds
        assert.strictEqual(yield* lease(7), "Granted")
        yield* hold(1)
        assert.isFalse(yield* fill(7))
        assert.strictEqual(yield* lease(8), "Barred")
        assert.strictEqual(yield* lease(8, true), "Barred")
        assert.isFalse(yield* fill(8))
        assert.deepStrictEqual(yield* whose, [1])
        yield* end(1)
        assert.isFalse(yield* fill(7))
        assert.strictEqual(yield* lease(8), "Granted")
      }))

    test("is not replaced by the fill of a forced load, nor renewed or released by its lease", () =>
      Effect.gen(function*() {
        const { driver, hold, key, whose } = yield* holds
        const [granted] = yield* driver.lease([leaseRequest({ key, token: tokenOf(7), force: true })], "entry")
        yield* hold(1)
        const found = (yield* driver.inspect(key))!
        if (granted?._tag !== "Granted") return assert.fail(granted?._tag)
        const replaces = { ...granted.grant, writeId: Entry.writeId(found.bytes) }
        for (const bytes of [undefined, header(0, 1)]) {
          assert.deepStrictEqual(
            [...(yield* driver.fill([fillRequest({ key, token: tokenOf(7), bytes, replaces })]))],
            [false]
          )
        }
        assert.deepStrictEqual([...(yield* driver.renew([{ key, token: tokenOf(7), duration: 1_000 }]))], [false])
        yield* driver.release([{ key, token: tokenOf(7) }])
        assert.deepStrictEqual(yield* whose, [1])
      }))

    test("lists each of several updates: each ends its own part, and the last one removes the rest", () =>
      Effect.gen(function*() {
        const { end, hold, inspect, lease, whose } = yield* holds
        yield* hold(1)
        yield* hold(2)
        yield* hold(3)
        assert.deepStrictEqual(yield* whose, [1, 2, 3])
        yield* end(2)
        assert.deepStrictEqual(yield* whose, [1, 3])
        // Ending an update that is not listed does not remove the others' holds.
        yield* end(2)
        assert.deepStrictEqual(yield* whose, [1, 3])
        yield* end(1)
        assert.strictEqual(yield* lease(7), "Barred")
        yield* end(3)
        assert.isUndefined(yield* inspect)
      }))

    test("only its own update prolongs it, and puts it back if it was lost", () =>
      Effect.gen(function*() {
        const { hold, inspect, whose } = yield* holds
        yield* hold(1, { duration: 10_000 })
        yield* hold(2, { duration: 20_000 })
        yield* hold(1, { duration: 90_000, renews: true })
        assert.deepStrictEqual(yield* whose, [2, 1])
        assert.closeTo((yield* inspect)!.life!, 90_000, 1_000)
        yield* plant("things", "a", "text")
        yield* hold(1, { renews: true })
        assert.deepStrictEqual(yield* whose, [1])
        assert.isTrue(Hold.isShared((yield* inspect)!.bytes), "others may have held meanwhile")
      }))

    test("of an update that died runs out by itself, and counts no more", () =>
      Effect.gen(function*() {
        const { end, hold, inspect, lease, whose } = yield* holds
        yield* hold(1, { duration: short })
        yield* outlive(short)
        assert.isUndefined(yield* inspect)
        assert.strictEqual(yield* lease(7), "Granted")
        yield* hold(1, { duration: short })
        yield* hold(2)
        yield* outlive(short)
        assert.strictEqual(yield* lease(7), "Barred")
        yield* hold(3)
        assert.deepStrictEqual(yield* whose, [2, 3])
        yield* end(2)
        yield* end(3)
        assert.isUndefined(yield* inspect)
      }))

    test("that lingers lives exactly as long as it lingers, even if it was lost", () =>
      Effect.gen(function*() {
        const { end, hold, inspect, lease, whose } = yield* holds
        yield* hold(1)
        yield* end(1, { linger: 5_000 })
        assert.closeTo((yield* inspect)!.life!, 5_000, 2_000)
        assert.strictEqual(yield* lease(7), "Barred")
        // The end of another update leaves it.
        yield* hold(2)
        yield* end(2)
        assert.deepStrictEqual(yield* whose, [1])
        assert.closeTo((yield* inspect)!.life!, 5_000, 2_000)
        yield* plant("things", "a", "text")
        yield* end(1, { linger: 400 }) // long enough for a busy machine to look meanwhile
        assert.deepStrictEqual(yield* whose, [1])
        yield* outlive(400)
        assert.isUndefined(yield* inspect)
      }))

    test("makes way for what its update writes, if only that update held it all the time", () =>
      Effect.gen(function*() {
        const { driver, end, hold, inspect, key, whose } = yield* holds
        const write = { writes: new Map([[key, { bytes: header(0, 42), life: 60_000 }]]) }
        const value = Effect.map(inspect, (found) => found?.bytes[16])
        yield* hold(1)
        yield* hold(1, { renews: true })
        assert.strictEqual(yield* end(1, write), 1)
        assert.strictEqual(yield* value, 42)
        assert.closeTo((yield* inspect)!.life!, 60_000, 1_000)
        // Another update that holds at the same time, with the two ending in either order.
        yield* hold(1)
        yield* hold(2)
        assert.strictEqual(yield* end(1, write), 0)
        assert.deepStrictEqual(yield* whose, [2])
        assert.strictEqual(yield* end(2, write), 0)
        assert.isUndefined(yield* inspect)
        // One that has died.
        yield* hold(2, { duration: short })
        yield* hold(1)
        yield* outlive(short)
        assert.strictEqual(yield* end(1, write), 0)
        // A hold that was lost, and either put back or not.
        yield* hold(1)
        yield* driver.set({ key, bytes: header(0, 7), life: undefined }, {
          onSuccess: () => Effect.void,
          onFailure: Effect.fail
        })
        assert.strictEqual(yield* end(1, write), 0)
        assert.isUndefined(yield* inspect, "what was written meanwhile may be old")
        yield* hold(1)
        yield* plant("things", "a", "text")
        yield* hold(1, { renews: true })
        assert.strictEqual(yield* end(1, write), 0)
        assert.isUndefined(yield* inspect)
      }))

    test("that is taken back leaves the keys that it has not changed", () =>
      Effect.gen(function*() {
        const { end, hold, inspect, whose } = yield* holds
        yield* plant("things", "a", "text")
        yield* end(1, { cancels: true })
        assert.strictEqual((yield* inspect)!.bytes.length, 4)
        yield* hold(1)
        yield* hold(2)
        yield* end(1, { cancels: true })
        assert.deepStrictEqual(yield* whose, [2])
        yield* end(2, { cancels: true })
        assert.isUndefined(yield* inspect)
      }))

    test("of a tag outlives itself, and is no epoch: only a caller that says so creates an epoch in its place", () =>
      Effect.gen(function*() {
        const { driver, hold, key, whose } = yield* holds
        const epoch = new Uint8Array(Entry.epochSize).fill(5)
        const other = new Uint8Array(Entry.epochSize).fill(6)
        const ensure = (revive: boolean) =>
          Effect.map(
            driver.ensureEpochs([{ key, candidate: other, life: 60_000, revive }]),
            ([found]) => new Uint8Array(found!)
          )
        yield* driver.ensureEpochs([{ key, candidate: epoch, life: 1_000 }])
        yield* hold(1, { keys: [], tags: [key], duration: short, tagsOutlive: 60_000 })
        for (const revive of [false, true]) assert.isTrue(Entry.isHold(yield* ensure(revive)))
        yield* outlive(short)
        assert.isTrue(Entry.isHold(yield* ensure(false)))
        assert.closeTo((yield* driver.inspect(key))!.life!, 60_000, 1_000)
        assert.deepStrictEqual(yield* whose, [1])
        assert.deepStrictEqual(yield* ensure(true), other)
        assert.deepStrictEqual(yield* ensure(false), other)
      }))

    test("of tags replaces an existing generation, and creates none", () =>
      Effect.gen(function*() {
        const { driver, end, hold, key } = yield* holds
        const generation = { key: yield* redisKey("things", "generation"), epoch: new Uint8Array(8).fill(1) }
        const found = Effect.map(driver.inspect(generation.key), (there) => there?.bytes[0])
        yield* hold(1, { keys: [], tags: [key], generation })
        assert.isUndefined(yield* found)
        yield* driver.ensureEpochs([{ key: generation.key, candidate: new Uint8Array(8).fill(9), life: 60_000 }])
        yield* hold(1, { keys: [], tags: [key], generation })
        assert.strictEqual(yield* found, 1)
        yield* end(1, { keys: [], tags: [key], generation: { ...generation, epoch: new Uint8Array(8).fill(2) } })
        assert.strictEqual(yield* found, 2)
        assert.isUndefined(yield* driver.inspect(key))
        assert.closeTo((yield* driver.inspect(generation.key))!.life!, 60_000, 1_000)
      }))

    test("stays if a compare-and-set removes, and goes if it writes", () =>
      Effect.gen(function*() {
        const { driver, hold, key, whose } = yield* holds
        yield* hold(1)
        const swap = (bytes: Uint8Array | undefined) =>
          Effect.map(driver.swap({ key, seen: undefined, bytes, life: undefined }, "entry"), ({ done }) => done)
        assert.isTrue(yield* swap(undefined))
        assert.deepStrictEqual(yield* whose, [1])
        assert.isTrue(yield* swap(header(0, 1)))
        assert.isUndefined(yield* whose)
      }))

    test("holds many keys at once, and ends them", () =>
      Effect.gen(function*() {
        const { driver, end, hold } = yield* holds
        const keys = yield* Effect.forEach(
          Array.from({ length: 300 }, (_, i) => `${i}`),
          (key) => redisKey("things", key)
        )
        const heads = Effect.map(
          driver.heads(keys, 16),
          (all) => all.filter((head) => head !== undefined && Entry.isHold(head)).length
        )
        yield* hold(1, { keys })
        assert.strictEqual(yield* heads, 300)
        const writes = new Map([[keys[7]!, { bytes: header(0, 1), life: undefined }]])
        assert.strictEqual(yield* end(1, { keys, writes }), 1)
        assert.strictEqual(yield* heads, 0)
        assert.strictEqual((yield* driver.heads(keys, 16)).filter((head) => head !== undefined).length, 1)
      }))
  })
}
