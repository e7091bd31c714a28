/** Messages between a test and its worker processes over IPC. */

/** The requests of a worker, by `op`, and their answers. */
export interface Protocol {
  readonly requests: { readonly op: string }
  /** By `op`. */
  readonly replies: object
  /** Messages that the worker sends unasked. */
  readonly told: unknown
}

export type RequestOf<P extends Protocol> = P["requests"]

export type ReplyOf<P extends Protocol, R extends P["requests"] = P["requests"]> = P["replies"][
  R["op"] & keyof P["replies"]
]

export interface ToWorker<P extends Protocol> {
  readonly id: number
  readonly request: RequestOf<P>
}

export type FromWorker<P extends Protocol> =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Told"; readonly told: P["told"] }
  | { readonly _tag: "Reply"; readonly id: number; readonly reply: ReplyOf<P> }
  | { readonly _tag: "Failed"; readonly id: number; readonly error: string }
