/** Caching switched off: reads miss, writes succeed and are dropped, loads compute. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
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
