/** The same with a load for what is absent, which never is. */
import { Cache } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import { makeNear } from "./effect-redis-cache.js"

export { versions } from "./effect-redis-cache.js"

const load = Effect.dieMessage("everything was set")

export const make = (url) => makeNear(url, (users) => ({ get: (key) => Cache.getOrSet(users, key, load) }))
