import { describe } from "@effect/vitest"
import { Effect } from "effect"
import type { RedisError } from "../../../src/CacheError.js"
import { TagEpochs } from "../../../src/internal/cache/tagEpochs.js"
import type { Driver } from "../../../src/internal/driver/driver.js"
import * as Entry from "../../../src/internal/entry/format.js"
import { Caller } from "../../../src/internal/load/caller.js"
import { focused } from "../arbitraries.js"
import type { History, Step } from "../history.js"
import { classIsCaught, driverIsCaught } from "./bite.js"

const ignored = { onSuccess: () => Effect.void, onFailure: () => Effect.void }

/** Stores something that is not a hold, like a raw `SET`. */
const wipe = (driver: Driver, keys: ReadonlyArray<string>): Effect.Effect<unknown> =>
  Effect.forEach(keys, (key) => driver.set({ key, bytes: new Uint8Array(1), life: undefined }, ignored))

const isHeld = (driver: Driver, key: string): Effect.Effect<boolean, RedisError> =>
  Effect.map(driver.heads([key], Entry.headerSize), ([head]) => head !== undefined && Entry.isHold(head))

/** Writes take holds away, and are followed by loads that read before the commit. */
const overwritten = focused.updates.map((tried): History => ({
  ...tried,
  policy: { ...tried.policy, timeToLive: undefined, maxStaleness: undefined },
  fibers: tried.fibers.map((steps) =>
    steps.map((step): Step => {
      const { operation } = step
      if (operation._tag === "get") return { ...step, operation: { _tag: "set", key: 0 } }
      return operation._tag === "delete" || operation._tag === "getOrSetMany"
        ? { ...step, operation: { _tag: "refresh", key: 0, load: { duration: 20, outcome: "Succeed" } } }
        : step
    })
  )
}))

describe("a mutant of updates is caught", () => {
  const hunt = (seed: number) => ({
    histories: focused.updates,
    seed
  })
  const tagHunt = (seed: number) => ({
    histories: focused.taggedUpdates,
    seed
  })

  driverIsCaught("no hold", (driver) => ({ ...driver, hold: () => Effect.void }), hunt(1))

  driverIsCaught("a hold that does not replace a lease", (driver) => ({
    ...driver,
    hold: (request) =>
      Effect.forEach(request.keys, (key) =>
        driver.get(key, {
          onSuccess: (found) =>
            found !== undefined && Entry.isEntry(found) && Entry.lease(found) !== undefined
              ? Effect.void
              : driver.hold({ ...request, keys: [key] }),
          onFailure: Effect.fail
        }), { discard: true })
  }), hunt(1))

  driverIsCaught("a begin that replaces another's hold", (driver) => ({
    ...driver,
    hold: (request) => Effect.zipRight(request.renews ? Effect.void : wipe(driver, request.keys), driver.hold(request))
  }), hunt(2))

  driverIsCaught("an end that removes another's hold", (driver) => ({
    ...driver,
    endHold: (request) =>
      Effect.zipRight(
        request.cancels ? Effect.void : wipe(driver, request.keys),
        driver.endHold(request)
      )
  }), hunt(15))

  driverIsCaught("a hold that is not renewed", (driver) => ({
    ...driver,
    hold: (request) => request.renews ? Effect.void : driver.hold(request)
  }), hunt(47))

  driverIsCaught("an end that leaves what has replaced its hold", (driver) => ({
    ...driver,
    endHold: (request) => driver.endHold({ ...request, cancels: true })
  }), { histories: overwritten, seed: 5 })

  driverIsCaught("a fill over a hold", (driver) => ({
    ...driver,
    fill: (requests) =>
      Effect.flatMap(
        driver.fill(requests),
        (filled) =>
          Effect.forEach(requests, ({ bytes, key, life }, i) =>
            Effect.flatMap(isHeld(driver, key), (held) =>
              held && bytes !== undefined
                ? Effect.as(driver.set({ key, bytes, life }, ignored), true)
                : Effect.succeed(filled[i]!)))
      )
  }), hunt(1))

  driverIsCaught("a lease over a hold", (driver) => ({
    ...driver,
    lease: (requests, kind) =>
      Effect.forEach(
        requests,
        (request) =>
          Effect.flatMap(driver.lease([request], kind), ([reply]) =>
            reply?._tag === "Barred" && !request.force
              ? Effect.zipRight(wipe(driver, [request.key]), driver.lease([request], kind))
              : Effect.succeed([reply!]))
      ).pipe(Effect.map((replies) => replies.map(([reply]) => reply!)))
  }), hunt(1))

  driverIsCaught("a forced lease over a hold", (driver) => ({
    ...driver,
    lease: (requests, kind) =>
      Effect.forEach(
        requests,
        (request) =>
          Effect.flatMap(driver.lease([request], kind), ([reply]) =>
            reply?._tag === "Barred" && request.force
              ? Effect.zipRight(wipe(driver, [request.key]), driver.lease([request], kind))
              : Effect.succeed([reply!]))
      ).pipe(Effect.map((replies) => replies.map(([reply]) => reply!)))
  }), hunt(1))

  driverIsCaught("a store after a shared hold", (driver) => ({
    ...driver,
    endHold: (request) =>
      Effect.flatMap(driver.endHold(request), (written) =>
        written > 0 || request.writes.size === 0
          ? Effect.succeed(written)
          : Effect.flatMap(Effect.exists(request.keys, (key) => isHeld(driver, key)), (held) =>
            held
              ? Effect.succeed(0)
              : Effect.as(
                Effect.forEach(request.writes, ([key, { bytes, life }]) => driver.set({ key, bytes, life }, ignored)),
                request.writes.size
              )))
  }), hunt(5))

  classIsCaught("loads inside an update that are treated like any other", Caller.prototype, {
    isApart: () => false
  }, hunt(78))

  driverIsCaught("tags that are not held", (driver) => ({
    ...driver,
    hold: (request) => driver.hold({ ...request, tags: [] }),
    endHold: (request) => driver.endHold({ ...request, tags: [] })
  }), tagHunt(1))

  driverIsCaught("an end that leaves the tag generation as it is", (driver) => ({
    ...driver,
    endHold: (request) => driver.endHold({ ...request, generation: undefined })
  }), tagHunt(36))

  const { ensure } = TagEpochs.prototype
  classIsCaught("a held tag whose epoch is created anyway", TagEpochs.prototype, {
    ensure(this: TagEpochs, ...of: Parameters<typeof ensure>) {
      const { driver } = this as unknown as { readonly driver: Driver }
      const over = {
        ...driver,
        ensureEpochs: (requests) =>
          Effect.zipRight(
            Effect.forEach(
              requests,
              ({ key }) => Effect.flatMap(isHeld(driver, key), (held) => held ? wipe(driver, [key]) : Effect.void)
            ),
            driver.ensureEpochs(requests)
          )
      } satisfies Driver
      return ensure.apply(Object.assign(Object.create(TagEpochs.prototype), this, { driver: over }), of)
    }
  }, tagHunt(2))
})
