/** What every write that is not hot does to loads in flight and near copies here. */
import * as Effect from "effect/Effect"
import type { Binding } from "./instance.js"
import { detach, type Runtime } from "./runtime.js"

/** Detaches before the operation is sent and when it ends, however it ends. */
export const detaching = <A, E, R, Key, Value>(
  binding: Binding<Key, Value>,
  redisKeys: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const detachAll = () => {
    for (const redisKey of redisKeys) detach(binding.runtime, redisKey)
  }
  return around(detachAll, effect)
}

/** The same of near copies alone: for what changes an entry and is no news to those who load it. */
export const evicting = <A, E, R>(
  { near }: Runtime,
  redisKeys: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  around(() => {
    for (const redisKey of redisKeys) near.evict(redisKey)
  }, effect)

const around = <A, E, R>(act: () => void, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    act()
    return Effect.ensuring(effect, Effect.sync(act))
  })
