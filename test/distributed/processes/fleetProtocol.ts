/** What a test sends to its worker processes, and what they answer. Times are those of `now`. */

/** The cache of a worker: strings under string keys. Times in ms. */
export interface CacheSettings {
  readonly name: string
  readonly timeToLive?: number
  readonly staleWhileRevalidate?: number
  readonly lease?: { readonly duration?: number; readonly maxDuration?: number; readonly wait?: number }
  readonly near?: { readonly capacity: number; readonly maxStaleness: number }
}

/** What a worker connects to: a server, a cluster, or a master that sentinels monitor. */
export type Target =
  | { readonly url: string; readonly publish?: { readonly every: number } }
  | { readonly nodes: ReadonlyArray<{ readonly host: string; readonly port: number }>; readonly commandTimeout: number }
  | {
    readonly sentinels: Array<{ readonly host: string; readonly port: number }>
    readonly name: string
    readonly commandTimeout: number
  }

/**
 * Writes, reads, counts and invalidates for a while. Each of the keys `0` to `keys - 1` has one owner that writes it.
 */
export interface MixedLoad {
  readonly forMillis: number
  readonly keys: number
  readonly owner: number
  readonly owners: number
  /** In ms. */
  readonly commandTimeout: number
}

/** What one process did and saw under a mixed load. */
export interface MixedReport {
  readonly operations: number
  readonly failures: Readonly<Record<string, number>>
  /** The operations that took longer than their commands may, and by how many ms. */
  readonly late: ReadonlyArray<{ readonly name: string; readonly millis: number }>
  /** The longest time for which the process was stalled, in ms. */
  readonly lag: number
  /** The longest time between two acknowledged writes of one key, in ms. */
  readonly longestGap: number
  readonly written: ReadonlyArray<Written>
  /** For each version that was read: when the last read that returned it began. */
  readonly seen: ReadonlyArray<{ readonly key: number; readonly version: number; readonly lastBegan: number }>
  /** Reads that found nothing. */
  readonly missed: ReadonlyArray<{ readonly key: number; readonly began: number }>
  readonly nearHits: number
  readonly counters: ReadonlyArray<{ readonly key: string; readonly attempts: number; readonly acknowledged: number }>
  /** Entries that were read although an invalidation of their tag had been acknowledged. */
  readonly resurrected: ReadonlyArray<{ readonly key: string; readonly acknowledged: number }>
  readonly unhandled: ReadonlyArray<string>
}

export type Request =
  | { readonly op: "connect"; readonly prefix: string; readonly cache: CacheSettings } & Target
  | { readonly op: "mixed" } & MixedLoad
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
  /** The same number of callers without a cache: each only sleeps. Answers when the last one woke. */
  | { readonly op: "sleepers"; readonly callers: number; readonly sleepMillis: number; readonly startAt: number }
  | { readonly op: "get"; readonly key: string }
  | { readonly op: "delete"; readonly key: string }
  /** Writes versions 1, 2, 3 … under each of keys `0` to `keys - 1`, in turn. */
  | { readonly op: "writeVersions"; readonly keys: number; readonly perSecond: number; readonly forMillis: number }
  /** Reads them as fast as it can. */
  | { readonly op: "readVersions"; readonly keys: number; readonly forMillis: number }

/** One run of a load. Its value names the process that ran it, that process's count of runs, and the key. */
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

/** When a version was acknowledged. */
export interface Written {
  readonly key: number
  readonly version: number
  readonly acknowledged: number
}

/** What one process read. */
export interface Read {
  readonly reads: number
  readonly nearHits: number
  readonly failures: number
  /** For each version that was read: when the last read that returned it began. */
  readonly seen: ReadonlyArray<{ readonly key: number; readonly version: number; readonly lastBegan: number }>
}

export interface Replies {
  readonly mixed: MixedReport
  readonly writeVersions: ReadonlyArray<Written>
  readonly readVersions: Read
  readonly connect: true
  readonly callers: Report
  readonly loop: Report
  readonly sleepers: number
  readonly get: string | null
  readonly delete: boolean
}

export interface FleetProtocol {
  readonly requests: Request
  readonly replies: Replies
  /** A load has begun. */
  readonly told: Execution
}
