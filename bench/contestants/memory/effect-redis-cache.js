/** Near copies of entries of a Redis, which that Redis keeps coherent. */
import { Cache, RedisLayer } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import { timeToLive } from "../../lib/data.js"
import { capacity } from "../../lib/memory.js"
import { effects } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "effect-redis-cache", "effect", "ioredis")

export const makeNear = async (url, cached) => {
  const runtime = ManagedRuntime.make(RedisLayer.layer(url))
  const run = (effect) => runtime.runPromise(effect)
  const users = Cache.make({ name: "users", timeToLive: `${timeToLive} seconds`, near: { capacity } })
  return {
    ...effects(Effect, run),
    ...cached(users),
    set: (key, value) => Cache.set(users, key, value),
    asked: () => run(Effect.map(Cache.stats(users), ({ hits, misses, nearHits }) => hits + misses - nearHits))
  }
}

export const make = (url) =>
  makeNear(url, (users) => ({ get: (key) => Cache.get(users, key), read: Option.getOrUndefined }))
