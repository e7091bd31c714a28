import { LRUCache } from "lru-cache"
import { timeToLive } from "../../lib/data.js"
import { capacity } from "../../lib/memory.js"
import { plain } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "lru-cache")

export const make = () => {
  const cache = new LRUCache({ max: capacity, ttl: timeToLive * 1000 })
  return { ...plain, get: (key) => cache.get(key), set: (key, value) => void cache.set(key, value) }
}
