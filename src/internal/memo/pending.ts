/** What is behind `Pending`: a fiber in the layer's scope. */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { format, NodeInspectSymbol, toJSON } from "effect/Inspectable"
import type * as Option from "effect/Option"

export const TypeId: unique symbol = Symbol.for("effect-redis-cache/Pending")

export type TypeId = typeof TypeId

const variance = { _A: (_: never) => _, _E: (_: never) => _ }

export class PendingImpl<A, E> extends Effectable.Class<A, E> {
  readonly [TypeId] = variance

  constructor(private readonly fiber: Fiber.RuntimeFiber<A, E>, readonly key: string) {
    super()
  }

  commit(): Effect.Effect<A, E> {
    return Effect.flatten(Fiber.await(this.fiber))
  }

  get poll(): Effect.Effect<Option.Option<Exit.Exit<A, E>>> {
    return Fiber.poll(this.fiber)
  }

  get cancel(): Effect.Effect<void> {
    return Effect.asVoid(Fiber.interrupt(this.fiber))
  }

  toJSON(): unknown {
    const exit = this.fiber.unsafePoll()
    return {
      _id: "Pending",
      key: this.key,
      ...exit === null ? { state: "Running" } : { state: Exit.isSuccess(exit) ? "Done" : "Failed", exit: toJSON(exit) }
    }
  }

  override toString(): string {
    return format(this.toJSON())
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}
