/**
 * The model must bite: each of these mutants breaks one promise, and must be caught. Their histories are those of a
 * fixed seed, as they are.
 *
 * `MODEL_SHOW=1` shows what is found, and after how many histories.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { Binding } from "../../src/internal/cache/instance.js"
import { Feed } from "../../src/internal/changes/feed.js"
import * as Entry from "../../src/internal/entry/format.js"
import { FlightTable } from "../../src/internal/flight.js"
import { Loader } from "../../src/internal/load.js"
import { type Copy, NearCopies } from "../../src/internal/near/copies.js"
import { NearTier } from "../../src/internal/near/tier.js"
import { SetReply } from "../../src/internal/ops/replies.js"
import { type History, history } from "./history.js"
import { breath, type Mutant, run } from "./run.js"

/** What is written stays, so that what is lost is missed. */
const endless = history.map((tried) => ({
  ...tried,
  policy: { ...tried.policy, timeToLive: undefined, tags: "None" as const }
}))

/** Two processes that write and load one key. */
const twoInstances = endless.filter(({ instances }) => instances === 2).map((tried) => ({
  ...tried,
  fibers: tried.fibers.map((steps) =>
    steps.map((step) => ({
      ...step,
      operation: "load" in step.operation
        ? { _tag: "getOrSet" as const, key: 0, load: step.operation.load, timeout: undefined }
        : { _tag: "set" as const, key: 0 }
    }))
  )
}))

describe("a mutant of the driver is caught", () => {
  const caught = (name: string, mutant: Mutant, histories = history, seed?: number) =>
    it(name, { timeout: 240_000 }, () => bites(mutant, histories, seed))

  caught("a fill that does not compare", (driver) => ({
    ...driver,
    fill: (requests) =>
      Effect.as(
        Effect.forEach(requests, ({ bytes, key, life }) => driver.set({ key, bytes, life }, ignored)),
        requests.map(() => true)
      )
  }))

  caught(
    "a release that does not compare",
    (driver) => ({
      ...driver,
      release: (requests) => Effect.asVoid(driver.take(requests.map(({ key }) => key)))
    }),
    history,
    7
  )

  caught(
    "a lease that is granted over a newer write",
    (driver) => ({
      ...driver,
      lease: (requests, kind) =>
        Effect.forEach(requests, (request) =>
          Effect.flatMap(
            driver.lease([request], kind),
            ([reply]) =>
              reply === "Found" ? driver.lease([{ ...request, force: true }], kind) : Effect.succeed([reply!])
          ).pipe(Effect.map(([reply]) => reply!)))
    }),
    endless,
    1
  )

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
            lease === undefined ? write : { ...write, bytes: Entry.withLease(write.bytes, lease.token, lease.until) },
            reply
          )
        },
        onFailure: reply.onFailure
      })
  }))
})

/** With copies in memory. */
const near = history.filter(({ policy }) => policy.maxStaleness !== undefined)

/** Writes and reads of one key, and nothing else. */
const setsAndGets = (tried: History): History => ({
  ...tried,
  policy: { ...tried.policy, tags: "None", timeToLive: undefined },
  fibers: tried.fibers.map((steps) =>
    steps.map((step) => ({ ...step, operation: { _tag: "load" in step.operation ? "get" : "set", key: 0 } }))
  )
})

/** One process that hears of its own writes late. */
const ownWrites = near.filter(({ delay, instances }) => delay > 0 && instances === 1).map(setsAndGets)

/** Two processes: the answers of reads come late and in any order, and a look at what they have left behind. */
const overlapping = near.filter(({ instances }) => instances === 2).map(setsAndGets).map((tried) => ({
  ...tried,
  delay: 30,
  loss: 0,
  policy: { ...tried.policy, maxStaleness: 50 },
  fibers: tried.fibers.map((steps) => [
    ...steps.map((step) => ({ ...step, pause: step.pause % 10, interruptAfter: undefined })),
    ...[0, 1].map((instance) => ({
      instance,
      pause: 60,
      operation: { _tag: "get" as const, key: 0 },
      interruptAfter: undefined
    }))
  ])
}))

/** Two processes whose links are lost now and then, and who look again when they are back. */
const losing = near.filter(({ instances }) => instances === 2).map(setsAndGets).map((tried) => ({
  ...tried,
  delay: 2,
  loss: 0.3,
  policy: { ...tried.policy, maxStaleness: 50 },
  fibers: tried.fibers.map((steps) => [
    ...steps,
    ...[0, 1, 0, 1].map((instance) => ({
      instance,
      pause: 50,
      operation: { _tag: "get" as const, key: 0 },
      interruptAfter: undefined
    }))
  ])
}))

describe("a mutant of the load path is caught", () => {
  /** Puts something else in the place of a method, for as long as the mutant runs. */
  const caught = (
    name: string,
    methods: object,
    patch: Record<string, (...args: Array<never>) => unknown>,
    histories = history,
    seed?: number
  ) =>
    it(name, { timeout: 240_000 }, async () => {
      const own = Object.getOwnPropertyDescriptors(methods)
      for (const [method, value] of Object.entries(patch)) {
        assert.property(own, method, "the method has another name by now")
        Object.defineProperty(methods, method, { value, configurable: true, writable: true })
      }
      try {
        await bites((driver) => driver, histories, seed)
      } finally {
        for (const method of Object.keys(patch)) Object.defineProperty(methods, method, own[method]!)
      }
    })

  // Private methods are reached by their names.
  const loader = Loader.prototype as unknown as Record<string, (this: unknown, ...args: Array<unknown>) => unknown>
  const { epochs } = Binding.prototype
  const { lives } = NearCopies.prototype
  const { settle } = FlightTable.prototype
  const { readEpochs, tagsOf } = loader

  caught("no detach on a local write", FlightTable.prototype, { detach: () => {}, detachAll: () => {} }, history, 14)

  caught("a tag's epoch is read only after the load", loader, {
    readEpochs: () => Effect.void,
    tagsOf(this: unknown, task: never, exit: never, life: never) {
      return Effect.zipRight(
        readEpochs!.call(this, [task]) as Effect.Effect<void>,
        Effect.suspend(() => tagsOf!.call(this, task, exit, life) as Effect.Effect<void>)
      )
    }
  })

  caught("a tag generation that is never another", Binding.prototype, {
    generation: () => Effect.succeed(new Uint8Array(Entry.epochSize))
  })

  caught("an epoch that is made anew at each write, not kept", Binding.prototype, {
    epochs(this: Binding<unknown, unknown>, tags: ReadonlyArray<string>, life: number | undefined) {
      return Effect.map(
        epochs.call(this, tags, life),
        (found) => found.map(({ name }) => ({ name, epoch: this.runtime.random.make(Entry.epochSize) }))
      )
    }
  })

  caught("everyone who waits is given the value, however late he came", FlightTable.prototype, {
    settle(this: FlightTable, slot: Parameters<typeof settle>[0], outcome: Parameters<typeof settle>[1]) {
      settle.call(this, slot, outcome._tag === "Again" ? outcome : { ...outcome, validBefore: Infinity })
    }
  }, twoInstances)

  caught("a lease that nobody releases", loader, { release: () => Effect.void })

  caught(
    "an anonymous placeholder",
    NearTier.prototype,
    {
      isOpen(this: { readonly placeholders: Map<string, unknown> }, key: string) {
        return this.placeholders.has(key)
      }
    },
    overlapping,
    39
  )

  caught(
    "no eviction when an own write is answered",
    SetReply.prototype,
    { onSuccess: () => Effect.void },
    ownWrites,
    1
  )

  caught(
    "a hit whose tags are not looked at",
    NearCopies.prototype,
    {
      lives(this: NearCopies, { end, value }: Copy, now: number, window: number) {
        return lives.call(this, { end, value, holds: true }, now, window)
      }
    },
    near,
    7
  )

  caught("a hit without a proof that changes are heard of", Feed.prototype, { proven: () => true }, losing)

  caught(
    "copies that stay when the link is lost",
    NearTier.prototype,
    { changedAll: () => {}, lost: () => {} },
    losing,
    5
  )

  caught("waiters that are forgotten", FlightTable.prototype, {
    settle(this: FlightTable, slot: Parameters<typeof settle>[0], outcome: Parameters<typeof settle>[1]) {
      if (slot.waiters.size > 1) slot.waiters.delete([...slot.waiters][0])
      settle.call(this, slot, outcome)
    }
  })
})

const ignored = { onSuccess: () => Effect.void, onFailure: () => Effect.void }

/** Seeds are chosen: each finds its mutant soon. */
const bites = async (mutant: Mutant, histories: fc.Arbitrary<History>, seed = 20_251): Promise<void> => {
  const property = fc.asyncProperty(histories, async (tried) => {
    await breath()
    const wrong = run(tried, mutant)
    if (process.env.MODEL_SHOW !== undefined && wrong.length > 0) console.log(wrong[0])
    return wrong.length === 0
  })
  const checked = await fc.check(property, { seed, numRuns: 2_000, endOnFailure: true })
  if (process.env.MODEL_SHOW !== undefined) console.log(checked.numRuns)
  assert.isTrue(checked.failed, `${checked.numRuns} histories have not shown it`)
}
