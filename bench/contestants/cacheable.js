import { createKeyv } from "@keyv/redis"
import { Cacheable } from "cacheable"
import { timeToLive } from "../lib/data.js"
import { promises } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "cacheable", "@keyv/redis")

const life = timeToLive * 1000

/** Redis alone: a copy in memory would answer instead. */
export const makeWith = async (url, options) => {
  const cache = new Cacheable({ primary: createKeyv(url, { namespace: "users" }), ttl: life, ...options })
  return {
    ...promises,
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getMany: (keys) => cache.getMany(keys),
    setMany: (entries) => cache.setMany(entries.map(([key, value]) => ({ key, value }))),
    /** It has no call for this, so it is composed of its calls for many keys. */
    pages: (load) => async (keys) => {
      const found = await cache.getMany(keys)
      const loaded = new Map(await load(keys.filter((_, i) => found[i] === undefined)))
      await cache.setMany(Array.from(loaded, ([key, value]) => ({ key, value })))
      return keys.map((key, i) => found[i] ?? loaded.get(key))
    },
    memoize: (compute) => cache.wrap(compute, { keyPrefix: "getUser", ttl: life }),
    clear: () => cache.clear(),
    setTagged: (key, value, tags) => cache.set(key, value, { tags }),
    invalidateTag: (tag) => cache.tags.invalidateTag(tag)
  }
}

export const make = (url) => makeWith(url, {})
