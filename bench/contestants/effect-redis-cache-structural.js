import { makeWith } from "./effect-redis-cache.js"

export { versions } from "./effect-redis-cache.js"

export const make = (url) => makeWith(url, {})
