import { describe } from "@effect/vitest"
import { Effect } from "effect"
import * as Entry from "../../../src/internal/entry/format.js"
import { focused } from "../arbitraries.js"
import { driverIsCaught as caught } from "./bite.js"

const ignored = { onSuccess: () => Effect.void, onFailure: () => Effect.void }

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
  }), { histories: focused.removals, seed: 1 })

  caught("a release that does not compare", (driver) => ({
    ...driver,
    release: (requests) => Effect.asVoid(driver.take(requests.map(({ key }) => key)))
  }), { histories: focused.refreshes, seed: 2 })

  caught("a lease that is granted over a newer write", (driver) => ({
    ...driver,
    lease: (requests, kind) =>
      Effect.forEach(requests, (request) =>
        Effect.flatMap(
          driver.lease([request], kind),
          ([reply]) =>
            reply?._tag === "Found" ? driver.lease([{ ...request, force: true }], kind) : Effect.succeed([reply!])
        ).pipe(Effect.map(([reply]) => reply!)))
  }), { histories: focused.refreshes, seed: 17 })

  caught("a compare-and-set that does not compare", (driver) => ({
    ...driver,
    swap: ({ bytes, key, life }) =>
      (bytes === undefined ? driver.take([key]) : driver.set({ key, bytes, life }, ignored)).pipe(
        Effect.as({ done: true, found: undefined })
      )
  }), { histories: focused.removals, seed: 2 })

  caught("an invalidation that leaves the epochs as they are", (driver) => ({
    ...driver,
    replaceEpochs: () => Effect.void
  }), { histories: focused.invalidations, seed: 1 })

  caught("an invalidation that only expires", (driver) => ({
    ...driver,
    replaceEpochs: ([generation, ...tags]) =>
      driver.replaceEpochs([generation!, ...tags.map((tag) => ({ ...tag, expire: true }))])
  }), { histories: focused.expiries, seed: 5 })

  caught("an expiry that does nothing", (driver) => ({
    ...driver,
    expire: (requests) => Effect.succeed(requests.map(() => undefined))
  }), { histories: focused.expiries, seed: 1 })

  const uncounted = (epoch: Uint8Array): Uint8Array => Uint8Array.of(...epoch.subarray(0, 6), 0, 0)

  caught("a counter of expiries that is ignored", (driver) => ({
    ...driver,
    ensureEpochs: (requests) => Effect.map(driver.ensureEpochs(requests), (epochs) => epochs.map(uncounted)),
    getMany: (keys, reply) =>
      driver.getMany(keys, {
        ...reply,
        onSuccess: (found, now, first) =>
          reply.onSuccess(
            found.map((bytes, i) => bytes !== undefined && keys[i]!.startsWith(":tag:") ? uncounted(bytes) : bytes),
            now,
            first
          )
      })
  }), { histories: focused.expiries, seed: 6 })

  caught("an expiry that counts once", (driver) => ({
    ...driver,
    replaceEpochs: (requests) =>
      Effect.forEach(requests, (request) =>
        driver.get(request.key, {
          onSuccess: (there) => request.expire && there?.length === 14 ? Effect.void : driver.replaceEpochs([request]),
          onFailure: Effect.fail
        }), { discard: true })
  }), { histories: focused.expiries, seed: 3 })

  caught("an expiry that brings back what was invalidated", (driver) => {
    const first = new Map<string, Uint8Array>()
    return {
      ...driver,
      replaceEpochs: (requests) =>
        Effect.forEach(requests, (request) =>
          driver.get(request.key, {
            onSuccess: (there) => {
              if (there === undefined || !request.expire) {
                if (there !== undefined) first.set(request.key, there)
                return driver.replaceEpochs([request])
              }
              const bytes = first.get(request.key) ?? there
              return Effect.zipRight(
                driver.set({ key: request.key, bytes, life: undefined }, ignored),
                driver.replaceEpochs([request])
              )
            },
            onFailure: Effect.fail
          }), { discard: true })
    }
  }, { histories: focused.expiries, seed: 238 })

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
  }), { histories: focused.removals, seed: 3 })

  caught("a removal that does nothing if nothing fresh was seen", (driver) => ({
    ...driver,
    swap: (request, kind) =>
      Effect.flatMap(Effect.clock, (clock) => {
        const { bytes, seen } = request
        const until = Entry.identity(seen, kind).length === 0 ? -1 : Entry.freshUntil(seen!)
        return bytes === undefined && until !== 0 && until <= clock.unsafeCurrentTimeMillis()
          ? Effect.succeed({ done: true, found: undefined })
          : driver.swap(request, kind)
      })
  }), { histories: focused.removals, seed: 1 })

  caught("a fill that gives up what it set out to replace", (driver) => ({
    ...driver,
    fill: (requests) => driver.fill(requests.map((request) => ({ ...request, replaces: undefined })))
  }), { histories: focused.refreshes, seed: 1 })

  caught("a fill that replaces whatever is there by now", (driver) => ({
    ...driver,
    fill: (requests) =>
      Effect.forEach(
        requests,
        (request) =>
          Effect.flatMap(driver.fill([request]), ([done]) =>
            done === true || request.replaces === undefined || request.bytes === undefined
              ? Effect.succeed(done!)
              : Effect.as(driver.set({ ...request, bytes: request.bytes }, ignored), true))
      )
  }), { histories: focused.refreshes, seed: 4 })

  caught("a touch that cuts a lease", (driver) => ({
    ...driver,
    touch: (request, kind) =>
      Effect.flatMap(driver.touch(request, kind), (done) =>
        driver.get(request.key, {
          onSuccess: (there) =>
            done && there !== undefined
              ? Effect.as(driver.set({ key: request.key, bytes: there, life: request.life }, ignored), done)
              : Effect.succeed(done),
          onFailure: Effect.fail
        }))
  }), { histories: focused.touches, seed: 3 })

  caught("a batch that gives up what it waits for when the rest of it ends", (driver) => {
    /** The requests that were sent at once with each token. */
    const together = new Map<string, ReadonlyArray<{ readonly key: string; readonly token: Uint8Array }>>()
    const hex = (token: Uint8Array) => Buffer.from(token).toString("hex")
    return {
      ...driver,
      lease: (requests, kind) => {
        if (requests.length > 1) { for (const { token } of requests) together.set(hex(token), requests) }
        return driver.lease(requests, kind)
      },
      fill: (requests) =>
        Effect.tap(
          driver.fill(requests),
          () => driver.release(requests.flatMap(({ token }) => together.get(hex(token)) ?? []))
        )
    }
  }, { histories: focused.batches, seed: 4 })

  caught("a source that is not left alone when it has failed", (driver) => ({
    ...driver,
    release: (requests) => driver.release(requests.map(({ key, token }) => ({ key, token })))
  }), { histories: focused.staleWindows })
})
