/** What a load works on, and what it was asked for. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Life } from "../definition/lives.js"
import { type Deadlines, noDeadlines } from "../definition/timeouts.js"
import type { Grant } from "../driver/driver.js"
import type { InFlight } from "../inFlight/inFlight.js"
import type { Kept, Unchanged } from "./previous.js"

/** What a caller of a load may ask for beside the policy. */
export interface LoadOptions<in Key, in Value> {
  /** Instead of the policy's. */
  readonly life: Life<Key, Value> | undefined
  /** Beside the policy's. */
  readonly tags: ReadonlyArray<string>
  readonly timeout: Deadlines
  /** A forced load wants to know what is there. */
  readonly looks: boolean
  /** How many keys one run of a batched load is given at the most. */
  readonly batchSize: number
  /** How many such runs of one call there are at a time. */
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

/** What a batched load gives for a key that it has no value for, and a reason: that key's failure alone. */
export class Failed<out E> {
  constructor(readonly error: E) {}
}

/** Computes the values of a load's keys: the answer looks them up, and has no value for those it has none for. */
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
  /** What was found there and is unusable. */
  readonly seen: Uint8Array | undefined
  /** The caller has something stale to serve: it need not be loaded while the source is left alone. */
  readonly yields: boolean
  /** Chosen here, so that a lease whose grant was never heard of can be released. */
  readonly token: Uint8Array
  /** A lease was asked for, and it is not known to be gone. */
  claimed: boolean
  /** Updates of the source are under way: it is loaded, and what comes of it is not stored. */
  barred: boolean
  /** What was found there that the load may be told of, if it still stands when the load begins. */
  kept: Kept | undefined
  /** The same, which does. */
  previous: Kept | undefined
  /** What its lease was granted over. */
  grant: Grant | undefined
  /**
   * Until when the lease is held, as far as is known, on a clock of this machine that never jumps; `Infinity` where it
   * was lost, and not to time.
   */
  heldUntil: number
}
