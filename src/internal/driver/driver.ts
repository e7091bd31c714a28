/**
 * The operations that this library needs of a store: a short list of atomic operations on bytes, chosen so that a real
 * Redis and memory can give the same guarantees. `decorate.ts` lists them for wrappers of a driver.
 */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Kind } from "../entry/format.js"
import type { Breaker } from "./breaker.js"

/** Whether a cache's keys hold entries with a header, or the plain decimal text of counters. */
export type { Kind }

/**
 * Handles the answer of a hot operation. The driver calls it where the answer arrives, so that a hit pays for one
 * `Effect.async` and nothing more. Once an operation was sent, exactly one of the two is called, even if the fiber of
 * the caller has ended.
 *
 * `now` is server time in milliseconds, `key` is the (first) key of the request.
 */
export interface Reply<in Answer, out A, out E, out R> {
  readonly onSuccess: (answer: Answer, now: number, key: string) => Effect.Effect<A, E, R>
  readonly onFailure: (error: RedisError, key: string) => Effect.Effect<A, E, R>
}

/**
 * One value to be written: the bytes of a whole entry, and its life in Redis in ms (`undefined`: it never expires).
 */
export interface Write {
  readonly key: string
  readonly bytes: Uint8Array
  readonly life: number | undefined
}

/** A load's request for the lease of one key. */
export interface LeaseRequest {
  readonly key: string
  /** The bytes that were found there and are unusable. */
  readonly seen: Uint8Array | undefined
  readonly token: Uint8Array
  /** How long it is held, in ms, unless it is renewed. */
  readonly duration: number
  /** How long its marker, or at least the entry with its slot, lives, in ms: no lease of this cache lasts longer. */
  readonly life: number
  /** Takes the lease from the load that has it, whatever is stored. */
  readonly force: boolean
  /** The caller can serve something stale, so it does not ask a source that has just failed. */
  readonly yields: boolean
}

/**
 * What was stored when a lease was granted, and when that was. This shows later what other loads have stored since.
 */
export interface Grant {
  /** The write id of the marker or entry that has the lease. */
  readonly writeId: Uint8Array
  /** A number in 5 bytes: of two grants of one key, the later one has the greater. It wraps after a long time. */
  readonly turn: Uint8Array
}

/**
 * The answer to a load's request for the lease of a key.
 *
 * - `Granted`: the load has the lease
 * - `Held`: another load has it, for this many more ms unless it is renewed. `holder` is that load's token; zeros mean
 *   that the source is left alone
 * - `Found`: what is stored is not what the caller had seen
 * - `Barred`: updates of the source are under way. Load without storing, and do not wait for them
 */
export type LeaseReply =
  | { readonly _tag: "Granted"; readonly grant: Grant }
  | { readonly _tag: "Held"; readonly millis: number; readonly holder: Uint8Array }
  | { readonly _tag: "Found" }
  | { readonly _tag: "Barred" }

/** The result of a load, for the key whose lease it took. */
export interface FillRequest {
  readonly key: string
  readonly token: Uint8Array
  /** The entry; `undefined`: whatever is stored is removed, and not replaced. */
  readonly bytes: Uint8Array | undefined
  readonly life: number | undefined
  /**
   * For a load that took the lease by force: its grant. If another load has the lease by now, and the only writes since
   * were by forced loads with an earlier grant, the entry is stored under that other load's lease.
   */
  readonly replaces: Grant | undefined
  /** How long a lease of this cache may last, in ms. */
  readonly leaseLife: number
}

/** The keys and tags that one update of the source holds, under one token. */
export interface Holding {
  readonly token: Uint8Array
  /** Of entries. */
  readonly keys: ReadonlyArray<string>
  /** Under which the epochs of tags lie. */
  readonly tags: ReadonlyArray<string>
  /** The tag generation. If there is one, it gets this epoch before any tag changes. */
  readonly generation: { readonly key: string; readonly epoch: Uint8Array } | undefined
  /** How long the key of a tag outlives its holds, in ms, so that they are found to have run out. */
  readonly tagsOutlive: number
}

/** An update of the source begins, or goes on. */
export interface HoldRequest extends Holding {
  /** How long it holds from now, in ms, unless it is prolonged. */
  readonly duration: number
  /** It holds already; if its hold is lost, other updates may have held meanwhile. */
  readonly renews: boolean
}

/** An update of the source ends. */
export interface EndRequest extends Holding {
  /** Holds go on for exactly this many ms; 0: they end now. */
  readonly linger: number
  /** The values, by key, that replace holds that were only this update's, all the time. */
  readonly writes: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly life: number | undefined }>
  /** Its caller does not know whether it has begun: keys that it does not hold stay as they are. */
  readonly cancels: boolean
}

/** An entry whose fresh life must end now. */
export interface ExpireRequest {
  readonly key: string
  /** Its write id from now on, so that compare-and-set operations notice the change. */
  readonly writeId: Uint8Array
  /** If it was fresh until now, how long it stays, in ms: its stale windows. `undefined`: as long as before. */
  readonly windows: number | undefined
}

/** A request for an epoch, which is made if there is none. */
export interface EnsureRequest {
  readonly key: string
  readonly candidate: Uint8Array
  readonly life: number | undefined
  readonly revive?: boolean | undefined
  /** Only for the last request, which is read after all others. */
  readonly last?: boolean | undefined
}

/** An epoch to be replaced. */
export interface EpochRequest {
  readonly key: string
  readonly epoch: Uint8Array
  readonly expire: boolean
}

/** The outcome of a compare-and-set. */
export interface SwapReply {
  readonly done: boolean
  /** If it was not done, the bytes that are stored. */
  readonly found: Uint8Array | undefined
}

/** A key, without all of its bytes. What this user may not read is `undefined`. */
export interface Measure {
  /** Its first bytes. */
  readonly head: Uint8Array
  /** How many bytes there are. */
  readonly size: number | undefined
  /** In ms; `undefined`: it never expires. */
  readonly life: number | undefined
  /** In bytes, as the store counts them. */
  readonly memory: number | undefined
}

/** A server of the store, as it describes itself. */
export interface ServerAnswer {
  /** `host:port`, if it is one of several. */
  readonly address: string | undefined
  /** The texts of `INFO` and of `CLUSTER INFO`, or why there is none. */
  readonly info: Either.Either<string, RedisError>
  readonly cluster: Either.Either<string, RedisError> | undefined
  /** Of each probe: how long its answer took, and how far the server's clock was ahead of this machine's wall clock, in ms. */
  readonly probes: ReadonlyArray<{ readonly roundTrip: number; readonly clockOffset: number }>
}

/** The server of a connection, as traces and metrics show it. */
export interface Place {
  /** The host, or the path of a Unix socket; `undefined`: sentinels have not answered yet. */
  readonly address: string | undefined
  readonly port: number | undefined
  readonly database: number
}

/** A link over which a store reports changes, as long as it holds. */
export interface Link {
  /**
   * The keys of a heartbeat: a write of each is reported like any other, over each way by which changes come. Different
   * ids have different keys. None: reports over this link cannot be late.
   */
  readonly heartbeats: (id: string) => ReadonlyArray<string>
  /** Gives this link up, since nothing comes over it, and makes another. */
  readonly renew: () => void
}

/** Receives reports of changes, in the order in which they happened. */
export interface Watcher {
  /** From now on every change is reported. Earlier changes may have been missed. */
  readonly onLink: (link: Link) => void
  /** These keys were written, deleted, evicted or have expired; `undefined`: any may have been. */
  readonly onChange: (keys: ReadonlyArray<string> | undefined) => void
  /** The link is lost: changes are not reported until there is another. */
  readonly onLoss: () => void
  /**
   * This machine may have been suspended, and the link may have been lost meanwhile: earlier reports prove nothing now.
   * It is called before any later reading of the driver's clocks is returned.
   */
  readonly onSleep: () => void
}

/**
 * Atomic operations on entries (see `docs/internals/entry-format.md`). Every operation acts on each key by itself; keys
 * are whole Redis keys. A driver never sends anything twice, and everything is answered within its time limit.
 */
export interface Driver {
  /** Precedes every key of every cache. */
  readonly prefix: string

  /** Server time in milliseconds, as exactly as it is known here. */
  readonly unsafeNow: (clock: Clock.Clock) => number

  /** Milliseconds on a clock of this machine that never goes back, and does not stop while the machine is suspended. */
  readonly unsafeMonotonic: (clock: Clock.Clock) => number

  /** Counts up whenever a connection to the store was made anew, or leads to another server than before. */
  readonly unsafeConnections: () => number

  /** The server of a key, as far as is known. Without a key: the server of all keys, if there is only one. */
  readonly unsafePlace?: ((key: string | undefined) => Place | undefined) | undefined

  /** Round trips have spans, so operations must note their names (`operation.ts`). */
  readonly traced?: boolean | undefined

  /**
   * Calls back synchronously whenever a connection to the store was made anew, or keys moved to another server.
   * Commands that are requested in the callback are sent first.
   */
  readonly unsafeOnReconnect: (listener: () => void) => void

  /**
   * Decides about every operation, if the store can only be reachable or unreachable as a whole (`breaking.ts`). None
   * if the store cannot be unreachable, or if each of its servers has its own: then an operation on several of them is
   * refused in part (`isUnsent`).
   */
  readonly breaker: Breaker | undefined

  readonly get: <A, E, R>(key: string, reply: Reply<Uint8Array | undefined, A, E, R>) => Effect.Effect<A, E, R>

  readonly getMany: <A, E, R>(
    keys: ReadonlyArray<string>,
    reply: Reply<ReadonlyArray<Uint8Array | undefined>, A, E, R>
  ) => Effect.Effect<A, E, R>

  /** Plain sets, value and life in one step each. Whatever was there is gone, leases included. */
  readonly set: <A, E, R>(write: Write, reply: Reply<void, A, E, R>) => Effect.Effect<A, E, R>

  readonly setMany: <A, E, R>(writes: ReadonlyArray<Write>, reply: Reply<void, A, E, R>) => Effect.Effect<A, E, R>

  /** Gets and deletes each. Leases are revoked; holds stay in place, and are returned. */
  readonly take: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /** The same, but of an entry it returns at least the header and the tags: payloads are not transferred. */
  readonly remove: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /**
   * Removes everything except holds. Returns the keys of which it is not known whether they were removed, and why.
   */
  readonly discard: (
    keys: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly failed: ReadonlyArray<string>; readonly error: RedisError | undefined }, RedisError>

  /**
   * Takes the lease of a key if `seen` is still what is stored. Under a missing key or foreign bytes it is a marker; in
   * an entry with the write id of `seen` it is the lease slot. A lease whose time is over, or which claims to last
   * longer than `life`, is free. A live counter has no place for a lease: it is always `Found`. Nothing is granted over
   * a hold, not even by force.
   */
  readonly lease: (
    requests: ReadonlyArray<LeaseRequest>,
    kind: Kind
  ) => Effect.Effect<ReadonlyArray<LeaseReply>, RedisError>

  /**
   * Writes if the slot still has the token, however late: it does not matter that a lease has expired if no other load
   * has taken it. The answer says whether it was written.
   */
  readonly fill: (requests: ReadonlyArray<FillRequest>) => Effect.Effect<ReadonlyArray<boolean>, RedisError>

  /**
   * Ends the token's lease: a marker is removed, an entry stays as it was, until its own end. With `backOff`, an entry
   * says for this many ms that the source must be left alone. If another load has the lease, nothing happens.
   */
  readonly release: (
    requests: ReadonlyArray<
      { readonly key: string; readonly token: Uint8Array; readonly backOff?: number | undefined }
    >
  ) => Effect.Effect<void, RedisError>

  /** Prolongs the token's lease to `duration` ms from now; `false` if it is lost. */
  readonly renew: (
    requests: ReadonlyArray<{ readonly key: string; readonly token: Uint8Array; readonly duration: number }>
  ) => Effect.Effect<ReadonlyArray<boolean>, RedisError>

  /**
   * Compare-and-set: if the key still has what was `seen` (or is still absent), replaces it with `write`, or deletes
   * it. If not, the answer has what is stored now.
   */
  readonly swap: (
    request: {
      readonly key: string
      readonly seen: Uint8Array | undefined
      readonly bytes: Uint8Array | undefined
      readonly life: number | undefined
    },
    kind: Kind
  ) => Effect.Effect<SwapReply, RedisError>

  /**
   * Sets a new life for what was `seen`, and a new fresh-until in an entry's header; `false` if it is no longer there.
   * A lease in its slot stays, and lasts as long as before.
   */
  readonly touch: (
    request: {
      readonly key: string
      readonly seen: Uint8Array
      readonly freshUntil: number
      readonly life: number | undefined
      /** How long a lease of this cache may last, in ms. */
      readonly leaseLife: number
    },
    kind: Kind
  ) => Effect.Effect<boolean, RedisError>

  /**
   * Ends the fresh life of each entry, at server time, and returns what was there, as `remove` does. As with any write,
   * leases are revoked, and markers removed. An entry that is already stale stays as stale as it is, until its own end.
   * Foreign bytes and holds stay in place.
   */
  readonly expire: (
    requests: ReadonlyArray<ExpireRequest>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /** Adds to a counter; anything else counts as zero. `life` is set by the first increment. */
  readonly increment: (
    request: { readonly key: string; readonly delta: number; readonly life: number | undefined }
  ) => Effect.Effect<number, RedisError>

  /**
   * The epochs under these keys, 8 bytes each, made from `candidate` if there is none. Each lives for at least `life`
   * more milliseconds (`undefined`: it never expires). If there is a hold, the answer is that hold, which stays as it
   * is; with `revive`, a hold that has run out counts as missing.
   */
  readonly ensureEpochs: (
    requests: ReadonlyArray<EnsureRequest>
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>

  /**
   * Replaces the epochs that exist, the first before the others, keeping their lives, even when memory is full. With
   * `expire`, the counter of a tag's epoch is incremented instead, as of now; if it cannot be, the given epoch replaces
   * it. Holds stay in place.
   */
  readonly replaceEpochs: (requests: ReadonlyArray<EpochRequest>) => Effect.Effect<void, RedisError>

  /**
   * Makes an update of the source hold its keys and tags, whatever is stored there; other updates' holds stay beside
   * it. The generation is replaced before the tags are held.
   */
  readonly hold: (request: HoldRequest) => Effect.Effect<void, RedisError>

  /**
   * Removes an update's holds. If no other update holds a key, everything stored there is removed. The generation is
   * replaced before the tags change. Returns how many values were written.
   */
  readonly endHold: (request: EndRequest) => Effect.Effect<number, RedisError>

  /** All keys that start with `prefix` (taken literally) and hold bytes, in pages. A key may come more than once. */
  readonly scan: (prefix: string) => Stream.Stream<ReadonlyArray<string>, RedisError>

  /**
   * Removes the keys of the cache of this name, and counts them; and the epochs of its tags. This happens in pages.
   * Holds stay where they are.
   */
  readonly clear: (cache: string) => Effect.Effect<number, RedisError>

  /** The first `size` bytes of each. */
  readonly heads: (
    keys: ReadonlyArray<string>,
    size: number
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /**
   * Reports every change of a key under `prefix`, by any program, until it is interrupted; a lost link is made again.
   * Fails if the store refuses to report changes.
   */
  readonly watch: (watcher: Watcher) => Effect.Effect<never, RedisError>

  /** The bytes of a key, its remaining life in ms (`undefined`: it never expires), and its memory in bytes. */
  readonly inspect: (key: string) => Effect.Effect<
    {
      readonly bytes: Uint8Array
      readonly life: number | undefined
      readonly memory: number | undefined
    } | undefined,
    RedisError
  >

  /** Of each key its first `headSize` bytes, and how large it is. */
  readonly measure: (
    keys: ReadonlyArray<string>,
    headSize: number
  ) => Effect.Effect<ReadonlyArray<Measure | undefined>, RedisError>

  /** Asks each server about itself, and `probes` times for its time. Empty for a store without servers. */
  readonly servers: (probes: number) => Effect.Effect<ReadonlyArray<ServerAnswer>, RedisError>
}
