/**
 * Sets a `FiberRef` of a fiber that is this library's own, or that never reads it again: nothing is restored. `locally`
 * restores, and allocates six times as much.
 */
import type * as Fiber from "effect/Fiber"
import type * as FiberRef from "effect/FiberRef"

export const setFiberRef = <A>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  ref: FiberRef.FiberRef<A>,
  value: A
): void => (fiber as Settable).setFiberRef(ref, value) // each fiber has it, though its type does not say

interface Settable extends Fiber.RuntimeFiber<unknown, unknown> {
  readonly setFiberRef: <A>(ref: FiberRef.FiberRef<A>, value: A) => void
}
