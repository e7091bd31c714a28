/**
 * The previous value that a load receives, so that it can ask its source for what has changed since: with
 * `If-None-Match`, a version, a cursor.
 *
 * A load receives a value only if that value is still stored when the load begins. A caller's look finds the value (a
 * forced load has not looked, so it is read beside the lease). The lease says whether the value's entry is the very one
 * that the lease stands in (by its write id). The epochs that are read beside the lease say whether all of its tags
 * still hold. So a load never receives a value that was replaced, deleted or invalidated, and a load without a lease
 * receives none.
 *
 * From then on the lease guards the value like any load: `Cache.unchanged` is stored only where the lease still holds,
 * with the tags of the entry and the epochs that were read when the load began.
 */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { CacheDefinition } from "../definition/definition.js"
import type { Grant } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import type { Verdict } from "../entry/verdict.js"

/**
 * What was there when a load began.
 */
export interface Previous<out Value> {
  readonly value: Value
  /** For how long it has not been fresh. Zero: it still is, and the load was forced, or began early. */
  readonly staleFor: Duration.Duration
}

const TypeId: unique symbol = Symbol.for("effect-redis-cache/Unchanged")

/**
 * The type of `Cache.unchanged`.
 */
export interface Unchanged {
  readonly [TypeId]: typeof TypeId
}

export const unchanged: Unchanged = { [TypeId]: TypeId }

export const isUnchanged = (u: unknown): u is Unchanged => typeof u === "object" && u !== null && TypeId in u

/** An entry that may be passed to a load: its value, and for how many ms it has not been fresh. */
export interface Kept {
  readonly bytes: Uint8Array
  readonly value: unknown
  readonly late: number
}

/** What a look has found, if it is whole: fresh, stale, or kept for this alone. */
export const keptOf = (bytes: Uint8Array | undefined, verdict: Verdict<unknown>): Kept | undefined =>
  bytes !== undefined && (verdict._tag === "Fresh" || verdict._tag === "Stale")
    ? { bytes, value: verdict.value, late: verdict._tag === "Stale" ? verdict.late : 0 }
    : undefined

/** What is known of one key of a load. */
export interface Told {
  readonly redisKey: string
  /** What its lease was granted over. */
  readonly grant: Grant | undefined
  /** The entry that was found there and may be passed to the load, if it is still valid when the load begins. */
  readonly kept: Kept | undefined
  /** The same, which does. */
  readonly previous: Kept | undefined
}

/** Whether the lease is in the very entry that was found. */
export const standsIn = ({ grant, kept }: Told): boolean =>
  kept !== undefined && grant !== undefined && Entry.sameBytes(grant.writeId, Entry.writeId(kept.bytes))

/** The previous value that the load of this key receives. */
export const previousOf = <Value>({ previous }: Told): Option.Option<Previous<Value>> =>
  previous === undefined
    ? Option.none()
    : Option.some({ value: previous.value as Value, staleFor: Duration.millis(previous.late) }) // it came from its cache

/** What a load gave for a key. `kept`: the entry that it left as it was, whose payload is good. */
export interface Resolved<Value, E> {
  readonly exit: Exit.Exit<Value, E>
  readonly kept?: Kept | undefined
}

/** A load's result, in which `unchanged` stands for the previous value. */
export const resolve = <Key, Value, E>(
  { name }: CacheDefinition<Key, Value>,
  { previous, redisKey }: Told,
  exit: Exit.Exit<Value | Unchanged, E>
): Resolved<Value, E> => {
  if (Exit.isFailure(exit)) return { exit: Exit.failCause(exit.cause) }
  if (!isUnchanged(exit.value)) return { exit: Exit.succeed(exit.value) }
  if (previous !== undefined) return { exit: Exit.succeed(previous.value as Value), kept: previous } // as above
  return {
    exit: Exit.die(
      new Error(
        `Cache "${name}": the load of ${redisKey} gave Cache.unchanged, but there was no previous value. ` +
          "Give it only if `previous` is some"
      )
    )
  }
}
