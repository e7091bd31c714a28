import { describe } from "@effect/vitest"
import { Effect } from "effect"
import * as Entry from "../../../src/internal/entry/format.js"
import { InFlight } from "../../../src/internal/inFlight/inFlight.js"
import { Answers } from "../../../src/internal/load/answers.js"
import { Entries } from "../../../src/internal/load/entries.js"
import { Leases } from "../../../src/internal/load/lease.js"
import { Look } from "../../../src/internal/load/look.js"
import { focused } from "../arbitraries.js"
import { type History, isForced, type Operation } from "../history.js"
import { classIsCaught as caught, driverIsCaught } from "./bite.js"

const ignored = { onSuccess: () => Effect.void, onFailure: () => Effect.void }

/** The same operations, of other kinds, on a slow store. */
const gap = (tried: History, policy: Partial<History["policy"]>, operation: (of: Operation) => Operation): History => ({
  ...tried,
  // Events between two commands of one load show soon if the commands take time.
  delay: 30,
  policy: { ...tried.policy, staleWhileRevalidate: undefined, maxStaleness: undefined, retain: 600, ...policy },
  fibers: tried.fibers.map((steps) => steps.map((step) => ({ ...step, operation: operation(step.operation) })))
})

const unchanged = { duration: 20, outcome: "Unchanged" } as const

/** Tags are invalidated between a caller's read and its lease. */
const invalidated = focused.revalidations.map((tried) =>
  gap(tried, { tags: "Key" }, (operation) =>
    operation._tag === "getOrSet"
      ? { ...operation, load: unchanged, timeout: undefined }
      : operation._tag === "get" || operation._tag === "set"
      ? operation
      : { _tag: "invalidateTags", tag: "all" })
)

/** Values are replaced between the read of a forced load and its lease. */
const replaced = focused.revalidations.map((tried) =>
  gap(
    tried,
    { tags: "None", timeToLive: undefined },
    (operation) =>
      operation._tag === "getOrSet" || isForced(operation)
        ? { _tag: "refresh", key: 0, load: unchanged }
        : { _tag: operation._tag === "get" ? "get" : "set", key: 0 }
  )
)

describe("a mutant of previous values is caught", () => {
  const { ask } = Leases.prototype
  const { take } = Look.prototype
  const hunt = (seed: number) => ({ histories: focused.revalidations, seed })

  caught("a load receives an invalidated value", Entries.prototype, { hold: () => true }, {
    histories: invalidated,
    seed: 1
  })

  caught("a load receives a value that its lease does not replace", Leases.prototype, {
    ask(this: Leases<unknown, unknown>, tasks: Parameters<typeof ask>[0]) {
      return Effect.tap(ask.call(this, tasks), () => {
        for (const task of tasks) {
          if (task.grant === undefined) continue
          const { turn, writeId } = task.grant
          // The previous value is read separately from the lease, and may come after it.
          task.grant = {
            turn,
            get writeId() {
              return task.kept === undefined ? writeId : Entry.writeId(task.kept.bytes)
            }
          }
        }
      })
    }
  }, { histories: replaced, seed: 8 })

  caught("a value kept only for loads is served", Look.prototype, {
    take(this: Look<unknown, unknown>, ...of: Parameters<typeof take>) {
      const [wanted, verdict, bytes, reading] = of
      take.call(this, wanted, verdict._tag === "Stale" ? { ...verdict, late: 0 } : verdict, bytes, reading)
    }
  }, hunt(1))

  driverIsCaught("an unchanged value is stored without checking its lease", (driver) => ({
    ...driver,
    fill: (requests) =>
      Effect.as(
        Effect.forEach(
          requests,
          ({ bytes, key, life }) => bytes === undefined ? driver.take([key]) : driver.set({ key, bytes, life }, ignored)
        ),
        requests.map(() => true)
      )
  }), hunt(1))
})

describe("a mutant of soft timeouts is caught", () => {
  const hunt = (seed: number) => ({ histories: focused.softTimeouts, seed })

  caught(
    "a caller waits on, although a stale value would do",
    Answers.prototype,
    { serveStale: () => Effect.void },
    hunt(1)
  )

  caught("a load ends when its last caller stops waiting", InFlight.prototype, {
    wanted(this: InFlight) {
      return this.background || this.expected || this.waiters.size > 0
    }
  }, hunt(1))
})
