/**
 * The feed of changed keys: Redis's own client-side caching, in broadcast mode, on a connection of its own.
 *
 * The connection redirects to itself and then subscribes, so tracking ends with the connection that would be told, and
 * nothing has to be armed on another. It speaks RESP2, where keys come as a message: ioredis drops the pushes of RESP3.
 * Without `NOLOOP`: scripts ignore it, and a process knows best from the store itself in which order its writes took
 * place. See https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
import * as Effect from "effect/Effect"
import type { Redis as Client } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Watcher } from "../../../Driver.js"
import { heartbeatKey } from "../../tagKeys.js"
import { toRedisError } from "./redisErrors.js"

const channel = "__redis__:invalidate"

/** What a connection for the feed is made with, whatever the others are. */
export const feedOptions = {
  protocol: 2,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableReadyCheck: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  lazyConnect: true,
  maxRetriesPerRequest: 0
} as const

export interface FeedOptions {
  /** Makes the connection; it is not connected yet. It reconnects by itself. */
  readonly open: () => Client
  readonly prefix: string
  /** How long the server may take to agree, in ms. */
  readonly patience: number
}

/** One server's feed. Fails where the server, or its user's rights, do not allow it. */
export const watch = (
  { open, patience, prefix }: FeedOptions,
  watcher: Watcher
): Effect.Effect<never, RedisError> =>
  Effect.async((resume) => {
    const client = open()
    let linked = false
    let closed = false
    let handshake: ReturnType<typeof setTimeout> | undefined

    const lose = () => {
      clearTimeout(handshake)
      if (linked) watcher.onLoss()
      linked = false
    }
    const close = () => {
      closed = true
      lose()
      client.disconnect()
    }
    // A link that has fallen silent would not say good-bye, either.
    const renew = () => client.stream.destroy()

    const arm = async () => {
      const id = await client.client("ID")
      await client.call(
        "CLIENT",
        "TRACKING",
        "ON",
        "REDIRECT",
        id,
        "BCAST",
        ...(prefix === "" ? [] : ["PREFIX", prefix])
      )
      await client.subscribe(channel)
    }

    client.on("error", () => {}) // it reconnects, and says so when it is back
    client.on("ready", () => {
      clearTimeout(handshake)
      handshake = setTimeout(renew, patience)
      arm().then(
        () => {
          clearTimeout(handshake)
          if (closed) return
          linked = true
          watcher.onLink({ heartbeats: (id) => [heartbeatKey(prefix, id)], renew })
        },
        (cause: unknown) => {
          clearTimeout(handshake)
          const error = toRedisError("watch", cause)
          if (closed) return
          if (error.reason === "Connection") renew()
          else {
            close()
            resume(Effect.fail(error))
          }
        }
      )
    })
    client.on("close", lose)
    client.on("messageBuffer", (_: Buffer, keys: ReadonlyArray<Buffer> | null) => {
      // `null` after FLUSHALL and FLUSHDB.
      if (linked) watcher.onChange(keys === null ? undefined : keys.map(String))
    })
    client.connect().catch(() => {}) // as above
    return Effect.sync(close)
  })
