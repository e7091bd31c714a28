/** The same with a load for absent values, which never runs. */
import { Cache } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import { makeNear } from "./effect-redis-cache.js"

export { versions } from "./effect-redis-cache.js"

const load = Effect.dieMessage("everything was set")

export const make = (url) => makeNear(url, (users) => ({ get: (key) => Cache.getOrSet(users, key, load) }))
