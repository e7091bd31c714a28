/** What the come-back test sends to its worker processes, and what they answer. */
import type { Protocol } from "../../support/processes/protocol.js"

export type Request =
  /** Connects to the Redis at this address. */
  | { readonly op: "connect"; readonly url: string }
  /** Writes this many keys from a number on, and answers how many are remembered then. */
  | { readonly op: "write"; readonly from: number; readonly count: number }
  /** Waits until nothing is remembered any more: answers when that was, and the longest read meanwhile, in ms. */
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
