import { createCache } from "cache-manager"
import { timeToLive } from "../../lib/data.js"
import { promises } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "cache-manager")

export const make = () => {
  const cache = createCache({ ttl: timeToLive * 1000 })
  return { ...promises, get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
}
