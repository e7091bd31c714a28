/**
 * Which updates of the source a fiber runs inside. Such a fiber may load values from a transaction that is not
 * committed, so its loads are its own.
 */
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"

/** One update that is under way. Fibers that it has forked and left running still refer to it when it is over. */
export interface Updating {
  over: boolean
  /** The update inside which it began. */
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
