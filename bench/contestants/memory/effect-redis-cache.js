/** Near copies of the entries in a Redis, which that Redis keeps coherent. */
import { Cache, RedisLayer } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import { capacity } from "../../lib/memory.js"
import { effects } from "../../lib/style.js"
import { life, User } from "../effect-redis-cache.js"

export { versions } from "../effect-redis-cache.js"

export const makeNear = async (url, cached) => {
  const runtime = ManagedRuntime.make(RedisLayer.layer(url))
  const run = (effect) => runtime.runPromise(effect)
  const users = Cache.make({ name: "users", schema: User, timeToLive: life, near: { capacity } })
  return {
    ...effects(Effect, run),
    ...cached(users),
    set: (key, value) => Cache.set(users, key, value),
    asked: () => run(Effect.map(Cache.stats(users), ({ hits, misses, nearHits }) => hits + misses - nearHits))
  }
}

export const make = (url) =>
  makeNear(url, (users) => ({ get: (key) => Cache.get(users, key), read: Option.getOrUndefined }))
