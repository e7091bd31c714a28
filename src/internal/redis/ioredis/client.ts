/** Connections of ioredis, as this driver knows them: of our own, and borrowed ones. */
import type { Command, Redis, RedisOptions } from "ioredis"
import { lastReconnect, reconnectPause } from "../connection/connection.js"
import type { Ask } from "../connection/credentials.js"
import type { Address, Client, Line } from "../port.js"
import { asking } from "./asking.js"
import { BorrowedClient } from "./borrowed.js"
import { heedless, IoredisLine } from "./line.js"
import { OwnClient } from "./own.js"
import { sending } from "./send.js"

/** What every connection of our own is made with: nothing is sent twice, and nothing waits without a bound. */
const ownOptions = {
  // Our own time limit answers.
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // A server that is loading its data is asked again as soon as one that is away.
  maxLoadingRetryTime: lastReconnect,
  lazyConnect: true,
  reconnectOnError: null,
  retryStrategy: reconnectPause
} as const

/** What a connection for the feed is made with, whatever the others are. */
const feedOptions = {
  // ioredis drops the pushes of RESP3.
  protocol: 2,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableReadyCheck: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  // Heartbeats tell when the other connection goes to another server.
  failoverDetector: false,
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  retryStrategy: reconnectPause
} as const

/** The loaded package: what is used of it, apart from its types. */
export interface Ioredis {
  readonly Command: typeof Command
  readonly Redis: typeof Redis
}

/** How clients are made, and where from. */
export interface Clients {
  /** A connection of our own, not begun. */
  readonly own: (target: RedisOptions, connecting: Connecting) => Client
  /** Borrowed, and not ours to end. */
  readonly borrowed: (client: Redis) => Client
  /** A client that asks one thing. */
  readonly visitor: (target: RedisOptions, address: Address, connecting: Connecting) => Line
}

/** What connections of our own are made with. */
export interface Connecting {
  /** In ms. */
  readonly connectTimeout: number
  /** For credentials, in the place of those that options have. */
  readonly ask?: Ask | undefined
}

export const clientsOf = (ioredis: Ioredis): Clients => {
  const send = sending(ioredis)
  return {
    own: (target, { ask, connectTimeout }) =>
      new OwnClient(
        asking(new ioredis.Redis({ ...target, ...ownOptions, connectTimeout }), ask),
        () => asking(new ioredis.Redis({ ...target, connectTimeout, ...feedOptions }), ask)
      ),
    borrowed: (client) => new BorrowedClient(client, () => client.duplicate(feedOptions), send),
    visitor: (target, { host, port }, { ask, connectTimeout }) => {
      const client = heedless(
        new ioredis.Redis({
          ...target,
          ...ownOptions,
          host,
          port,
          connectTimeout,
          commandTimeout: connectTimeout,
          enableOfflineQueue: true,
          enableReadyCheck: false,
          retryStrategy: () => null
        })
      )
      const line = new IoredisLine(asking(client, ask))
      line.connect()
      return line
    }
  }
}
