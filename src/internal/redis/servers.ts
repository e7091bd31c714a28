/**
 * The servers behind a driver: one, or the masters of a cluster. The driver does not know which it has.
 */
import type { Batcher } from "./batch/batcher.js"
import type { Sender } from "./batch/sender.js"
import type { Time } from "./clocks/time.js"
import type { ServerFigures } from "./connection/figures.js"
import type { Address, Line, Place } from "./port.js"

/** One server. */
export interface Server {
  /** Where it is, if it is one of several. */
  readonly address: Address | undefined
  /** Where the connection to it leads. */
  readonly place: () => Place
  /** For commands that are meant for it, whatever their keys. */
  readonly sender: Sender
  /** Counts up whenever the connection to it was made anew. */
  readonly connections: () => number
  /** Another connection to it, for the feed of changes: not connected yet. */
  readonly openFeed: () => Line
  /** A key that lies on this server and starts with what `isBeacon` knows. Keys of different ids are different. */
  readonly beacon: (id: string) => string
  readonly isBeacon: (key: string) => boolean
}

/** Is notified about the distribution of keys. */
export interface Observer {
  /** Some keys may lie on other servers than before. */
  readonly onMove: () => void
  /** This key is served by a server that `masters` may not have. */
  readonly onAstray: (key: string) => void
}

export interface Servers {
  /** For commands on this key. */
  readonly at: (key: string) => Sender
  /** Where there is one server, and one command may have any keys. */
  readonly only: Batcher | undefined
  /** Those on which keys of the driver's prefix lie, as well as is known. */
  readonly masters: () => ReadonlyArray<Server>
  /** Looks anew how keys are spread. Counts up when that has changed. */
  readonly look: () => Promise<number>
  /** Whether keys may be on their way from server to server: those of a slot move one by one, before its owner changes. */
  readonly isMoving: () => Promise<boolean>
  readonly observe: (observer: Observer) => () => void
  /** Counts up whenever a connection was made anew, or keys came to lie on another server. */
  readonly connections: () => number
  /** Calls back whenever a connection was made anew. */
  readonly onReconnect: (listener: () => void) => void
  readonly clock: Time
  /** Where a key lies, as far as is known; without a key: where all do, if that is one server. */
  readonly placeOf: (key: string | undefined) => Place | undefined
  /** What is counted of the only server. */
  readonly figures: ServerFigures | undefined
}
