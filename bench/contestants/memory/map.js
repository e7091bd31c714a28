/** The lower bound: a plain `Map`, and a look at the clock. */
import { timeToLive } from "../../lib/data.js"
import { plain } from "../../lib/style.js"

export const versions = {}

export const makeMap = () => {
  const entries = new Map()
  return {
    get: (key) => {
      const entry = entries.get(key)
      return entry !== undefined && entry.expires > Date.now() ? entry.value : undefined
    },
    set: (key, value) => {
      entries.set(key, { value, expires: Date.now() + timeToLive * 1000 })
    }
  }
}

export const make = () => ({ ...plain, ...makeMap() })
