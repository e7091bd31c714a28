/** A driver's `fill`: stores the value of a load only if nothing was written since its lease was granted. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "effect-redis-cache"
import type { FillRequest, LeaseRequest } from "../../../src/internal/driver/driver.js"
import * as Entry from "../../../src/internal/entry/format.js"
import { fillRequest, leaseRequest } from "../../support/driverRequests.js"
import { header, redisKey, type Subject } from "../subject.js"

/** The value that load number `n` has computed. */
const computed = (n: number): Uint8Array => header(0, n).fill(n, 4, 9)

/** Forced loads of one key, by number. Each takes its lease when it begins, and stores when it ends. */
const loads = (before?: Uint8Array) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const key = yield* redisKey("things", "a")
    const write = (bytes: Uint8Array) =>
      driver.set({ key, bytes, life: 60_000 }, { onSuccess: () => Effect.void, onFailure: Effect.fail })
    if (before !== undefined) yield* write(before)
    const token = (n: number) => new Uint8Array(8).fill(n)
    const grants = new Map<number, FillRequest["replaces"]>()
    const begin = (n: number, request: Partial<LeaseRequest> = {}) =>
      Effect.map(
        driver.lease([leaseRequest({ key, token: token(n), force: true, ...request })], "entry"),
        ([reply]) => {
          assert.strictEqual(reply!._tag, "Granted")
          if (reply!._tag === "Granted") grants.set(n, reply!.grant)
        }
      )
    const store = (n: number, request: Partial<FillRequest>) =>
      Effect.map(
        driver.fill([fillRequest({ key, token: token(n), replaces: grants.get(n), ...request })]),
        ([done]) => done
      )
    return {
      begin,
      end: (n: number) => store(n, { bytes: computed(n), life: 60_000 }),
      /** It has computed a value that must not be stored. */
      endWithout: (n: number) => store(n, { bytes: undefined }),
      endOrdinary: (n: number) => store(n, { bytes: computed(n), replaces: undefined }),
      fail: (n: number) => driver.release([{ key, token: token(n) }]),
      write,
      remove: driver.take([key]),
      inspect: driver.inspect(key),
      /** The load whose value is stored; 0 for a marker. */
      there: Effect.map(driver.inspect(key), (found) =>
        found === undefined ? undefined : Entry.isMarker(found.bytes) ? 0 : found.bytes.at(-1)),
      holder: Effect.map(driver.inspect(key), (found) =>
        found === undefined ? undefined : Entry.lease(found.bytes)?.token[0])
    }
  })

const written = 99

export const fill = ({ test }: Subject): void => {
  describe("fill", () => {
    test("a load whose lease was taken over does not store", () =>
      Effect.gen(function*() {
        for (const before of [undefined, computed(written)]) {
          const { begin, endOrdinary, holder } = yield* loads(before)
          yield* begin(1)
          yield* begin(2)
          assert.isFalse(yield* endOrdinary(1))
          assert.strictEqual(yield* holder, 2)
          assert.isTrue(yield* endOrdinary(2))
        }
      }))

    test("if there is nothing to store, the old entry goes", () =>
      Effect.gen(function*() {
        for (const before of [undefined, computed(written)]) {
          const { begin, endWithout, inspect } = yield* loads(before)
          yield* begin(1)
          assert.isTrue(yield* endWithout(1))
          assert.isUndefined(yield* inspect)
        }
      }))
  })

  describe("fill of a forced load whose lease another load holds by now", () => {
    for (const [what, before] of [["nothing", undefined], ["a value", computed(written)]] as const) {
      test(`over ${what}: stores, and the other load keeps its lease`, () =>
        Effect.gen(function*() {
          const { begin, end, fail, holder, inspect, there } = yield* loads(before)
          yield* begin(1)
          yield* begin(2)
          assert.isTrue(yield* end(1))
          assert.deepStrictEqual([yield* there, yield* holder], [1, 2])
          yield* fail(2)
          assert.deepStrictEqual([yield* there, yield* holder], [1, undefined])
          assert.closeTo((yield* inspect)!.life!, 60_000, 1_000)
        }))

      test(`over ${what}: nothing to store leaves a marker that keeps the other load's lease`, () =>
        Effect.gen(function*() {
          const { begin, end, endWithout, fail, holder, inspect, there } = yield* loads(before)
          yield* begin(1)
          yield* begin(2)
          assert.isTrue(yield* endWithout(1))
          assert.deepStrictEqual([yield* there, yield* holder], [0, 2])
          assert.isTrue(yield* end(2))
          assert.strictEqual(yield* there, 2)
          yield* begin(3)
          yield* begin(4)
          assert.isTrue(yield* endWithout(3))
          yield* fail(4)
          assert.isUndefined(yield* inspect)
        }))

      test(`over ${what}: in whatever order the loads end, the value of the last one to begin stays`, () =>
        Effect.gen(function*() {
          const orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]]
          for (const order of orders) {
            for (const failing of [0, 1, 2, 3]) {
              const { begin, end, fail, holder, remove, there } = yield* loads(before)
              for (const n of [1, 2, 3]) yield* begin(n)
              for (const n of order) yield* n === failing ? fail(n) : end(n)
              // A marker goes when the load that holds it fails, and takes with it what the other loads need to know.
              const gone = before === undefined && order[0] === 3 && failing === 3
              const last = gone ? undefined : failing === 3 ? 2 : 3
              assert.strictEqual(yield* there, last, `${order.join()}, ${failing} fails`)
              assert.isUndefined(yield* holder)
              yield* remove
            }
          }
        }))
    }

    test("stores if nothing holds the lease any more", () =>
      Effect.gen(function*() {
        const { begin, end, fail, holder, there } = yield* loads(computed(written))
        yield* begin(1)
        yield* begin(2)
        yield* fail(2)
        assert.isTrue(yield* end(1))
        assert.deepStrictEqual([yield* there, yield* holder], [1, undefined])
      }))

    test("a write in between wins, and so does a delete", () =>
      Effect.gen(function*() {
        const { begin, end, inspect, remove, there, write } = yield* loads(computed(1))
        yield* begin(1)
        yield* begin(2)
        yield* write(computed(written))
        assert.deepStrictEqual([yield* end(1), yield* end(2)], [false, false])
        // Also if another load has taken the lease since.
        yield* begin(3)
        yield* write(computed(written + 1))
        yield* begin(4)
        assert.isFalse(yield* end(3))
        assert.strictEqual(yield* there, written + 1)
        yield* remove
        assert.isFalse(yield* end(4))
        yield* begin(5)
        yield* remove
        yield* begin(6)
        assert.isFalse(yield* end(5))
        assert.strictEqual(yield* there, 0)
        yield* remove
        assert.isUndefined(yield* inspect)
      }))

    test("if a write comes between three loads, the first one undoes nothing of it", () =>
      Effect.gen(function*() {
        const { begin, end, fail, there, write } = yield* loads(computed(1))
        yield* begin(1)
        yield* write(computed(written))
        yield* begin(2)
        yield* begin(3)
        assert.isTrue(yield* end(2))
        assert.isFalse(yield* end(1))
        assert.strictEqual(yield* there, 2)
        yield* fail(3)
        assert.isFalse(yield* end(1))
        assert.strictEqual(yield* there, 2)
      }))
  })
}
