/** Faults of a single server, of the network in front of it, and of the processes that use it. */
import type { Redis as Client } from "ioredis"
import { now } from "../support/processes/now.js"
import type { Proxy } from "../support/proxy.js"
import type { RedisServer } from "../support/redisServer.js"
import { commandTimeout } from "./protocol.js"
import type { Random } from "./random.js"

/** A window whose end is not known yet. */
export interface Opening {
  readonly from: number
  to: number
}

export interface Counted {
  evicted: number
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** The number that a server reports under this name. */
const figure = (info: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0)

/** By name. Each one ends when everything is healthy again. */
export const singleFaults = (
  { admin, counted, proxy, random, server, wiped }: {
    readonly server: RedisServer
    readonly proxy: Proxy
    /** Straight to the server. */
    readonly admin: Client
    readonly random: Random
    /** If the server loses data, its windows are added. */
    readonly wiped: Array<Opening>
    readonly counted: Counted
  }
): Readonly<Record<string, () => Promise<void>>> => {
  const forAWhile = (from: number, to: number) => pause(random.between(from, to))
  const inMode = (mode: () => Promise<void>, longest: number) => async () => {
    await mode()
    await forAWhile(20, longest)
    await proxy.pass()
  }
  const wiping = (act: () => Promise<unknown>) => async () => {
    const window = { from: now(), to: Infinity }
    wiped.push(window)
    await act()
    window.to = now()
  }
  return {
    "connections reset": () => proxy.reset(),
    "the network swallows all": inMode(proxy.blackhole, 3 * commandTimeout),
    "the network swallows replies": inMode(proxy.dropReplies, 3 * commandTimeout),
    "nobody listens": inMode(proxy.refuse, 3 * commandTimeout),
    "replies late": inMode(() => proxy.delay(random.between(5, 1.5 * commandTimeout)), 3 * commandTimeout),
    "server stands still": async () => {
      server.pause()
      await forAWhile(50, 5 * commandTimeout)
      server.resume()
    },
    "server killed, back empty": wiping(async () => {
      await server.kill()
      await forAWhile(0, 1_500)
      await server.restart()
    }),
    "FLUSHALL": wiping(() => admin.flushall()),
    "evictions": wiping(async () => {
      const before = await admin.info()
      const limit = figure(before, "used_memory") - random.between(100_000, 2_000_000)
      await admin.config("SET", "maxmemory-policy", "allkeys-lru")
      await admin.config("SET", "maxmemory", Math.max(1_000_000, limit))
      await forAWhile(100, 1_500)
      await admin.config("SET", "maxmemory", 0)
      counted.evicted += figure(await admin.info(), "evicted_keys") - figure(before, "evicted_keys")
    }),
    "scripts forgotten": () => admin.script("FLUSH").then(() => {}),
    "clients killed": () => admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").then(() => {}),
    "listeners killed": () => admin.call("CLIENT", "KILL", "TYPE", "pubsub").then(() => {})
  }
}
