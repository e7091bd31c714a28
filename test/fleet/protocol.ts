/** What a test says to its worker processes, and what they answer. Times are those of `now`. */

/** The machine's monotonic clock in ms: the same for all processes on it. */
export const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

/** The cache of a worker: strings under string keys. Times in ms. */
export interface CacheSettings {
  readonly name: string
  readonly timeToLive?: number
  readonly staleWhileRevalidate?: number
  readonly lease?: { readonly duration?: number; readonly maxDuration?: number; readonly wait?: number }
}

export type Request =
  | { readonly op: "connect"; readonly url: string; readonly prefix: string; readonly cache: CacheSettings }
  /** Many callers of one key at once, from a given moment on. */
  | {
    readonly op: "callers"
    readonly key: string
    readonly callers: number
    readonly loadMillis: number
    readonly startAt?: number
  }
  /** Callers that go on and on, each with a pause after every answer, over keys `0` to `keys - 1`. */
  | {
    readonly op: "loop"
    readonly keys: number
    readonly callers: number
    readonly loadMillis: number
    readonly pauseMillis: number
    readonly forMillis: number
  }
  /** As many callers without a cache, each of which sleeps; tells when the last one woke. */
  | { readonly op: "sleepers"; readonly callers: number; readonly sleepMillis: number; readonly startAt: number }
  | { readonly op: "get"; readonly key: string }
  | { readonly op: "delete"; readonly key: string }

/** One run of a load. Its value says which process ran it, which run of that process it was, and the key. */
export interface Execution {
  readonly key: string
  readonly value: string
  readonly started: number
  /** `undefined`: it was interrupted. */
  ended: number | undefined
}

/** One call of `getOrSet`. */
export interface Answer {
  readonly key: string
  readonly value: string | undefined
  readonly failure: string | undefined
  readonly asked: number
  readonly answered: number
}

export interface Report {
  readonly executions: ReadonlyArray<Execution>
  readonly answers: ReadonlyArray<Answer>
}

export interface Replies {
  readonly connect: true
  readonly callers: Report
  readonly loop: Report
  readonly sleepers: number
  readonly get: string | null
  readonly delete: boolean
}

export type ToWorker = { readonly id: number; readonly request: Request }

export type FromWorker =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Loading"; readonly execution: Execution }
  | { readonly _tag: "Reply"; readonly id: number; readonly reply: Replies[keyof Replies] }
  | { readonly _tag: "Failed"; readonly id: number; readonly error: string }
