import { Cache, Memo, RedisLayer } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { timeToLive } from "../lib/data.js"
import { effects } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "effect-redis-cache", "effect", "ioredis")

export const User = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  email: Schema.String,
  age: Schema.Number,
  active: Schema.Boolean,
  score: Schema.Number
})

export const life = `${timeToLive} seconds`

/** With a schema, or with the codec that takes anything. */
export const makeWith = async (url, values) => {
  const runtime = ManagedRuntime.make(RedisLayer.layer(url))
  const run = (effect) => runtime.runPromise(effect)
  const users = Cache.make({ name: "users", timeToLive: life, ...values })
  await run(Effect.void)
  return {
    ...effects(Effect, run),
    users,
    read: Option.getOrUndefined,
    get: (key) => Cache.get(users, key),
    set: (key, value) => Cache.set(users, key, value),
    getMany: (keys) => Cache.getMany(users, keys),
    readMany: (found, keys) => keys.map((key) => found.get(key)),
    setMany: (entries) => Cache.setMany(users, entries),
    deleteMany: (keys) => Cache.deleteMany(users, keys),
    invalidating: (keys, update) => Cache.invalidating(Effect.sync(update), users, keys),
    pages: (load) => (keys) => Cache.getOrSetMany(users, keys, load),
    readPage: (found, keys) => keys.map((key) => found.get(key)),
    // Each workload brings its own function, which returns the same users.
    memoize: (compute) => Memo.cached(compute, { name: "getUser", captures: [], timeToLive: life, ...values }),
    clear: () => Cache.flush(users),
    setTagged: (key, value, tags) => Cache.set(users, key, value, { tags }),
    invalidateTag: (tag) => Cache.invalidateTags(users, [tag])
  }
}

export const make = (url) => makeWith(url, { schema: User })
