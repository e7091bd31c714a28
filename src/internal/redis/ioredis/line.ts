/** A connection of ioredis: its events, single commands, and its end. */
import type { Redis } from "ioredis"
import type { EventEmitter } from "node:events"
import { connect, type NetConnectOpts } from "node:net"
import type { Client, Events, Line, Place, Receiver, Socket, Status } from "../port.js"
import type { Words } from "../resp/words.js"
import { hear, type Listener } from "./hear.js"

/** So it says of its own handshake, when the link fails in the middle of that. */
const consequence = "Stream isn't writeable"

/** An error without a listener would end the process; those of a client that was given up come late. */
export const heedless = (client: Redis): Redis => client.on("error", () => {})

export class IoredisLine implements Line {
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

  listen({ onClose, onConnect, onEnd, onError, onFirstBytes, onMessage, onReady }: Partial<Events>): () => void {
    return this.hear([
      ["error", onError && ((error: Error) => onError(error, error.message.startsWith(consequence)))],
      ["connect", onConnect],
      ["connect", onFirstBytes && (() => hearFirst(this.client.stream, onFirstBytes))],
      ["ready", onReady],
      ["close", onClose],
      ["end", onEnd],
      ["messageBuffer", onMessage && ((_channel: Buffer, message: unknown) => onMessage(message))]
    ])
  }

  protected hear(listeners: ReadonlyArray<readonly [event: string, Listener | undefined]>): () => void {
    const forget = listeners.map(([event, listener]) => listener && hear(this.client, event, listener))
    return () => {
      for (const end of forget) end?.()
    }
  }
}

/** Listens before the client's own parser, which fails on bytes that are not a reply. */
const hearFirst = (socket: EventEmitter, listener: (bytes: Uint8Array) => void): void => {
  const forget = hear(socket, "data", (bytes: Uint8Array) => {
    forget()
    listener(bytes)
  }, true)
}

/** How long a server may take to say why it hangs up, in ms. */
const overhearing = 250

const firstBytes = (target: NetConnectOpts): Promise<Uint8Array> =>
  new Promise((resolve) => {
    const socket = connect(target)
    const end = (bytes: Uint8Array): void => {
      socket.destroy()
      resolve(bytes)
    }
    const nothing = (): void => end(new Uint8Array(0))
    socket.setTimeout(overhearing, nothing).once("data", end).once("error", nothing).once("close", nothing)
  })

/** A connection for commands, however it sends them. */
export abstract class IoredisClient extends IoredisLine implements Client {
  constructor(client: Redis, private readonly duplicate: () => Redis) {
    super(client)
  }

  abstract readonly borrowed: boolean

  abstract send(batch: ReadonlyArray<Words>, receiver: Receiver): void

  get database(): number {
    // A client that has not begun to connect will select the database of its options.
    return this.client.condition?.select ?? this.client.options.db ?? 0
  }

  get place(): Place {
    const { host, path, port, sentinels } = this.client.options
    const { database } = this
    if (path !== undefined && path !== null) return { address: path, port: undefined, database }
    // Sentinels name the master at every connection.
    if (sentinels !== undefined && sentinels !== null && sentinels.length > 0) {
      // Its type is of any stream; this is a socket, if there is one.
      const { remoteAddress, remotePort } = (this.client.stream ?? {}) as {
        readonly remoteAddress?: string
        readonly remotePort?: number
      }
      return { address: remoteAddress, port: remotePort, database }
    }
    return { address: host, port, database }
  }

  get secure(): boolean {
    return this.client.options.tls !== undefined
  }

  overhear(): Promise<Uint8Array> {
    const { address, port } = this.place
    if (this.secure || address === undefined) return Promise.resolve(new Uint8Array(0))
    return firstBytes(port === undefined ? { path: address } : { host: address, port })
  }

  get socket(): Socket | undefined {
    return this.client.stream
  }

  reconnect(): void {
    this.client.disconnect(true)
  }

  openFeed(): Line {
    return new IoredisLine(heedless(this.duplicate()))
  }
}
