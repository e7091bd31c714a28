/** How changes by this process affect its loads in flight and its near copies. */
import * as Effect from "effect/Effect"
import type { CacheInstance } from "./instance.js"
import type { Runtime } from "./runtime.js"

/** After a write to a key, its running loads are not joined any more, and no near copy of it is served. */
export const detach = ({ flights, near }: Runtime, redisKey: string): void => {
  flights.detach(redisKey)
  near.evict(redisKey)
}

/** Detaches before the operation is sent and when it ends, however it ends. */
export const detaching = <A, E, R>(
  runtime: Runtime,
  redisKeys: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  around(() => {
    for (const redisKey of redisKeys) detach(runtime, redisKey)
  }, effect)

/** The same for near copies only: for changes of an entry that do not concern its loads. */
export const evicting = <A, E, R>(
  { near }: Runtime,
  redisKeys: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  around(() => {
    for (const redisKey of redisKeys) near.evict(redisKey)
  }, effect)

/** The same for all keys of a cache. */
export const detachingAll = <Key, Value, A, E, R>(
  { definition, prefix, runtime }: CacheInstance<Key, Value>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  around(() => {
    runtime.flights.detachAll(prefix)
    runtime.near.evictAll(definition.name)
  }, effect)

/** The same for tags: no running load of the cache is joined, and no copy with one of them is served. */
export const detachingTags = <Key, Value, A, E, R>(
  { prefix, runtime, tags }: CacheInstance<Key, Value>,
  names: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  around(() => {
    runtime.flights.detachAll(prefix)
    for (const name of names) runtime.near.evict(tags.key(name))
    runtime.near.evict(tags.generationKey)
  }, effect)

const around = <A, E, R>(act: () => void, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    act()
    return Effect.ensuring(effect, Effect.sync(act))
  })
