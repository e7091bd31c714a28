/** What you would write by hand: a command, and JSON. */
import { Redis } from "ioredis"
import { timeToLive } from "../lib/data.js"
import { promises } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "ioredis")

const parse = (text) => text === null ? undefined : JSON.parse(text)
const life = timeToLive * 1000

export const make = async (url) => {
  const client = new Redis(url)
  await client.ping()
  const get = async (key) => parse(await client.get(`users:${key}`))
  return {
    ...promises,
    get,
    set: (key, value) => client.set(`users:${key}`, JSON.stringify(value), "PX", life),
    getMany: async (keys) => (await client.mget(keys.map((key) => `users:${key}`))).map(parse),
    setMany: (entries) => {
      const pipeline = client.pipeline()
      for (const [key, value] of entries) pipeline.set(`users:${key}`, JSON.stringify(value), "PX", life)
      return pipeline.exec()
    },
    pages: (load) => async (keys) => {
      const found = (await client.mget(keys.map((key) => `users:${key}`))).map(parse)
      const absent = keys.filter((_, i) => found[i] === undefined)
      if (absent.length === 0) return found
      const loaded = new Map(await load(absent))
      const pipeline = client.pipeline()
      for (const [key, value] of loaded) pipeline.set(`users:${key}`, JSON.stringify(value), "PX", life)
      await pipeline.exec()
      return keys.map((key, i) => found[i] ?? loaded.get(key))
    },
    memoize: (compute) => async (...args) => {
      const key = `getUser:${JSON.stringify(args)}`
      const found = await client.get(key)
      if (found !== null) return JSON.parse(found)
      const value = await compute(...args)
      await client.set(key, JSON.stringify(value), "PX", life)
      return value
    },
    /** As walrus does it. */
    clear: async () => {
      const keys = await client.keys("users:*")
      await client.del(keys)
    }
  }
}
