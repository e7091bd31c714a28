import { describe } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { Feed } from "../../../src/internal/changes/feed.js"
import { type Copy, NearCopies } from "../../../src/internal/near/copies.js"
import { NearTier } from "../../../src/internal/near/tier.js"
import { SetReply } from "../../../src/internal/ops/write/set.js"
import { focused, history } from "../arbitraries.js"
import { type History, isLoad, longLease, type Step } from "../history.js"
import { classIsCaught as caught } from "./bite.js"

/** With copies in memory. */
const near = history.filter(({ policy }) => policy.maxStaleness !== undefined)

/** Writes and reads of one key, and nothing else. */
const setsAndGets = (tried: History): History => ({
  ...tried,
  policy: { ...tried.policy, tags: "None", timeToLive: undefined },
  fibers: tried.fibers.map((steps) =>
    steps.map((step) => ({ ...step, operation: { _tag: isLoad(step.operation) ? "get" : "set", key: 0 } }))
  )
})

const look = (instance: number, pause: number): Step => ({
  instance,
  pause,
  operation: { _tag: "get", key: 0 },
  interruptAfter: undefined
})

/** One process that hears of its own writes late. */
const ownWrites = near.filter(({ delay, instances }) => delay > 0 && instances === 1).map(setsAndGets)

const step = (
  instance: number,
  tag: "get" | "set",
  longest: number,
  interruptAfter: fc.Arbitrary<number | undefined>
): fc.Arbitrary<Step> =>
  fc.record({
    instance: fc.constant(instance),
    pause: fc.nat(longest),
    operation: fc.constant({ _tag: tag, key: 0 }),
    interruptAfter
  })

const never = fc.constant(undefined)
const reads = fc.array(step(0, "get", 20, fc.oneof(never, fc.nat(50))), { minLength: 1, maxLength: 5 })
const writes = fc.array(step(1, "set", 40, never), { minLength: 1, maxLength: 3 })

/**
 * The write of another process is read several times at once: the answers come late and in any order, some never, and
 * long after, a read checks what they have left behind.
 */
const overlapping: fc.Arbitrary<History> = fc.record({
  instances: fc.constant(2),
  seed: fc.nat(0x7fffffff).noShrink(),
  delay: fc.constant(30),
  lost: fc.constant(0),
  policy: fc.constant({
    timeToLive: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    retain: undefined,
    leaseDuration: longLease,
    tags: "None",
    maxStaleness: 200
  }),
  loss: fc.constant(0),
  outage: fc.constant(undefined),
  silence: fc.constant(20),
  fibers: fc.tuple(fc.array(reads, { minLength: 2, maxLength: 4 }), writes).map(([readers, writer]) => [
    ...readers,
    writer,
    [look(0, 250), look(0, 60)]
  ])
})

/** Two processes whose links are lost now and then, and which read again once they are back. */
const losing = near.filter(({ instances }) => instances === 2).map(setsAndGets).map((tried) => ({
  ...tried,
  delay: 2,
  loss: 0.3,
  policy: { ...tried.policy, maxStaleness: 50 },
  fibers: tried.fibers.map((steps) => [...steps, look(0, 50), look(1, 50), look(0, 50), look(1, 50)])
}))

describe("a mutant of the near tier is caught", () => {
  const { lives } = NearCopies.prototype

  caught("an anonymous placeholder", NearTier.prototype, {
    isOpen(this: { readonly placeholders: Map<string, unknown> }, key: string) {
      return this.placeholders.has(key)
    }
  }, { histories: overlapping, seed: 159 })

  caught("no eviction when an own write is answered", SetReply.prototype, { onSuccess: () => Effect.void }, {
    histories: ownWrites,
    seed: 15
  })

  caught("a hit whose tags are not checked", NearCopies.prototype, {
    lives(this: NearCopies, { end, value }: Copy, now: number, window: number) {
      return lives.call(this, { end, value, holds: true }, now, window)
    }
  }, { histories: focused.invalidations, seed: 30 })

  caught("a hit without a proof that changes arrive", Feed.prototype, { proven: () => true }, {
    histories: losing
  })

  caught("copies that stay when the link is lost", NearTier.prototype, { changedAll: () => {}, lost: () => {} }, {
    histories: losing,
    seed: 5
  })
})
