/** Caching switched off: reads miss, writes succeed and are dropped, loads compute. All of it, or values alone. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RedisError } from "../../CacheError.js"
import * as Entry from "../entry/format.js"
import type { Driver } from "./driver.js"

const epoch = new Uint8Array(Entry.epochSize)

export const off = (): Driver => ({
  prefix: "",
  breaker: undefined,
  unsafeNow: (clock) => clock.unsafeCurrentTimeMillis(),
  unsafeMonotonic: (clock) => clock.unsafeCurrentTimeMillis(),
  unsafeConnections: () => 1,
  unsafeOnReconnect: () => {},
  get: (key, reply) => Effect.suspend(() => reply.onSuccess(undefined, 0, key)),
  getMany: (keys, reply) => Effect.suspend(() => reply.onSuccess(keys.map(() => undefined), 0, keys[0] ?? "")),
  set: (write, reply) => Effect.suspend(() => reply.onSuccess(undefined, 0, write.key)),
  setMany: (writes, reply) => Effect.suspend(() => reply.onSuccess(undefined, 0, writes[0]?.key ?? "")),
  take: (keys) => Effect.succeed(keys.map(() => undefined)),
  remove: (keys) => Effect.succeed(keys.map(() => undefined)),
  discard: () => Effect.succeed({ failed: [], error: undefined }),
  lease: (requests) =>
    Effect.succeed(requests.map(({ token }) => ({ _tag: "Granted", grant: { writeId: token, turn: token } }))),
  fill: (requests) => Effect.succeed(requests.map(() => true)),
  release: () => Effect.void,
  renew: (requests) => Effect.succeed(requests.map(() => true)),
  swap: () => Effect.succeed({ done: true, found: undefined }),
  touch: () => Effect.succeed(false),
  expire: (requests) => Effect.succeed(requests.map(() => undefined)),
  increment: ({ delta }) => Effect.succeed(delta),
  // Always the same: nothing is ever invalidated where nothing is stored.
  ensureEpochs: (requests) => Effect.succeed(requests.map(() => epoch)),
  replaceEpochs: () => Effect.void,
  hold: () => Effect.void,
  endHold: () => Effect.succeed(0),
  scan: () => Stream.empty,
  clear: () => Effect.succeed(0),
  heads: (keys) => Effect.succeed(keys.map(() => undefined)),
  watch: () => Effect.never,
  inspect: () => Effect.succeed(undefined),
  measure: (keys) => Effect.succeed(keys.map(() => undefined)),
  servers: () => Effect.succeed([])
})

/** The driver, with values neither read nor written, and all else as it was. */
export const withoutValues = (driver: Driver): Driver => {
  const { ensureEpochs, get, getMany, increment, set, setMany, swap, touch } = off()
  return { ...driver, get, getMany, set, setMany, swap, touch, increment, ensureEpochs }
}

/**
 * The driver, with writes of values that answer as if they were done, and are not. What would be removed by one is
 * removed: that is no value.
 */
export const withoutWrites = (driver: Driver): Driver => {
  const { ensureEpochs, set, setMany } = off()
  return {
    ...driver,
    set,
    setMany,
    ensureEpochs,
    swap: (request, kind) =>
      request.bytes === undefined ? driver.swap(request, kind) : Effect.map(
        readOne(driver, request.key),
        (found) =>
          Entry.sameBytes(Entry.identity(found, kind), Entry.identity(request.seen, kind))
            ? { done: true, found: undefined }
            : { done: false, found }
      ),
    touch: ({ key, seen }, kind) =>
      Effect.map(readOne(driver, key), (found) => {
        const there = Entry.identity(found, kind)
        return there.length > 0 && Entry.sameBytes(there, Entry.identity(seen, kind))
      }),
    increment: ({ delta, key }) =>
      Effect.flatMap(readOne(driver, key), (found) => {
        const sum = Number(new TextDecoder().decode(Entry.identity(found, "counter"))) + delta
        return Number.isSafeInteger(sum) ? Effect.succeed(sum) : Effect.fail(
          new RedisError({
            reason: "Command",
            operation: "increment",
            cause: new Error("increment or decrement would overflow")
          })
        )
      })
  }
}

const readOne = (driver: Driver, key: string): Effect.Effect<Uint8Array | undefined, RedisError> =>
  driver.get(key, { onSuccess: (bytes) => Effect.succeed(bytes), onFailure: (error) => Effect.fail(error) })
