/** Messages between the soak and its worker processes. Times are those of `now`, sizes are bytes. */
import type { Window } from "../support/cluster/lossWindows.js"

/** A single server behind a proxy that misbehaves, and a cluster. */
export const targets = ["single", "cluster"] as const
export type TargetName = typeof targets[number]

/** A command is answered, or has failed, within this time. In ms. */
export const commandTimeout = 500
/** Of near copies, in ms. */
export const maxStaleness = 500
/** The leases of all caches here, in ms. A caller waits longer than a lease lasts whose holder has lost it. */
export const lease = { duration: 2_000, wait: 3_000 } as const

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Begin {
  readonly index: number
  readonly workers: number
  readonly seed: number
  readonly prefix: string
  /** The proxy in front of the single server, and the server itself. */
  readonly proxy: Address
  readonly server: Address
  readonly cluster: ReadonlyArray<Address>
}

/** A number that only one process writes, and that grows: a version, a counter, a process's part of a sum. */
export type RegisterKind = "version" | "batch" | "count" | "part"

/** A write of it was acknowledged. */
export interface Acknowledged extends Window {
  readonly kind: RegisterKind
  readonly key: string
  readonly n: number
}

/** It was read; the last of these reads took place in this window. 0: there was nothing. */
export interface Seen extends Window {
  readonly kind: RegisterKind | "shared"
  readonly key: string
  readonly n: number
}

/** How often its writer has tried to raise it so far. */
export interface Attempts {
  readonly kind: RegisterKind | "shared"
  readonly key: string
  readonly n: number
}

export type HowGone = "delete" | "invalidate" | "flush"

/** Something that must not come back: the removal of the key, or of the tag of a key's entry, was acknowledged. */
export interface Gone extends Window {
  readonly how: HowGone
  readonly key: string
}

/** A loaded value was read; the last of these reads took place in this window. */
export interface Served extends Window {
  readonly how: HowGone
  readonly key: string
  /** When its load, or its write, began. */
  readonly started: number
}

/** A run of a load that the fleet must run one at a time. */
export interface Execution extends Window {
  readonly key: string
  readonly by: number
  /** When its caller asked for it: it gets its lease between then and its beginning. */
  readonly asked: number
}

/** Something that only one process may get. */
export interface Won extends Window {
  readonly what: "claim" | "prize"
  readonly key: string
  readonly by: number
}

/** A value was served after its stale windows. */
export interface TooOld extends Window {
  readonly age: number
}

/**
 * A call took longer than permitted, even after subtracting the time for which its process stood still or waited for a
 * core.
 */
export interface Late extends Window {
  readonly kind: string
  readonly bound: number
  readonly over: number
  readonly lag: number
  readonly starved: number
  /** How it ended. */
  readonly ending: string
}

export interface Failures extends Window {
  readonly kind: string
  readonly reason: string
  readonly count: number
  /**
   * For how long the process stood still in the last seconds, in ms: it notices the end of a disturbance later by that
   * much.
   */
  readonly lag: number
}

/** What a process did and saw on one target since its last report. */
export interface Told {
  readonly operations: Readonly<Record<string, number>>
  readonly badInputs: Readonly<Record<string, number>>
  readonly failures: ReadonlyArray<Failures>
  readonly acknowledged: ReadonlyArray<Acknowledged>
  readonly attempts: ReadonlyArray<Attempts>
  readonly seen: ReadonlyArray<Seen>
  readonly gone: ReadonlyArray<Gone>
  readonly served: ReadonlyArray<Served>
  readonly executions: ReadonlyArray<Execution>
  readonly won: ReadonlyArray<Won>
  readonly tooOld: ReadonlyArray<TooOld>
  readonly late: ReadonlyArray<Late>
  /** What the process judged by itself: how often it checked each invariant, and the violations. */
  readonly checks: Readonly<Record<string, number>>
  readonly violations: ReadonlyArray<{ readonly invariant: string; readonly detail: string }>
  /** The longest time between two acknowledged writes of one key, in ms. */
  readonly longestGap: number
  readonly nearHits: number
}

export interface Batch {
  readonly _tag: "Batch"
  readonly by: number
  /** Everything that ended before this time is reported. */
  readonly upTo: number
  readonly told: Readonly<Record<TargetName, Told>>
  /** The longest time for which the process was stalled, in ms. */
  readonly lag: number
  /** After a collection; not in every batch. */
  readonly heap: number | undefined
}

/** What is left in a process when all its work has ended. */
export interface Left {
  readonly _tag: "Left"
  readonly by: number
  readonly flights: number
  readonly reading: number
  readonly refreshes: number
  /** Work that has not ended. */
  readonly working: ReadonlyArray<string>
  readonly unhandled: ReadonlyArray<string>
}

export type ToWorker = { readonly _tag: "Begin"; readonly begin: Begin } | { readonly _tag: "Stop" | "Close" }

export type FromWorker = { readonly _tag: "Ready" | "Begun" } | Batch | Left
