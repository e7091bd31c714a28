/**
 * Interrupts the fibers that this fiber has forked, and waits for their ends: what Effect does when a fiber ends, earlier.
 * `Fiber.children` would tell the fibers by a message and a promise; without children, this takes no step.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

export const endChildren = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Effect.Effect<void> =>
  (fiber as Parent).interruptAllChildren() ?? Effect.void // each fiber has it, though its type does not say

interface Parent extends Fiber.RuntimeFiber<unknown, unknown> {
  readonly interruptAllChildren: () => Effect.Effect<void> | null
}
