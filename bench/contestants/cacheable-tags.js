import { makeWith } from "./cacheable.js"

export { versions } from "./cacheable.js"

export const make = (url) => makeWith(url, { tags: true })
