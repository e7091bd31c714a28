/**
 * Which operation of the user's the driver's steps on a fiber belong to. It is noted only where round trips have spans:
 * a change of a `FiberRef` is dearer than a near hit.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { setFiberRef } from "./setFiberRef.js"

export interface UserOperation {
  readonly cache: string
  readonly name: string
}

/** Whatever begins on a fiber notes its own, so none is ever taken back. */
export const userOperation = FiberRef.unsafeMake<UserOperation | undefined>(undefined)

export const noteOperation = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  cache: string,
  name: string
): void => setFiberRef(fiber, userOperation, { cache, name })

/** Runs an effect of the user in the middle of an operation that goes on afterwards. */
export const aside = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const operation = fiber.getFiberRef(userOperation)
    return operation === undefined ? effect : Effect.locally(effect, userOperation, operation)
  })
