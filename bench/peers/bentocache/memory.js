import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { timeToLive } from "../../lib/data.js"
import { capacity } from "../../lib/memory.js"
import { promises } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "bentocache")

export const make = () => {
  const bento = new BentoCache({
    default: "memory",
    ttl: timeToLive * 1000,
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: capacity })) }
  })
  return { ...promises, get: (key) => bento.get({ key }), set: (key, value) => bento.set({ key, value }) }
}
