import { describe } from "@effect/vitest"
import { Effect } from "effect"
import * as Entry from "../../../src/internal/entry/format.js"
import { history } from "../arbitraries.js"
import { driverIsCaught as caught } from "./bite.js"

const ignored = { onSuccess: () => Effect.void, onFailure: () => Effect.void }

/** What is written stays, so that what is lost is missed. */
const endless = history.map((tried) => ({
  ...tried,
  policy: { ...tried.policy, timeToLive: undefined, tags: "None" as const }
}))

describe("a mutant of the driver is caught", () => {
  caught("a fill that does not compare", (driver) => ({
    ...driver,
    fill: (requests) =>
      Effect.as(
        Effect.forEach(
          requests,
          ({ bytes, key, life }) => bytes === undefined ? driver.take([key]) : driver.set({ key, bytes, life }, ignored)
        ),
        requests.map(() => true)
      )
  }))

  caught("a release that does not compare", (driver) => ({
    ...driver,
    release: (requests) => Effect.asVoid(driver.take(requests.map(({ key }) => key)))
  }), { seed: 7 })

  caught("a lease that is granted over a newer write", (driver) => ({
    ...driver,
    lease: (requests, kind) =>
      Effect.forEach(requests, (request) =>
        Effect.flatMap(
          driver.lease([request], kind),
          ([reply]) =>
            reply?._tag === "Found" ? driver.lease([{ ...request, force: true }], kind) : Effect.succeed([reply!])
        ).pipe(Effect.map(([reply]) => reply!)))
  }), { histories: endless, seed: 1 })

  caught("a compare-and-set that does not compare", (driver) => ({
    ...driver,
    swap: ({ bytes, key, life }) =>
      (bytes === undefined ? driver.take([key]) : driver.set({ key, bytes, life }, ignored)).pipe(
        Effect.as({ done: true, found: undefined })
      )
  }))

  caught("an invalidation that leaves the epochs as they are", (driver) => ({
    ...driver,
    replaceEpochs: () => Effect.void
  }))

  caught("a write that leaves a lease in place", (driver) => ({
    ...driver,
    set: (write, reply) =>
      driver.get(write.key, {
        onSuccess: (there) => {
          const lease = there !== undefined && Entry.isEntry(there) ? Entry.lease(there) : undefined
          return driver.set(
            lease === undefined
              ? write
              : { ...write, bytes: Entry.withLease(write.bytes, lease.token, lease.until, lease.end) },
            reply
          )
        },
        onFailure: reply.onFailure
      })
  }))
})
