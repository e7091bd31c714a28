import { BentoCache, bentostore } from "bentocache"
import { redisDriver } from "bentocache/drivers/redis"
import { Redis } from "ioredis"
import { timeToLive } from "../../lib/data.js"
import { promises } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "bentocache", "ioredis")

/** Redis alone: a copy in memory would answer instead. */
export const make = async (url) => {
  const connection = new Redis(url)
  await connection.ping()
  const bento = new BentoCache({
    default: "redis",
    ttl: timeToLive * 1000,
    stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) }
  })
  const users = bento.namespace("users")
  return {
    ...promises,
    get: (key) => users.get({ key }),
    set: (key, value) => users.set({ key, value }),
    /** It has no call for many keys: it reads each one by itself. */
    pages: (load) => (keys) =>
      Promise.all(keys.map((key) => users.getOrSet({ key, factory: async () => (await load([key]))[0][1] }))),
    memoize: (compute) => (...args) =>
      users.getOrSet({ key: `getUser:${JSON.stringify(args)}`, factory: () => compute(...args) }),
    clear: () => users.clear(),
    setTagged: (key, value, tags) => users.set({ key, value, tags }),
    invalidateTag: (tag) => users.deleteByTag({ tags: [tag] })
  }
}
