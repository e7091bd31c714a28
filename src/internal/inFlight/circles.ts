/**
 * Loads that wait for loads. A circle of them would wait until `lease.maxDuration`; it is noticed when it closes.
 *
 * A load knows which loads it was begun inside of (a `FiberRef`, which the fibers of its computation inherit), and which
 * keys its computation waits for. A wait that would close a circle is refused, with the path. Where the circle goes
 * through a bound on concurrent loads, no load needs to fail: the one that waits for its turn is let in at once.
 *
 * Other waits are not noticed: those of a computation that runs effects on a runtime of its own, or that forks a fiber
 * and waits for it through a promise. Such a circle ends after `lease.maxDuration`. A fiber that a computation forks
 * without waiting for it still counts as part of it.
 */
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { InFlight, LoadRun } from "./inFlight.js"

/** The loads that a fiber is running inside of, outermost first. */
export const inside: FiberRef.FiberRef<ReadonlyArray<LoadRun>> = globalValue(
  "effect-redis-cache/inside",
  () => FiberRef.unsafeMake<ReadonlyArray<LoadRun>>([])
)

/** A wait that has begun; `end` is called however it ends. */
export interface Waiting {
  readonly end: () => void
}

/** The path from a load to one of `goals`: its keys, and the loads on it that wait for their turn. */
interface Way {
  readonly keys: ReadonlyArray<string>
  readonly goal: LoadRun
  readonly queued: ReadonlyArray<LoadRun>
}

const search = (
  from: LoadRun,
  goals: ReadonlyArray<LoadRun>,
  throughPermits: boolean,
  seen: Set<LoadRun>
): Way | undefined => {
  if (goals.includes(from)) return { keys: [], goal: from, queued: [] }
  if (seen.has(from)) return undefined
  seen.add(from)
  for (const key of from.waitsFor) {
    const way = search(key.run, goals, throughPermits, seen)
    if (way !== undefined) return { ...way, keys: [key.key, ...way.keys] }
  }
  if (!throughPermits || from.bound?.isQueued(from) !== true) return undefined
  for (const holder of from.bound.holders) {
    const way = search(holder, goals, throughPermits, seen)
    if (way !== undefined) return { ...way, queued: [from, ...way.queued] }
  }
  return undefined
}

/** Whether one of these loads waits for that one, directly or through others. */
export const isWaitedFor = (run: LoadRun, by: Iterable<LoadRun>): boolean => {
  for (const load of by) if (search(load, [run], true, new Set()) !== undefined) return true
  return false
}

const firstKey = (run: LoadRun): string => [...run.keys][0]?.key ?? "a load that has ended"

/** Begins a wait for these keys. Outside of any load it does nothing; a text says that a load would wait for itself. */
export const beginWait = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  keys: ReadonlyArray<InFlight>
): Waiting | string | undefined => {
  const runs = fiber.getFiberRef(inside)
  const own = runs[runs.length - 1]
  if (own === undefined) return undefined
  for (const key of keys) {
    const way = search(key.run, runs, false, new Set())
    if (way !== undefined) {
      const between = runs.slice(runs.indexOf(way.goal) + 1).map(firstKey)
      const last = way.keys[way.keys.length - 1] ?? key.key
      const path = [last, ...between, key.key, ...way.keys]
      return `The load of ${last} waits for itself: ${path.join(" → ")}. A load must not read a key that waits for it`
    }
    for (;;) {
      const queued = search(key.run, runs, true, new Set())?.queued[0]
      if (queued === undefined) break
      queued.bound?.admit(queued)
    }
  }
  for (const key of keys) own.waitsFor.push(key)
  return {
    end: () => {
      for (const key of keys) {
        const at = own.waitsFor.indexOf(key)
        if (at >= 0) own.waitsFor.splice(at, 1)
      }
    }
  }
}
