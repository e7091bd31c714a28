/** The clock of a fiber, without an operator of its own. */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"

export const clockOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Clock.Clock =>
  // Default services are always there.
  fiber.currentDefaultServices.unsafeMap.get(Clock.Clock.key) as Clock.Clock
