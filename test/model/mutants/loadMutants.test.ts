import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { Binding } from "../../../src/internal/binding.js"
import * as Entry from "../../../src/internal/entry.js"
import { FlightTable } from "../../../src/internal/flight.js"
import { Loader } from "../../../src/internal/load.js"
import { history } from "../arbitraries.js"
import type { Load, Operation } from "../history.js"
import { classIsCaught as caught } from "./bite.js"

/** How the loads of an operation go. */
const loadOf = (operation: Operation): Load | undefined =>
  "load" in operation ? operation.load : "loads" in operation ? operation.loads[0] : undefined

/** Two processes that write and load one key. */
const twoInstances = history.filter(({ instances }) => instances === 2).map((tried) => ({
  ...tried,
  policy: { ...tried.policy, timeToLive: undefined, tags: "None" as const },
  fibers: tried.fibers.map((steps) =>
    steps.map((step) => {
      const load = loadOf(step.operation)
      const operation: Operation = load === undefined
        ? { _tag: "set", key: 0 }
        : { _tag: "getOrSet", key: 0, load, timeout: undefined, forceRefresh: false }
      return { ...step, operation }
    })
  )
}))

describe("a mutant of the load path is caught", () => {
  // Private methods are reached by their names.
  const loader = Loader.prototype as unknown as Record<string, (this: unknown, ...args: Array<unknown>) => unknown>
  const { epochs } = Binding.prototype
  const { settle } = FlightTable.prototype
  const { readEpochs, tagsOf } = loader

  caught("no detach on a local write", FlightTable.prototype, { detach: () => {}, detachAll: () => {} }, { seed: 14 })

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
  }, { histories: twoInstances })

  caught("a lease that nobody releases", loader, { release: () => Effect.void })

  caught("waiters that are forgotten", FlightTable.prototype, {
    settle(this: FlightTable, slot: Parameters<typeof settle>[0], outcome: Parameters<typeof settle>[1]) {
      if (slot.waiters.size > 1) slot.waiters.delete([...slot.waiters][0]!)
      settle.call(this, slot, outcome)
    }
  })
})
