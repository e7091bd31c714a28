/**
 * The contestants. `ioredis` is what the others are compared with; each module says how its library is meant to be
 * used.
 */
const at = (path) => new URL(path, import.meta.url).href

export const reference = "ioredis"
export const ours = "effect-redis-cache"

export const contestants = [
  { name: reference, module: at("contestants/ioredis.js") },
  { name: "ioredis in Effect", module: at("contestants/ioredis-effect.js") },
  { name: ours, module: at("contestants/effect-redis-cache.js") },
  { name: "node-redis", module: at("contestants/node-redis.js") },
  { name: "cache-manager", module: at("contestants/cache-manager.js") },
  { name: "cacheable", module: at("contestants/cacheable.js") },
  { name: "bentocache", module: at("peers/bentocache/contestant.js") },
  { name: "Effect 3 Persistence", module: at("peers/effect3/contestant.js") },
  { name: "Effect 4 Persistence", module: at("peers/effect4/contestant.js") }
]

/** Run as whole fleets: ten processes each. */
export const fleet = contestants.filter(({ name }) =>
  [reference, ours, "node-redis", "cache-manager", "cacheable", "bentocache"].includes(name)
)

/** Take part in single workloads. */
export const limits = [
  { name: "limit: SET NX, pub/sub", module: at("contestants/limit.js") },
  { name: "limit, in Effect", module: at("contestants/limit-effect.js") }
]
export const structural = { name: `${ours}, structural`, module: at("contestants/effect-redis-cache-structural.js") }
export const ways = [{ name: ours, module: at("contestants/effect-redis-cache-ways.js") }]
export const tagged = [
  { name: ours, module: at("contestants/effect-redis-cache.js") },
  { name: "cacheable", module: at("contestants/cacheable-tags.js") },
  { name: "bentocache", module: at("peers/bentocache/contestant.js") }
]

/** In memory: the reference there, and its contestants. */
export const memoryReference = "Map in Effect.sync"
export const inMemory = [
  { name: "Map", module: at("contestants/memory/map.js") },
  { name: "lru-cache", module: at("contestants/memory/lru-cache.js") },
  { name: memoryReference, module: at("contestants/memory/map-effect.js") },
  { name: ours, module: at("contestants/memory/effect-redis-cache.js") },
  { name: `${ours}, getOrSet`, module: at("contestants/memory/effect-redis-cache-load.js") },
  { name: "Effect 4 Cache", module: at("peers/effect4/memory.js") },
  { name: "Effect 3 Cache", module: at("contestants/memory/effect-cache.js") },
  { name: "cache-manager", module: at("contestants/memory/cache-manager.js") },
  { name: "cacheable", module: at("contestants/memory/cacheable.js") },
  { name: "bentocache", module: at("peers/bentocache/memory.js") }
]

/** Compared with in some tables, but not an alternative to a library. */
export const bare = ["ioredis in Effect", "Map", "lru-cache"]

/** Not caches: tools for writing your own. */
export const clients = [reference, "node-redis", memoryReference, ...bare]

export const named = (...names) => contestants.filter(({ name }) => names.includes(name))
