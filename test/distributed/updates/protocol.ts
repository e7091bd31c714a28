/** What the run of a strategy and its worker processes say to each other. Times are those of `now`. */

/** How a process keeps a cache in step with the database that it updates. */
export const strategies = ["invalidating", "delete before commit", "delete after commit"] as const
export type Strategy = typeof strategies[number]

/** Between which steps of an update a process can be made to end. */
export const steps = [
  "before the update",
  "before the transaction",
  "before the commit",
  "after the commit",
  "after the update"
] as const
export type Step = typeof steps[number]

/** How many rows there are; the first of them are hot. */
export const rows = 1_000
export const hotRows = 10

/** How long a hold stands that nobody renews, in ms. */
export const hold = 2_000

export interface Work {
  readonly op: "work"
  /** No other process of the run has it. */
  readonly name: string
  readonly redisUrl: string
  readonly postgresUrl: string
  readonly strategy: Strategy
  readonly updatesPerSecond: number
  /** So that hits are as many on a slow machine as on a fast one. */
  readonly readsPerUpdate: number
}

export type Request =
  | Work
  /** Ends with `SIGKILL`, without an answer, as soon as an update comes to this step. */
  | { readonly op: "die"; readonly step: Step }
  /** Begins nothing any more, and answers when all has ended and is told. */
  | { readonly op: "stop" }

/** A version of a row. Whatever writes it has a name of its own, since a number that was rolled back is used again. */
export interface Version {
  readonly row: number
  readonly version: number
  readonly writer: string
}

export interface Read extends Version {
  readonly began: number
}

/** What a process did and saw since it last told. */
export interface Batch {
  /** Updates that have ended, however. */
  readonly ended: ReadonlyArray<{ readonly writer: string; readonly at: number }>
  readonly reads: ReadonlyArray<Read>
  readonly hits: number
  readonly misses: number
  /** What nobody should have failed with. */
  readonly failures: ReadonlyArray<string>
}

export interface UpdatesProtocol {
  readonly requests: Request
  readonly replies: Readonly<Record<Request["op"], true>>
  readonly told: Batch
}
