/**
 * Which updates of the source a fiber runs inside of. What such a fiber loads it may read from a transaction that is not
 * committed: its loads are its own.
 */
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"

/** One update that is under way. Fibers that it has begun and left behind still refer to it when it is over. */
export interface Updating {
  over: boolean
  /** The one that it was begun inside of. */
  readonly outer: Updating | undefined
}

export const updating: FiberRef.FiberRef<Updating | undefined> = globalValue(
  "effect-redis-cache/updating",
  () => FiberRef.unsafeMake<Updating | undefined>(undefined)
)

export const isUpdating = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  let update = fiber.getFiberRef(updating)
  while (update?.over === true) update = update.outer
  return update !== undefined
}
