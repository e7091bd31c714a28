/** Connections of ioredis, as this driver knows them: of our own, and borrowed ones. */
import type { Command, Redis, RedisOptions } from "ioredis"
import { lastReconnect, reconnectPause } from "../connection.js"
import type { Address, Client, Events, Line, Place, Receiver, Socket, Status } from "../port.js"
import type { Words } from "../resp/words.js"
import { type Send, sending } from "./send.js"

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

/** Of ours, among the client's own events: an error reply came. */
const refusal = "effect-redis-cache:refusal"

/** So it says of its own handshake, when the link fails in the middle of that. */
const consequence = "Stream isn't writeable"

/** As emitters have it. */
type Listener = (...told: Array<any>) => void

class IoredisLine implements Line {
  constructor(protected readonly client: Redis) {}

  get status(): Status {
    return this.client.status
  }

  connect(): void {
    this.client.connect().catch(() => undefined)
  }

  disconnect(): void {
    this.client.disconnect()
  }

  ask(name: string, ...args: ReadonlyArray<string | number>): Promise<unknown> {
    return this.client.call(name, ...args)
  }

  listen(events: Partial<Events>): () => void {
    const { onClose, onConnect, onEnd, onError, onMessage, onReady, onRefusal } = events
    const listeners: ReadonlyArray<readonly [event: string, Listener | undefined]> = [
      ["error", onError && ((error: Error) => onError(error, error.message.startsWith(consequence)))],
      ["connect", onConnect],
      ["ready", onReady],
      ["close", onClose],
      ["end", onEnd],
      [refusal, onRefusal],
      ["messageBuffer", onMessage && ((_channel: Buffer, message: unknown) => onMessage(message))]
    ]
    for (const [event, listener] of listeners) if (listener !== undefined) this.client.on(event, listener)
    return () => {
      for (const [event, listener] of listeners) if (listener !== undefined) this.client.off(event, listener)
    }
  }
}

class IoredisClient extends IoredisLine implements Client {
  constructor(
    client: Redis,
    readonly borrowed: boolean,
    private readonly give: Send,
    private readonly duplicate: () => Redis
  ) {
    super(client)
  }

  get database(): number {
    // One that has not begun to connect will be where its options say.
    return this.client.condition?.select ?? this.client.options.db ?? 0
  }

  get place(): Place {
    const { host, path, port, sentinels } = this.client.options
    const { database } = this
    if (path !== undefined && path !== null) return { address: path, port: undefined, database }
    // Which server is the master, sentinels tell at every connection.
    if (sentinels !== undefined && sentinels !== null && sentinels.length > 0) {
      const { remoteAddress, remotePort } = (this.client.stream ?? {}) as {
        remoteAddress?: string
        remotePort?: number
      }
      return { address: remoteAddress, port: remotePort, database }
    }
    return { address: host, port, database }
  }

  get socket(): Socket | undefined {
    return this.client.stream
  }

  send(batch: ReadonlyArray<Words>, receiver: Receiver): void {
    this.give(this.client, batch, receiver)
  }

  reconnect(): void {
    this.client.disconnect(true)
  }

  openFeed(): Line {
    return new IoredisLine(heedless(this.duplicate()))
  }
}

/** An error without a listener would end the process; those of a client that was given up come late. */
const heedless = (client: Redis): Redis => client.on("error", () => {})

/** The package, loaded: what is used of it but for its types. */
export interface Ioredis {
  readonly Command: typeof Command
  readonly Redis: typeof Redis
}

/** How clients are made, and where from. */
export interface Clients {
  /** A connection of our own, not begun. */
  readonly own: (target: RedisOptions, connectTimeout: number) => Client
  /** Borrowed, and not ours to end. */
  readonly borrowed: (client: Redis) => Client
  /** A client that asks one thing. */
  readonly visitor: (target: RedisOptions, address: Address, connectTimeout: number) => Line
}

export const clientsOf = (ioredis: Ioredis): Clients => {
  const send = sending(ioredis)
  return {
    own: (target, connectTimeout) => {
      const client: Redis = new ioredis.Redis({
        ...target,
        ...ownOptions,
        connectTimeout,
        reconnectOnError: (error) => {
          client.emit(refusal, error)
          return false
        }
      })
      const forFeed = () => new ioredis.Redis({ ...target, connectTimeout, ...feedOptions })
      return new IoredisClient(heedless(client), false, send, forFeed)
    },
    borrowed: (client) => new IoredisClient(client, true, send, () => client.duplicate(feedOptions)),
    visitor: (target, { host, port }, connectTimeout) =>
      new IoredisLine(heedless(
        new ioredis.Redis({
          ...target,
          ...ownOptions,
          host,
          port,
          connectTimeout,
          commandTimeout: connectTimeout,
          enableOfflineQueue: true,
          enableReadyCheck: false,
          lazyConnect: false,
          retryStrategy: () => null
        })
      ))
  }
}
