/**
 * What a store must be able to do for this library: a short list of atomic operations on bytes, chosen so that a real
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
 * What to do with the answer of a hot operation. The driver calls it where the answer arrives, so that a hit pays for
 * one `Effect.async` and nothing on top of it. Once an operation was sent, exactly one of the two is called, also when
 * the fiber that asked has gone.
 *
 * `now` is server time in milliseconds, `key` the (first) key that was asked for.
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
  /** What was found there and is unusable. */
  readonly seen: Uint8Array | undefined
  readonly token: Uint8Array
  /** How long it is held, in ms, unless it is renewed. */
  readonly duration: number
  /** How long its marker lives, in ms, or at least the entry that has it in its slot: no lease of this cache lasts longer. */
  readonly life: number
  /** Takes it from the load that has it, whatever is there. */
  readonly force: boolean
  /** The caller has something stale to serve: it leaves a source alone that has just failed. */
  readonly yields: boolean
}

/**
 * What a lease was granted over, and when: that tells later what others have stored since.
 */
export interface Grant {
  /** Of what the lease stands in, marker or entry. */
  readonly writeId: Uint8Array
  /** A number in 5 bytes: of two grants of one key the later one has the greater. It may start anew after a long time. */
  readonly turn: Uint8Array
}

/**
 * The answer to a load that asks for the lease of a key.
 *
 * - `Granted`: the lease is its own
 * - `Held`: another load has it, for so many more ms unless it is renewed. `holder` is that load's token; zeros stand for
 *   a source that is left alone
 * - `Found`: something else is there than what the caller had seen
 * - `Barred`: updates of the source are under way. Load without storing, and do not wait for them
 */
export type LeaseReply =
  | { readonly _tag: "Granted"; readonly grant: Grant }
  | { readonly _tag: "Held"; readonly millis: number; readonly holder: Uint8Array }
  | { readonly _tag: "Found" }
  | { readonly _tag: "Barred" }

/** What a load has computed, for the key whose lease it took. */
export interface FillRequest {
  readonly key: string
  readonly token: Uint8Array
  /** The entry; `undefined`: what is there goes, and nothing takes its place. */
  readonly bytes: Uint8Array | undefined
  readonly life: number | undefined
  /**
   * For a load that took the lease by force: what was granted. If another load has the lease by now, and there were no
   * writes since except by forced loads that were granted their lease before, the entry is stored under that load's
   * lease.
   */
  readonly replaces: Grant | undefined
  /** How long a lease of this cache may last, in ms. */
  readonly leaseLife: number
}

/** What one update of the source holds, under one token. */
export interface Holding {
  readonly token: Uint8Array
  /** Of entries. */
  readonly keys: ReadonlyArray<string>
  /** Under which the epochs of tags lie. */
  readonly tags: ReadonlyArray<string>
  /** The tag generation, which is given this epoch before any tag changes, if there is one. */
  readonly generation: { readonly key: string; readonly epoch: Uint8Array } | undefined
  /** For so many ms what stands under a tag outlives its holds, so that they are found to have run out. */
  readonly tagsOutlive: number
}

/** An update of the source begins, or goes on. */
export interface HoldRequest extends Holding {
  /** It holds for so many ms from now, unless it is prolonged. */
  readonly duration: number
  /** It holds already; where its hold is lost, others may have held meanwhile. */
  readonly renews: boolean
}

/** An update of the source ends. */
export interface EndRequest extends Holding {
  /** Holds go on for exactly so many ms; 0: they do not. */
  readonly linger: number
  /** What takes the place of holds that were this update's alone, all the time, by key. */
  readonly writes: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly life: number | undefined }>
  /** It has not begun, for all that its caller knows: where it does not hold, everything stays as it is. */
  readonly cancels: boolean
}

/** An entry whose fresh life is to end now. */
export interface ExpireRequest {
  readonly key: string
  /** Its write id from now on: what compares it finds another. */
  readonly writeId: Uint8Array
  /** How long it stays, in ms, where it was fresh until now: its stale windows. `undefined`: as long as before. */
  readonly windows: number | undefined
}

/** A request for an epoch, which is made where there is none. */
export interface EnsureRequest {
  readonly key: string
  readonly candidate: Uint8Array
  readonly life: number | undefined
  readonly revive?: boolean | undefined
  /** Of the last request: looked at after all others. */
  readonly last?: boolean | undefined
}

/** An epoch that is to become another. */
export interface EpochRequest {
  readonly key: string
  readonly epoch: Uint8Array
  readonly expire: boolean
}

/** What a compare-and-set came to. */
export interface SwapReply {
  readonly done: boolean
  /** What is there, where it was not done. */
  readonly found: Uint8Array | undefined
}

/** A key, without all of its bytes. What this user may not ask for is `undefined`. */
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

/** A server of the store, as it tells of itself. */
export interface ServerAnswer {
  /** `host:port`, where it is one of several. */
  readonly address: string | undefined
  /** The texts of `INFO` and of `CLUSTER INFO`, or why there is none. */
  readonly info: Either.Either<string, RedisError>
  readonly cluster: Either.Either<string, RedisError> | undefined
  /** Of each probe: how long its answer took, and how far the server's clock was ahead of this machine's wall clock, in ms. */
  readonly probes: ReadonlyArray<{ readonly roundTrip: number; readonly clockOffset: number }>
}

/** Where a connection leads to, as traces and metrics tell it. */
export interface Place {
  /** The host, or the path of a Unix socket; `undefined`: sentinels have not told yet. */
  readonly address: string | undefined
  readonly port: number | undefined
  readonly database: number
}

/** A link over which a store tells of changes, as long as it holds. */
export interface Link {
  /**
   * The keys of a heartbeat: a write of each is told like any other, over each way that changes come. Keys of different
   * ids are different. None: what is told over this link cannot be late.
   */
  readonly heartbeats: (id: string) => ReadonlyArray<string>
  /** Gives this link up, since nothing comes over it, and makes another. */
  readonly renew: () => void
}

/** Is told of changes, in the order in which they happened. */
export interface Watcher {
  /** From now on every change is told. What happened before may not have been. */
  readonly onLink: (link: Link) => void
  /** These keys were written, deleted, evicted or have expired; `undefined`: any may have been. */
  readonly onChange: (keys: ReadonlyArray<string> | undefined) => void
  /** The link is lost: changes are not told until there is another. */
  readonly onLoss: () => void
  /**
   * This machine was suspended, for all one knows, and the link may have been lost meanwhile: what was told before proves
   * nothing now. Called before any reading of the driver's clocks that comes after it is given out.
   */
  readonly onSleep: () => void
}

/**
 * Atomic operations on entries (see `docs/internals/entry-format.md`). Every one acts on each key by itself; keys are whole Redis
 * keys. Nothing is ever sent twice by a driver, and everything is answered within its time limit.
 */
export interface Driver {
  /** What stands before every key of every cache. */
  readonly prefix: string

  /** Server time in milliseconds, as well as it is known here. */
  readonly unsafeNow: (clock: Clock.Clock) => number

  /** Milliseconds on a clock of this machine that never goes back, and does not stop while the machine is suspended. */
  readonly unsafeMonotonic: (clock: Clock.Clock) => number

  /** Counts up whenever a connection to the store was made anew, or leads to another server than before. */
  readonly unsafeConnections: () => number

  /** Where a key lies, as far as is known; without a key: where all do, if that is one server. */
  readonly unsafePlace?: ((key: string | undefined) => Place | undefined) | undefined

  /** Round trips have spans, so it is worth noting whose they are (`operation.ts`). */
  readonly traced?: boolean | undefined

  /**
   * Calls back, right then, whenever a connection to the store was made anew, or keys came to lie on another server: what
   * is asked for in the callback goes out first.
   */
  readonly unsafeOnReconnect: (listener: () => void) => void

  /**
   * Decides about every operation, where the store as a whole answers or does not (`breaking.ts`). None: it is not one
   * that can be away; or each of its servers has its own, and an operation on several of them is refused in part
   * (`isUnsent`).
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

  /** Gets and deletes each. Leases are revoked; holds stay where they are, and are what it gives. */
  readonly take: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /** The same, and of an entry it gives the header and the tags at least: payloads stay where they are. */
  readonly remove: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /**
   * Removes whatever there is, but for holds. Gives the keys of which it is not known whether they were removed, and why.
   */
  readonly discard: (
    keys: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly failed: ReadonlyArray<string>; readonly error: RedisError | undefined }, RedisError>

  /**
   * Takes the lease of a key if `seen` is still what is there: a marker under a missing key or foreign bytes, the
   * lease slot of an entry that has the write id of `seen`. A lease whose time is over, or which claims to last longer
   * than `life`, is free. A live counter has no place for a lease: it is always `Found`. Nothing is granted over a hold,
   * by force neither.
   */
  readonly lease: (
    requests: ReadonlyArray<LeaseRequest>,
    kind: Kind
  ) => Effect.Effect<ReadonlyArray<LeaseReply>, RedisError>

  /**
   * Writes if the slot still has the token, however late it is: an expired lease does not matter if no other load has
   * taken it. The answer says whether it was written.
   */
  readonly fill: (requests: ReadonlyArray<FillRequest>) => Effect.Effect<ReadonlyArray<boolean>, RedisError>

  /**
   * Ends the token's lease: a marker goes, an entry stays as it was, until its own end. With `backOff` an entry says for
   * so many ms that the source is to be left alone. Nothing happens if the lease is another's.
   */
  readonly release: (
    requests: ReadonlyArray<
      { readonly key: string; readonly token: Uint8Array; readonly backOff?: number | undefined }
    >
  ) => Effect.Effect<void, RedisError>

  /** Lets the token's lease last for `duration` ms from now; `false` where it is lost. */
  readonly renew: (
    requests: ReadonlyArray<{ readonly key: string; readonly token: Uint8Array; readonly duration: number }>
  ) => Effect.Effect<ReadonlyArray<boolean>, RedisError>

  /**
   * Compare-and-set: replaces what is there, if that is what was `seen` (or absent, where that was), by `write`, or
   * deletes it. Where it is not done, the answer has what is there now.
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
   * Gives what was `seen` a new life, and an entry's header a new fresh-until; `false` if it is no longer there. A lease
   * in its slot stays, and lasts as long as before.
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
   * Ends the fresh life of each entry, at server time, and gives what was there, as `remove` does. As by any write leases
   * are revoked: a marker goes. What is late already stays as late as it is, until its own end. Foreign bytes and holds
   * stay where they are.
   */
  readonly expire: (
    requests: ReadonlyArray<ExpireRequest>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>

  /** Adds to a counter; what is no counter counts as nothing. `life` is set with the first. */
  readonly increment: (
    request: { readonly key: string; readonly delta: number; readonly life: number | undefined }
  ) => Effect.Effect<number, RedisError>

  /**
   * The epochs under these keys, 8 bytes each, made from `candidate` where there is none, each living at least for `life`
   * more milliseconds (`undefined`: it never expires). Where a hold stands the answer is that hold, which stays as it is;
   * with `revive` one that has run out counts as none.
   */
  readonly ensureEpochs: (
    requests: ReadonlyArray<EnsureRequest>
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>

  /**
   * Replaces the epochs that exist, the first before the others, keeping their lives; also when memory is full. With
   * `expire` a tag's epoch is only counted on, as of now; the given one takes its place where it cannot be. Holds stay
   * where they are.
   */
  readonly replaceEpochs: (requests: ReadonlyArray<EpochRequest>) => Effect.Effect<void, RedisError>

  /**
   * Lets an update of the source hold its keys and tags, whatever stands there; other updates' holds stay beside it. The
   * generation is replaced before the tags are held.
   */
  readonly hold: (request: HoldRequest) => Effect.Effect<void, RedisError>

  /**
   * Takes an update's holds away. Where no other update holds, nothing stays of what stands there. The generation is
   * replaced before the tags change. Counts what was written.
   */
  readonly endHold: (request: EndRequest) => Effect.Effect<number, RedisError>

  /** All keys that start with `prefix` (taken literally) and hold bytes, in pages. A key may come more than once. */
  readonly scan: (prefix: string) => Stream.Stream<ReadonlyArray<string>, RedisError>

  /**
   * Removes what is under the keys of the cache of this name, and counts it; and the epochs of its tags. Bit by bit. Holds
   * stay where they are.
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

  /** What is under a key, its remaining life in ms (`undefined`: it never expires), and its memory in bytes. */
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

  /** Asks each server about itself, and so many times what time it is. None: it is not one that can be asked. */
  readonly servers: (probes: number) => Effect.Effect<ReadonlyArray<ServerAnswer>, RedisError>
}
