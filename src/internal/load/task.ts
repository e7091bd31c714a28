/** The keys of a load, and its options. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Life } from "../definition/lives.js"
import { type Deadlines, noDeadlines } from "../definition/timeouts.js"
import type { Grant } from "../driver/driver.js"
import type { InFlight } from "../inFlight/inFlight.js"
import type { Kept, Unchanged } from "./previous.js"

/** What a caller of a load may set in addition to the policy. */
export interface LoadOptions<in Key, in Value> {
  /** Instead of the policy's. */
  readonly life: Life<Key, Value> | undefined
  /** In addition to the policy's. */
  readonly tags: ReadonlyArray<string>
  readonly timeout: Deadlines
  /** A forced load needs to know the stored value. */
  readonly looks: boolean
  /** The most keys of one run of a batched load. */
  readonly batchSize: number
  /** How many such runs of one call go on at a time. */
  readonly concurrency: number | "unbounded"
}

export const noOptions: LoadOptions<unknown, unknown> = {
  life: undefined,
  tags: [],
  timeout: noDeadlines,
  looks: false,
  batchSize: Infinity,
  concurrency: "unbounded"
}

/** Returned by a batched load for a key without a value, with the reason: only that key fails. */
export class Failed<out E> {
  constructor(readonly error: E) {}
}

/** Computes the values of a load's keys: the answer is a lookup, which may have no value for some of them. */
export type Compute<in out Key, in out Value, out E, out R> = (
  tasks: ReadonlyArray<Task<Key>>
) => Effect.Effect<(task: Task<Key>) => Exit.Exit<Value | Unchanged, E> | undefined, E, R>

/** One key of a load. */
export interface Task<out Key> {
  readonly key: Key
  readonly redisKey: string
  readonly inFlight: InFlight
  /** The tags of its entry that are known before its value is. */
  readonly tags: ReadonlyArray<string>
  /** The bytes that were found there and are unusable. */
  readonly seen: Uint8Array | undefined
  /** The caller can serve something stale, so the key need not be loaded while the source is left alone. */
  readonly yields: boolean
  /** Chosen here, so that a lease can be released even if the answer to its request was lost. */
  readonly token: Uint8Array
  /** A lease was requested, and it is not known to be gone. */
  claimed: boolean
  /** Updates of the source are under way: the key is loaded, but the value is not stored. */
  barred: boolean
  /** The value that was found there and may be passed to the load, if it is still valid when the load begins. */
  kept: Kept | undefined
  /** The same, once it is known to be valid. */
  previous: Kept | undefined
  /** What was stored when its lease was granted. */
  grant: Grant | undefined
  /**
   * Until when the lease is held, as far as is known, on a clock of this machine that never jumps; `Infinity` if it was
   * lost for another reason than time.
   */
  heldUntil: number
}
