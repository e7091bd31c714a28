/** What the test of processes that come back at once says to its workers, and what they answer. */
import type { Protocol } from "../../support/processes/protocol.js"

export type Request =
  /** To a Redis at this address. */
  | { readonly op: "connect"; readonly url: string }
  /** Writes so many keys from a number on, and gives how many are remembered then. */
  | { readonly op: "write"; readonly from: number; readonly count: number }
  /** Until nothing is remembered any more: when that was, and the longest that a read took meanwhile, in ms. */
  | { readonly op: "madeGood" }

export interface ComeBackProtocol extends Protocol {
  readonly requests: Request
  readonly replies: {
    readonly connect: undefined
    readonly write: number
    readonly madeGood: { readonly at: number; readonly longestRead: number; readonly failures: number }
  }
  readonly told: never
}
