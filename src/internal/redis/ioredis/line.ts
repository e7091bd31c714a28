/** A connection of ioredis's, as far as it is told of, asked single things, and ended. */
import type { Redis } from "ioredis"
import type { Client, Events, Line, Place, Receiver, Socket, Status } from "../port.js"
import type { Words } from "../resp/words.js"

/** So it says of its own handshake, when the link fails in the middle of that. */
const consequence = "Stream isn't writeable"

/** As emitters have it. */
type Listener = (...told: Array<any>) => void

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

  listen({ onClose, onConnect, onEnd, onError, onMessage, onReady }: Partial<Events>): () => void {
    return this.hear([
      ["error", onError && ((error: Error) => onError(error, error.message.startsWith(consequence)))],
      ["connect", onConnect],
      ["ready", onReady],
      ["close", onClose],
      ["end", onEnd],
      ["messageBuffer", onMessage && ((_channel: Buffer, message: unknown) => onMessage(message))]
    ])
  }

  protected hear(listeners: ReadonlyArray<readonly [event: string, Listener | undefined]>): () => void {
    for (const [event, listener] of listeners) if (listener !== undefined) this.client.on(event, listener)
    return () => {
      for (const [event, listener] of listeners) if (listener !== undefined) this.client.off(event, listener)
    }
  }
}

/** A connection for commands, however it sends them. */
export abstract class IoredisClient extends IoredisLine implements Client {
  constructor(client: Redis, private readonly duplicate: () => Redis) {
    super(client)
  }

  abstract readonly borrowed: boolean

  abstract send(batch: ReadonlyArray<Words>, receiver: Receiver): void

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
      // Its type is of any stream; this is a socket, if there is one.
      const { remoteAddress, remotePort } = (this.client.stream ?? {}) as {
        readonly remoteAddress?: string
        readonly remotePort?: number
      }
      return { address: remoteAddress, port: remotePort, database }
    }
    return { address: host, port, database }
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
