/** What every write that is not hot does to loads in flight here. */
import * as Effect from "effect/Effect"
import type { Binding } from "./binding.js"

/** Detaches before the operation is sent and when it ends, however it ends. */
export const detaching = <A, E, R, Key, Value>(
  binding: Binding<Key, Value>,
  redisKeys: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const detach = () => {
    for (const redisKey of redisKeys) binding.runtime.flights.detach(redisKey)
  }
  return Effect.suspend(() => {
    detach()
    return Effect.ensuring(effect, Effect.sync(detach))
  })
}
