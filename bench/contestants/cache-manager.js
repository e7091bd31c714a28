import { createKeyv } from "@keyv/redis"
import { createCache } from "cache-manager"
import { timeToLive } from "../lib/data.js"
import { promises } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "cache-manager", "@keyv/redis")

const life = timeToLive * 1000

export const make = async (url) => {
  const cache = createCache({ stores: [createKeyv(url, { namespace: "users" })] })
  return {
    ...promises,
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value, life),
    getMany: (keys) => cache.mget(keys),
    setMany: (entries) => cache.mset(entries.map(([key, value]) => ({ key, value, ttl: life }))),
    /** It has no call for this, so it is composed of its calls for many keys. */
    pages: (load) => async (keys) => {
      const found = await cache.mget(keys)
      const loaded = new Map(await load(keys.filter((_, i) => found[i] === undefined)))
      await cache.mset(Array.from(loaded, ([key, value]) => ({ key, value, ttl: life })))
      return keys.map((key, i) => found[i] ?? loaded.get(key))
    },
    memoize: (compute) => (...args) => cache.wrap(`getUser:${JSON.stringify(args)}`, () => compute(...args), life),
    clear: () => cache.clear()
  }
}
