import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { TagEpochs } from "../../../src/internal/cache/tagEpochs.js"
import * as Entry from "../../../src/internal/entry/format.js"
import { InFlight } from "../../../src/internal/inFlight/inFlight.js"
import { InFlightTable } from "../../../src/internal/inFlight/table.js"
import { Entries } from "../../../src/internal/load/entries.js"
import { Leases } from "../../../src/internal/load/lease.js"
import { focused } from "../arbitraries.js"
import { classIsCaught as caught } from "./bite.js"

describe("a mutant of the load path is caught", () => {
  const { ensure } = TagEpochs.prototype
  const { settle } = InFlightTable.prototype
  const { prepare, readEpochs } = Entries.prototype

  caught("no detach on a local write", InFlightTable.prototype, { detach: () => {}, detachAll: () => {} }, {
    histories: focused.removals,
    seed: 5
  })

  caught("a tag's epoch is read only after the load", Entries.prototype, {
    readEpochs: () => Effect.void,
    prepare(this: Entries<unknown, unknown>, ...of: Parameters<typeof prepare>) {
      return Effect.zipRight(readEpochs.call(this, [of[0]]), Effect.suspend(() => prepare.apply(this, of)))
    }
  }, { histories: focused.invalidations, seed: 6 })

  caught("a tag generation that never changes", TagEpochs.prototype, {
    generation: () => Effect.succeed(new Uint8Array(Entry.epochSize))
  }, { histories: focused.invalidations, seed: 6 })

  caught("an epoch that is replaced at each write, not kept", TagEpochs.prototype, {
    ensure(this: TagEpochs, ...of: Parameters<typeof ensure>) {
      const another = () => crypto.getRandomValues(new Uint8Array(Entry.epochSize))
      return Effect.map(ensure.apply(this, of), (found) => found.map(({ name }) => ({ name, epoch: another() })))
    }
  }, { histories: focused.refreshes, seed: 2 })

  caught("every waiter gets the value, however late it came", InFlightTable.prototype, {
    settle(this: InFlightTable, key: Parameters<typeof settle>[0], outcome: Parameters<typeof settle>[1]) {
      settle.call(this, key, outcome._tag === "Again" ? outcome : { ...outcome, validBefore: Infinity })
    }
  }, { histories: focused.batches, seed: 15 })

  caught("a lease that is never released", Leases.prototype, { release: () => Effect.void })

  caught("waiters that are forgotten", InFlightTable.prototype, {
    settle(this: InFlightTable, key: Parameters<typeof settle>[0], outcome: Parameters<typeof settle>[1]) {
      if (key.waiters.size > 1) key.waiters.delete([...key.waiters][0]!)
      settle.call(this, key, outcome)
    }
  }, { histories: focused.batches, seed: 4 })

  caught("a forced load that is joined before a read", InFlightTable.prototype, {
    joinable(this: InFlightTable, key: string) {
      const there = this.get(key)
      return there?.background === true ? undefined : there
    }
  }, { histories: focused.refreshes, seed: 2 })

  caught("a forced load that its waiters treat like any other", InFlight.prototype, {
    aside(this: InFlight) {
      return this.background
    }
  }, { histories: focused.refreshes, seed: 2 })

  caught("a background refresh that its waiters treat like any other load", InFlight.prototype, {
    aside(this: InFlight) {
      return this.run.mode === "Force"
    }
  }, { histories: focused.staleWindows, seed: 25 })
})
