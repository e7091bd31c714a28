/** Messages between the run of a strategy and its worker processes. Times are those of `now`. */

/** How a process keeps a cache in step with the database that it updates. */
export const strategies = ["invalidating", "delete before commit", "delete after commit"] as const
export type Strategy = typeof strategies[number]

/** The steps of an update between which a process can be killed. */
export const steps = [
  "before the update",
  "before the transaction",
  "before the commit",
  "after the commit",
  "after the update"
] as const
export type Step = typeof steps[number]

/** The number of rows; the first ones are hot. */
export const rows = 1_000
export const hotRows = 10

/** How long a hold lasts without renewal, in ms. */
export const hold = 2_000

export interface Work {
  readonly op: "work"
  /** No other process of the run has this name. */
  readonly name: string
  readonly redisUrl: string
  readonly postgresUrl: string
  readonly strategy: Strategy
  readonly updatesPerSecond: number
  /** Makes hits as frequent on a slow machine as on a fast one. */
  readonly readsPerUpdate: number
}

export type Request =
  | Work
  /** Ends with `SIGKILL`, without an answer, as soon as an update reaches this step. */
  | { readonly op: "die"; readonly step: Step }
  /** Begins no more updates, and answers once all have ended and are reported. */
  | { readonly op: "stop" }

/** A version of a row. Every writer has a unique name, because a number that was rolled back is used again. */
export interface Version {
  readonly row: number
  readonly version: number
  readonly writer: string
}

export interface Read extends Version {
  readonly began: number
}

/** What a process did and saw since its last report. */
export interface Batch {
  /** Updates that have ended, successfully or not. */
  readonly ended: ReadonlyArray<{ readonly writer: string; readonly at: number }>
  readonly reads: ReadonlyArray<Read>
  readonly hits: number
  readonly misses: number
  /** Unexpected failures. */
  readonly failures: ReadonlyArray<string>
}

export interface UpdatesProtocol {
  readonly requests: Request
  readonly replies: Readonly<Record<Request["op"], true>>
  readonly told: Batch
}
