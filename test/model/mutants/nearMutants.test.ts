import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { Feed } from "../../../src/internal/changes/feed.js"
import { type Copy, NearCopies } from "../../../src/internal/near/copies.js"
import { NearTier } from "../../../src/internal/near/tier.js"
import { SetReply } from "../../../src/internal/ops/set.js"
import { history } from "../arbitraries.js"
import { type History, isLoad, type Step } from "../history.js"
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

/** Two processes: the answers of reads come late and in any order, and a look at what they have left behind. */
const overlapping = near.filter(({ instances }) => instances === 2).map(setsAndGets).map((tried) => ({
  ...tried,
  delay: 30,
  loss: 0,
  policy: { ...tried.policy, maxStaleness: 50 },
  fibers: tried.fibers.map((steps) => [
    ...steps.map((step) => ({ ...step, pause: step.pause % 10, interruptAfter: undefined })),
    look(0, 60),
    look(1, 60)
  ])
}))

/** Two processes whose links are lost now and then, and who look again when they are back. */
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
  }, { histories: overlapping, seed: 39 })

  caught("no eviction when an own write is answered", SetReply.prototype, { onSuccess: () => Effect.void }, {
    histories: ownWrites,
    seed: 1
  })

  caught("a hit whose tags are not looked at", NearCopies.prototype, {
    lives(this: NearCopies, { end, value }: Copy, now: number, window: number) {
      return lives.call(this, { end, value, holds: true }, now, window)
    }
  }, { histories: near, seed: 7 })

  caught("a hit without a proof that changes are heard of", Feed.prototype, { proven: () => true }, {
    histories: losing
  })

  caught("copies that stay when the link is lost", NearTier.prototype, { changedAll: () => {}, lost: () => {} }, {
    histories: losing,
    seed: 5
  })
})
