/** Random histories: of all operations, and of groups of related operations. */
import fc from "fast-check"
import {
  allKeys,
  epoch,
  type History,
  hold,
  type Load,
  longLease,
  longLife,
  maxDuration,
  type Operation,
  shortLife,
  type Step,
  tagNames
} from "./history.js"

type Weighted<A> = fc.WeightedArbitrary<A>

/** One time in six. */
const rarely = <A>(arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const duration = fc.oneof(
  { weight: 8, arbitrary: fc.nat(60) },
  { weight: 1, arbitrary: fc.constant(2 * maxDuration) }
)

const load: fc.Arbitrary<Load> = fc.record({
  duration,
  outcome: fc.oneof(
    { weight: 8, arbitrary: fc.constant("Succeed" as const) },
    { weight: 2, arbitrary: fc.constant("Unchanged" as const) },
    { weight: 3, arbitrary: fc.constant("Fail" as const) },
    { weight: 1, arbitrary: fc.constantFrom("Die" as const, "Interrupt" as const) }
  )
})

/** Whose outcome comes soon, and is usually returned. */
const brief: fc.Arbitrary<Load> = fc.record({
  duration: fc.nat(40),
  outcome: fc.constantFrom("Succeed" as const, "Succeed" as const, "Fail" as const)
})

const loads = (one: fc.Arbitrary<Load>): fc.Arbitrary<ReadonlyArray<Load>> => {
  // A key for which a batch has no value.
  const nothing = fc.record({ duration: fc.nat(60), outcome: fc.constant("Nothing" as const) })
  const each = fc.oneof({ weight: 8, arbitrary: one }, { weight: 1, arbitrary: nothing })
  return fc.tuple(...allKeys.map(() => each))
}

// Most events must concern one key.
const key = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) })
const life = fc.constantFrom(shortLife, longLife)

const getOrSet = (ofKey: fc.Arbitrary<number>, one: fc.Arbitrary<Load>): fc.Arbitrary<Operation> =>
  fc.record({
    _tag: fc.constant("getOrSet" as const),
    key: ofKey,
    load: one,
    timeout: rarely(fc.integer({ min: 1, max: 60 })),
    soft: fc.constant(undefined),
    forceRefresh: fc.constant(false)
  })

/** A caller that accepts a stale value, soon. */
const impatient = (ofKey: fc.Arbitrary<number>, one: fc.Arbitrary<Load>): fc.Arbitrary<Operation> =>
  fc.record({
    _tag: fc.constant("getOrSet" as const),
    key: ofKey,
    load: one,
    timeout: rarely(fc.integer({ min: 31, max: 60 })),
    soft: fc.integer({ min: 1, max: 30 }),
    forceRefresh: fc.constant(false)
  })

const forced = (ofKey: fc.Arbitrary<number>, one: fc.Arbitrary<Load>): fc.Arbitrary<Operation> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("refresh" as const), key: ofKey, load: one }) },
    {
      weight: 1,
      arbitrary: getOrSet(ofKey, one).map((operation) => ({ ...operation, forceRefresh: true } as Operation))
    }
  )

const many = (one: fc.Arbitrary<Load>): fc.Arbitrary<Operation> =>
  fc.record({ _tag: fc.constant("getOrSetMany" as const), loads: loads(one) })

const plain = <Tag extends "get" | "has" | "set" | "delete" | "expire" | "take" | "setIfAbsent">(
  ofKey: fc.Arbitrary<number>,
  ...tags: ReadonlyArray<Tag>
): fc.Arbitrary<Operation> => fc.record({ _tag: fc.constantFrom(...tags), key: ofKey })

const modify = (
  ofKey: fc.Arbitrary<number>,
  ...answers: ReadonlyArray<"New" | "None" | "Same">
): fc.Arbitrary<Operation> =>
  fc.record({ _tag: fc.constant("modify" as const), key: ofKey, answer: fc.constantFrom(...answers) })

const touch = (ofKey: fc.Arbitrary<number>): fc.Arbitrary<Operation> =>
  fc.record({ _tag: fc.constant("touch" as const), key: ofKey, life })

const invalidation: fc.Arbitrary<Operation> = fc.record({
  _tag: fc.constant("invalidateTags" as const),
  tag: fc.constantFrom(...tagNames)
})

const expiryOfTags: fc.Arbitrary<Operation> = invalidation.map((operation) => ({
  ...operation,
  _tag: "expireTags"
} as Operation))

const update = (ofKey: fc.Arbitrary<number>, tag: fc.Arbitrary<string | undefined>): fc.Arbitrary<Operation> =>
  fc.record({
    _tag: fc.constant("update" as const),
    key: ofKey,
    tag,
    before: fc.oneof({ weight: 8, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.constant(2 * hold) }),
    after: fc.nat(40),
    outcome: fc.constantFrom("Commit" as const, "Commit" as const, "Commit" as const, "RollBack" as const),
    dies: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    linger: rarely(fc.integer({ min: 1, max: 60 })),
    store: fc.boolean(),
    own: rarely(brief)
  })

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 14, arbitrary: getOrSet(key, load) },
  { weight: 2, arbitrary: impatient(key, load) },
  { weight: 5, arbitrary: forced(key, load) },
  { weight: 3, arbitrary: many(load) },
  { weight: 12, arbitrary: plain(key, "get", "set", "delete") },
  { weight: 4, arbitrary: plain(key, "take", "setIfAbsent") },
  { weight: 4, arbitrary: modify(key, "New", "New", "None", "Same") },
  { weight: 2, arbitrary: touch(key) },
  { weight: 1, arbitrary: plain(key, "has") },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constantFrom("getMany" as const, "setMany" as const, "deleteMany" as const) })
  },
  { weight: 4, arbitrary: invalidation },
  { weight: 2, arbitrary: plain(key, "expire") },
  { weight: 2, arbitrary: expiryOfTags },
  { weight: 4, arbitrary: update(key, rarely(fc.constantFrom(...tagNames))) }
)

const step = (
  instances: number,
  of: fc.Arbitrary<Operation>,
  pause: fc.Arbitrary<number> = fc.oneof(fc.constant(0), fc.nat(10), fc.nat(60)),
  interruptAfter: fc.Arbitrary<number | undefined> = rarely(fc.nat(40))
): fc.Arbitrary<Step> => fc.record({ instance: fc.nat(instances - 1), pause, operation: of, interruptAfter })

const fibers = (one: fc.Arbitrary<Step>, maxLength: number): fc.Arbitrary<History["fibers"]> =>
  fc.array(fc.array(one, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength })

/** All operations. */
export const history: fc.Arbitrary<History> = fc.constantFrom(1, 2, 2, 3).chain((instances) =>
  fc.record({
    instances: fc.constant(instances),
    seed: fc.nat(0x7fffffff).noShrink(),
    delay: fc.constantFrom(0, 2, 10, 30),
    lost: fc.constantFrom(0, 0, 0.05, 0.2),
    policy: fc.record({
      timeToLive: fc.constantFrom(undefined, undefined, 15, 40),
      staleWhileRevalidate: fc.constantFrom(undefined, 60),
      staleIfError: fc.constantFrom(undefined, 80),
      retain: fc.constantFrom(undefined, undefined, 200),
      leaseDuration: fc.constantFrom(30, longLease),
      tags: fc.constantFrom("None" as const, "Key" as const, "Value" as const, "Both" as const),
      maxStaleness: fc.constantFrom(undefined, 50, 200)
    }),
    loss: fc.constantFrom(0, 0, 0.05),
    outage: fc.constant(undefined),
    silence: fc.constantFrom(20, 300),
    fibers: fibers(step(instances, operation), 6)
  })
)

const outage = (instances: number): fc.Arbitrary<History["outage"]> =>
  fc.record({
    instance: fc.nat(instances - 1),
    from: fc.integer({ min: epoch, max: epoch + 60 }),
    lasts: fc.integer({ min: 10, max: 150 })
  }).map(({ from, instance, lasts }) => ({ instance, from, to: from + lasts }))

/**
 * Few kinds of operations on a reliable store, so that their effects on each other show soon. Nothing is interrupted,
 * nothing is lost.
 */
const focus = (
  { instances, isAway, pause, policy }: {
    readonly isAway?: boolean
    readonly instances: ReadonlyArray<number>
    readonly pause: fc.Arbitrary<number>
    readonly policy: { readonly [Option in keyof History["policy"]]?: fc.Arbitrary<History["policy"][Option]> }
  },
  ...operations: ReadonlyArray<Weighted<Operation>>
): fc.Arbitrary<History> =>
  fc.constantFrom(...instances).chain((count) =>
    fc.record({
      instances: fc.constant(count),
      seed: fc.nat(0x7fffffff).noShrink(),
      delay: fc.constantFrom(0, 0, 2, 10),
      lost: fc.constant(0),
      policy: fc.record({
        timeToLive: policy.timeToLive ?? fc.constant(undefined),
        staleWhileRevalidate: policy.staleWhileRevalidate ?? fc.constant(undefined),
        staleIfError: policy.staleIfError ?? fc.constant(undefined),
        retain: policy.retain ?? fc.constant(undefined),
        leaseDuration: policy.leaseDuration ?? fc.constant(longLease),
        tags: policy.tags ?? fc.constant("None" as const),
        maxStaleness: policy.maxStaleness ?? fc.constant(undefined)
      }),
      loss: fc.constant(0),
      outage: isAway === true ? outage(count) : fc.constant(undefined),
      silence: fc.constant(20),
      fibers: fibers(step(count, fc.oneof(...operations), pause, fc.constant(undefined)), 4)
    })
  )

/** A load that asks its source for changes, and usually finds none. */
const revalidating: fc.Arbitrary<Load> = fc.record({
  duration: fc.nat(40),
  outcome: fc.constantFrom("Unchanged" as const, "Unchanged" as const, "Succeed" as const, "Fail" as const)
})

const one = fc.constant(0)
const soon = fc.oneof(fc.constant(0), fc.nat(10), fc.nat(30))
/** Long enough that earlier values are stale. */
const late = fc.oneof(fc.nat(10), fc.integer({ min: 16, max: 50 }))

/** Histories of related operations. */
export const focused = {
  /** Values, stale values and loads in flight exist or not, and are removed. */
  removals: focus(
    {
      instances: [1, 2],
      pause: fc.oneof(soon, late),
      policy: {
        timeToLive: fc.constantFrom(undefined, 15),
        staleWhileRevalidate: fc.constantFrom(undefined, 100),
        staleIfError: fc.constantFrom(undefined, 100)
      }
    },
    { weight: 3, arbitrary: modify(one, "None", "None", "New", "Same") },
    { weight: 2, arbitrary: plain(one, "set", "get", "take", "setIfAbsent") },
    { weight: 3, arbitrary: getOrSet(one, brief) }
  ),
  /** Forced loads that overlap, succeed or fail, while others read. */
  refreshes: focus(
    {
      instances: [1, 2],
      pause: soon,
      policy: { timeToLive: fc.constantFrom(undefined, 40), tags: fc.constantFrom("None", "Key", "Both") }
    },
    { weight: 8, arbitrary: forced(one, brief) },
    { weight: 4, arbitrary: plain(one, "get", "get", "set") },
    { weight: 6, arbitrary: getOrSet(one, brief) },
    { weight: 1, arbitrary: modify(one, "New", "Same") }
  ),
  /** Batches of which another process loads a part. */
  batches: focus(
    { instances: [2, 3], pause: soon, policy: { timeToLive: fc.constantFrom(undefined, undefined, 15) } },
    { weight: 3, arbitrary: many(brief) },
    { weight: 3, arbitrary: getOrSet(fc.constantFrom(...allKeys), brief) },
    { weight: 1, arbitrary: plain(fc.constantFrom(...allKeys), "get", "delete") }
  ),
  /** Values that get another TTL while they are loaded. */
  touches: focus(
    { instances: [1, 2], pause: soon, policy: { timeToLive: fc.constantFrom(undefined, 40) } },
    { weight: 2, arbitrary: touch(one) },
    { weight: 2, arbitrary: forced(one, brief) },
    { weight: 2, arbitrary: getOrSet(one, brief) },
    { weight: 1, arbitrary: plain(one, "set", "get", "has") }
  ),
  /** Values that are invalidated by their tags while they are loaded, written and modified. */
  invalidations: focus(
    {
      instances: [1, 2],
      pause: soon,
      policy: {
        tags: fc.constantFrom("Key", "Value", "Both"),
        maxStaleness: fc.constantFrom(undefined, undefined, 50)
      }
    },
    { weight: 3, arbitrary: getOrSet(one, brief) },
    { weight: 2, arbitrary: plain(one, "get", "get", "set") },
    { weight: 1, arbitrary: modify(one, "New", "Same") },
    { weight: 1, arbitrary: forced(one, brief) },
    { weight: 3, arbitrary: invalidation }
  ),
  /** Values that are expired, by themselves and by their tags, while they are loaded, written and invalidated. */
  expiries: focus(
    {
      instances: [1, 2],
      pause: late,
      policy: {
        timeToLive: fc.constantFrom(undefined, 40),
        staleWhileRevalidate: fc.constantFrom(undefined, 30, 100),
        staleIfError: fc.constantFrom(undefined, 40, 100),
        tags: fc.constantFrom("Key", "Value", "Both"),
        maxStaleness: fc.constantFrom(undefined, undefined, 50)
      }
    },
    { weight: 4, arbitrary: getOrSet(one, brief) },
    { weight: 2, arbitrary: plain(one, "set", "get", "has") },
    { weight: 1, arbitrary: modify(one, "New", "Same") },
    { weight: 1, arbitrary: forced(one, brief) },
    { weight: 1, arbitrary: touch(one) },
    { weight: 2, arbitrary: plain(one, "expire") },
    { weight: 3, arbitrary: expiryOfTags },
    { weight: 1, arbitrary: invalidation }
  ),
  /** Updates of the source that overlap with each other, and with loads that read the source before. */
  updates: focus(
    {
      instances: [1, 2],
      pause: soon,
      policy: {
        timeToLive: fc.constantFrom(undefined, undefined, 15),
        staleWhileRevalidate: fc.constantFrom(undefined, 100),
        maxStaleness: fc.constantFrom(undefined, undefined, 50)
      }
    },
    { weight: 6, arbitrary: update(one, fc.constant(undefined)) },
    { weight: 6, arbitrary: getOrSet(one, brief) },
    { weight: 2, arbitrary: forced(one, brief) },
    { weight: 1, arbitrary: many(brief) },
    { weight: 3, arbitrary: plain(one, "get", "get", "set", "delete") }
  ),
  /** Updates that hold tags. */
  taggedUpdates: focus(
    { instances: [1, 2], pause: soon, policy: { tags: fc.constantFrom("Key", "Value", "Both") } },
    // Of another key, so that only tags hold.
    { weight: 4, arbitrary: update(fc.constant(1), fc.constantFrom("all", "key0", "even", "odd")) },
    { weight: 6, arbitrary: getOrSet(one, brief) },
    { weight: 1, arbitrary: forced(one, brief) },
    { weight: 3, arbitrary: plain(one, "get", "get", "set") },
    { weight: 1, arbitrary: invalidation }
  ),
  /** Loads that receive the previous value, while it is replaced, removed and invalidated. */
  revalidations: focus(
    {
      instances: [1, 2],
      pause: late,
      policy: {
        timeToLive: fc.constantFrom(15, 30),
        staleWhileRevalidate: fc.constantFrom(undefined, 30),
        retain: fc.constantFrom(undefined, 200),
        tags: fc.constantFrom("None", "Key", "Value", "Both"),
        maxStaleness: fc.constantFrom(undefined, undefined, 50)
      }
    },
    { weight: 6, arbitrary: getOrSet(one, revalidating) },
    { weight: 3, arbitrary: forced(one, revalidating) },
    { weight: 1, arbitrary: many(revalidating) },
    { weight: 3, arbitrary: plain(one, "get", "set", "delete", "expire") },
    { weight: 1, arbitrary: update(one, fc.constant(undefined)) },
    { weight: 2, arbitrary: invalidation }
  ),
  /** The store does not answer one of the processes for a while. */
  outages: focus(
    {
      instances: [1, 2, 2],
      isAway: true,
      pause: fc.oneof(soon, late),
      policy: { timeToLive: fc.constantFrom(undefined, undefined, 40), leaseDuration: fc.constant(30) }
    },
    { weight: 4, arbitrary: plain(one, "set", "set", "delete") },
    { weight: 5, arbitrary: plain(one, "get", "get", "take", "setIfAbsent") },
    { weight: 4, arbitrary: getOrSet(one, brief) },
    { weight: 2, arbitrary: forced(one, brief) },
    { weight: 1, arbitrary: modify(one, "New", "None", "Same") },
    { weight: 1, arbitrary: touch(one) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constantFrom("getMany" as const, "setMany" as const) }) }
  ),
  /** Callers that accept a stale value before their loads are done. */
  softTimeouts: focus(
    {
      instances: [1, 2],
      pause: late,
      policy: {
        timeToLive: fc.constantFrom(15, 30),
        staleWhileRevalidate: fc.constantFrom(undefined, 20),
        staleIfError: fc.constantFrom(100, 300)
      }
    },
    { weight: 6, arbitrary: impatient(one, load) },
    { weight: 2, arbitrary: getOrSet(one, brief) },
    { weight: 1, arbitrary: plain(one, "set", "delete") }
  ),
  /** Stale values, and loads of them that fail. */
  staleWindows: focus(
    {
      instances: [1, 2],
      pause: late,
      policy: {
        timeToLive: fc.constantFrom(15, 30),
        staleWhileRevalidate: fc.constantFrom(undefined, 20, 100),
        staleIfError: fc.constantFrom(undefined, 40, 100),
        maxStaleness: fc.constantFrom(undefined, undefined, 50)
      }
    },
    { weight: 5, arbitrary: getOrSet(one, brief) },
    { weight: 2, arbitrary: many(brief) },
    { weight: 2, arbitrary: forced(one, brief) },
    { weight: 2, arbitrary: plain(one, "set", "get", "has", "delete") },
    { weight: 1, arbitrary: touch(one) }
  )
}
