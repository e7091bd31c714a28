/**
 * The feed of changed keys: Redis's own client-side caching, in broadcast mode, on a connection of its own to each server.
 *
 * The connection redirects to itself and then subscribes, so tracking ends with the connection that receives the
 * reports, and nothing has to be armed on another. It speaks RESP2, in which keys come as a message: ioredis drops the
 * pushes of RESP3. It does not use `NOLOOP`: scripts ignore it, and only the store itself knows in which order this
 * process's writes took place. See https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { Watcher } from "../driver/driver.js"
import { isHeartbeatKey } from "../key/reserved.js"
import { type FeedLog, nameOf } from "./connection/log.js"
import { toRedisError, unexpectedReply } from "./errors.js"
import type { Line } from "./port.js"
import { isBytes, isCount, isOk } from "./replies.js"
import type { Server, Servers } from "./servers.js"

const channel = "__redis__:invalidate"

/** The events of the feed of one server. */
interface Listener {
  readonly onLink: () => void
  readonly onChange: (keys: ReadonlyArray<string> | undefined) => void
  /** Also where there was no link yet, and there is none now. */
  readonly onLoss: (why: string) => void
  /** The server, or the rights of its user, do not allow it. */
  readonly onRefusal: (error: RedisError) => void
}

interface Listening {
  /** Gives the connection up, and makes another. */
  readonly renew: () => void
  readonly close: () => void
}

/** How long to wait before the next try with another client, in ms, less a random part. */
const renewPause = 250

/**
 * A client that loses its connection makes another by itself. A client that has fallen silent, or does not get as far
 * as receiving reports, is given up: if a connection breaks in the middle of the client's own handshake, ioredis may
 * believe that it is connected and never notice.
 */
const listen = (server: Server, prefix: string, patience: number, listener: Listener): Listening => {
  let client: Line | undefined
  let linked = false
  let closed = false
  let timer: ReturnType<typeof setTimeout> | undefined
  /** What the connection failed with last. */
  let failure: string | undefined

  const lose = (why: string) => {
    clearTimeout(timer)
    if (!closed) listener.onLoss(why)
    linked = false
  }
  const drop = (why: string) => {
    lose(why)
    client?.disconnect()
    client = undefined
  }
  const close = () => {
    closed = true
    drop("closed")
  }
  const renew = (why: string) => {
    if (closed) return
    drop(why)
    timer = setTimeout(open, renewPause * (1 - Math.random() / 2))
  }
  // A server may accept a connection and never speak, and the client's first commands have no time limit of their own.
  const limit = () => {
    clearTimeout(timer)
    timer = setTimeout(() => renew(`no answer within ${patience} ms`), patience)
  }
  const whyClosed = () => failure ?? "the server closed the connection"

  const arm = async (mine: Line) => {
    const id = await mine.ask("client", "ID")
    if (!isCount(id)) throw unexpectedReply("watch", "client id", id)
    const area = prefix === "" ? [] : ["PREFIX", prefix]
    const armed = await mine.ask("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", ...area)
    if (!isOk(armed)) throw unexpectedReply("watch", "client tracking", armed)
    await mine.ask("subscribe", channel)
  }

  const open = () => {
    const mine = server.openFeed()
    client = mine
    /** Events of a connection that was given up are ignored. */
    const ours = (act: () => void) => () => {
      if (client === mine) act()
    }
    mine.listen({
      onError: (error) => {
        if (client === mine) failure = error.message
      },
      onConnect: ours(limit),
      onReady: ours(() => {
        limit()
        arm(mine).then(
          ours(() => {
            clearTimeout(timer)
            linked = true
            failure = undefined
            listener.onLink()
          }),
          (cause: unknown) => {
            if (client !== mine) return
            const error = toRedisError("watch", cause, nameOf(server.place()))
            if (error.reason === "Auth" || error.reason === "Command") {
              close()
              listener.onRefusal(error)
            } // It cannot now: it is unreachable, loads its data, or runs a script.
            else renew(cause instanceof Error ? cause.message : String(cause))
          }
        )
      }),
      onClose: ours(() => lose(whyClosed())),
      onEnd: ours(() => renew(whyClosed())),
      onMessage: (keys) => {
        if (client !== mine || !linked) return
        // `null` after FLUSHALL and FLUSHDB. An unreadable message may be about any key.
        listener.onChange(Array.isArray(keys) && keys.every(isBytes) ? keys.map(String) : undefined)
      }
    })
    mine.connect() // if it fails, it goes on trying, and reports when it is connected
  }

  open()
  return { close, renew: () => renew("it has fallen silent") }
}

/** The feed of one server, as one of many. */
interface Part {
  readonly listening: Listening
  linked: boolean
}

/**
 * Combines the feeds of all servers: there is a link if there is one to each. It is lost with any of them, and also
 * when keys move to other servers, since changes of values that were copied from a server without a feed would not be
 * reported. It fails if a server, or its user's rights, do not allow it.
 *
 * A heartbeat is a key on every server, and it must come back over the feed of that very server: if the map of the
 * cluster is out of date, it comes over another.
 *
 * @param patience how long a server may take to agree, in ms
 */
export const watch = (
  servers: Servers,
  prefix: string,
  patience: number,
  log: FeedLog,
  watcher: Watcher
): Effect.Effect<never, RedisError> =>
  Effect.async((resume) => {
    const parts = new Map<Server, Part>()
    let linked = false

    const lose = () => {
      if (linked) watcher.onLoss()
      linked = false
    }
    /** `last`: one of those that there is a link to now. */
    const settle = (last: Server | undefined) => {
      if (last === undefined || linked || ![...parts.values()].every((part) => part.linked)) return
      linked = true
      log.on(last.place())
      watcher.onLink({
        heartbeats: (id) => [...parts.keys()].map((server) => server.beacon(id)),
        renew: () => {
          for (const { listening } of parts.values()) listening.renew()
        }
      })
    }
    const open = (server: Server): Part => {
      const part: Part = {
        linked: false,
        listening: listen(server, prefix, patience, {
          onLink: () => {
            part.linked = true
            settle(server)
          },
          onChange: (keys) => {
            if (linked) watcher.onChange(keys?.filter((key) => !isHeartbeatKey(prefix, key) || server.isBeacon(key)))
          },
          onLoss: (why) => {
            part.linked = false
            log.off(server.place(), why)
            lose()
          },
          onRefusal: (error) => {
            log.refused()
            close()
            resume(Effect.fail(error))
          }
        })
      }
      return part
    }
    const follow = () => {
      lose()
      const wanted = new Set(servers.masters())
      for (const [server, part] of parts) {
        if (wanted.has(server)) continue
        parts.delete(server)
        part.listening.close()
      }
      for (const server of wanted) if (!parts.has(server)) parts.set(server, open(server))
      settle([...wanted][0])
    }
    const forget = servers.observe({
      onMove: follow,
      onAstray: (key) => {
        if (linked) watcher.onChange([key])
      }
    })
    const unhear = servers.clock.local.onSleep(watcher.onSleep)
    const close = () => {
      forget()
      unhear()
      lose()
      for (const { listening } of parts.values()) listening.close()
    }
    follow()
    return Effect.sync(close)
  })
