/**
 * The least that one load for a whole fleet takes: callers of one process share a promise, processes a `SET NX` lock,
 * and pub/sub wakes those that wait. It survives no failure of any kind.
 */
import { Redis } from "ioredis"
import { timeToLive } from "../lib/data.js"
import { promises } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "ioredis")

export const make = async (url) => {
  const client = new Redis(url)
  const subscriber = new Redis(url)
  const waiting = new Map()
  await subscriber.subscribe("loaded")
  subscriber.on("message", (_, key) => waiting.get(key)?.())

  const load = async (key, compute) => {
    const woken = new Promise((resolve) => waiting.set(key, resolve))
    const [found, granted] = await Promise.all([client.get(key), client.set(`lock:${key}`, 1, "PX", 10_000, "NX")])
    if (found !== null) return JSON.parse(found)
    if (granted === null) {
      await woken
      return JSON.parse(await client.get(key))
    }
    const value = await compute()
    await client.pipeline().set(key, JSON.stringify(value), "PX", timeToLive * 1000).publish("loaded", key).exec()
    return value
  }

  return {
    ...promises,
    memoize: (compute) => {
      const inFlight = new Map()
      return (...args) => {
        const key = `getUser:${JSON.stringify(args)}`
        const shared = inFlight.get(key)
        if (shared !== undefined) return shared
        const loading = load(key, () => compute(...args))
        inFlight.set(key, loading)
        return loading
      }
    }
  }
}
