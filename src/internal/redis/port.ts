/**
 * What this driver needs of a Redis client: connections to servers, and commands over them, in their order. `ioredis/`
 * implements it with ioredis; nothing else here knows which client it is.
 */
import type { Place } from "../driver/driver.js"
import type { Words } from "./resp/words.js"

export type { Place }

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * - `wait`: not begun, and not needed yet
 * - `connecting`, `connect`: being made; with a socket, but not ready for commands
 * - `ready`: for commands
 * - `close`, `reconnecting`: lost, and about to be made anew
 * - `end`: lost, and not made anew by itself
 */
export type Status = "wait" | "connecting" | "connect" | "ready" | "close" | "reconnecting" | "end"

/** The events of a connection. */
export interface Events {
  /** `isConsequence`: it follows from an error that was reported before. */
  readonly onError: (error: Error, isConsequence: boolean) => void
  readonly onConnect: () => void
  /** The first bytes that came over a socket. */
  readonly onFirstBytes: (bytes: Uint8Array) => void
  readonly onReady: () => void
  readonly onClose: () => void
  readonly onEnd: () => void
  /** The server has refused a command; not reported for a borrowed client. */
  readonly onRefusal: (error: Error) => void
  /** A subscriber received this message. */
  readonly onMessage: (message: unknown) => void
}

/** A connection that goes on over many sockets: a lost one is replaced. */
export interface Line {
  readonly status: Status
  /** Begins to connect. Events report the outcome. */
  readonly connect: () => void
  /** Ends it for good. */
  readonly disconnect: () => void
  /** One command, and its reply: bulks as text, an error reply as a rejection with an error whose name is `ReplyError`. */
  readonly ask: (name: string, ...args: ReadonlyArray<string | number>) => Promise<unknown>
  /** Reports these events until the returned function is called. */
  readonly listen: (events: Partial<Events>) => () => void
}

/** Receives the outcome of each command of a batch, once, when its reply arrives: bulks and simple strings as bytes. */
export interface Receiver {
  readonly onReply: (index: number, reply: unknown) => void
  readonly onError: (index: number, error: unknown) => void
}

export interface Socket {
  readonly bytesRead: number
  readonly destroy: (error: Error) => void
}

/** A connection for commands. */
export interface Client extends Line {
  /** Its owner uses it as well, and ends it. */
  readonly borrowed: boolean
  /** Where the next command goes. */
  readonly database: number
  readonly place: Place
  /** It speaks TLS. */
  readonly secure: boolean
  /** The first bytes that the server sends to a connection that sends nothing, or none. It ends soon. */
  readonly overhear: () => Promise<Uint8Array>
  /** `undefined` before the first was made. */
  readonly socket: Socket | undefined
  /** Sends a batch in its order, if it is ready. Every command is answered, whether it succeeds or fails. */
  readonly send: (batch: ReadonlyArray<Words>, receiver: Receiver) => void
  /** Gives its socket up, and makes another. */
  readonly reconnect: () => void
  /** Another connection to the same server, for reports of changes. It speaks RESP2, and is not connected yet. */
  readonly openFeed: () => Line
}

/** Maps the servers' own addresses to those by which they can be reached from here. */
export type NatMap = Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined)

/** The servers of a cluster: connections of our own, or those of a borrowed client. */
export interface Nodes {
  /** The servers to ask when no other answers. Fails if connections have been ended for good. */
  readonly startNodes: () => Promise<ReadonlyArray<Address>>
  readonly natMap: NatMap | undefined
  readonly connect: (address: Address) => Client
  /** A connection for one command: it connects by itself, has time limits, and is not made anew. */
  readonly visit: (address: Address) => Line
}
