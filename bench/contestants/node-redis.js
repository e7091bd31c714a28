import { createClient } from "redis"
import { timeToLive } from "../lib/data.js"
import { promises } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "redis")

const parse = (text) => text === null ? undefined : JSON.parse(text)
const life = { expiration: { type: "PX", value: timeToLive * 1000 } }

export const make = async (url) => {
  const client = createClient({ url })
  await client.connect()
  const set = (key, value) => client.set(`users:${key}`, JSON.stringify(value), life)
  const getMany = async (keys) => (await client.mGet(keys.map((key) => `users:${key}`))).map(parse)
  return {
    ...promises,
    get: async (key) => parse(await client.get(`users:${key}`)),
    set,
    getMany,
    setMany: (entries) => Promise.all(entries.map(([key, value]) => set(key, value))),
    pages: (load) => async (keys) => {
      const found = await getMany(keys)
      const loaded = new Map(await load(keys.filter((_, i) => found[i] === undefined)))
      await Promise.all(Array.from(loaded, ([key, value]) => set(key, value)))
      return keys.map((key, i) => found[i] ?? loaded.get(key))
    }
  }
}
