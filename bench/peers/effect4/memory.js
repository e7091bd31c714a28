/** Effect 4's own `Cache`, whose lookup finds the values that were set. */
import * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"
import { timeToLive } from "../../lib/data.js"
import { capacity } from "../../lib/memory.js"
import { effects } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "effect")

export const make = async () => {
  const cache = await Effect.runPromise(Cache.make({
    capacity,
    timeToLive: `${timeToLive} seconds`,
    lookup: (key) => Effect.die(`nobody has set ${key}`)
  }))
  return {
    ...effects(Effect, Effect.runPromise),
    get: (key) => Cache.get(cache, key),
    set: (key, value) => Cache.set(cache, key, value)
  }
}
