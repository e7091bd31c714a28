/**
 * The server's answers to the page, as JSON: the page in `inspector/` is built on the same types. Times and lives are
 * in ms. `null`: not known, or nothing to divide by.
 */
export interface Rates {
  readonly hits: number
  readonly near: number
  readonly misses: number
  readonly writes: number
  readonly loads: number
  readonly failed: number
  readonly stale: number
  readonly joined: number
  readonly bypassed: number
  readonly undecodable: number
  readonly held: number
  readonly hitRatio: number | null
  readonly p50: number | null
  readonly p99: number | null
}

export interface CacheInfo {
  readonly name: string
  readonly keys: number | null
  readonly tags: number
  readonly memory: number | null
  readonly sample: {
    readonly keys: number
    readonly states: Readonly<Record<string, number>>
    readonly versions: ReadonlyArray<number>
    readonly lives: ReadonlyArray<number | null>
  } | null
  readonly ratios: ReadonlyArray<number | null>
  readonly rates: Rates | null
  readonly policy: Readonly<Record<string, unknown>> | null
  readonly refreshes: boolean
}

/** What happened in all caches together, a second. */
export interface Point {
  /** In ms of the server's wall clock. */
  readonly at: number
  readonly near: number
  readonly redis: number
  readonly stale: number
  readonly misses: number
  readonly loads: number
  readonly failed: number
  readonly hitRatio: number | null
  readonly p50: number | null
  readonly p99: number | null
  /** The round trip of the sample itself, in ms. */
  readonly roundTrip: number | null
}

export interface Server {
  readonly address: string | null
  readonly version: string | null
  readonly uptime: number | null
  readonly role: string | null
  readonly memory: number | null
  readonly maxMemory: number | null
  readonly policy: string | null
  readonly evicted: number | null
  readonly clients: number | null
  readonly operations: number | null
  readonly roundTrip: number | null
  readonly clockOffset: number | null
}

export interface Process {
  readonly id: string
  readonly name: string
  readonly startedAt: number
  readonly publishedAt: number
  readonly every: number
  readonly loading: number
  readonly caches: number
}

export interface Overview {
  readonly title: string
  readonly prefix: string
  readonly actions: boolean
  readonly at: number
  readonly connection: {
    readonly failure: string | null
    readonly failingSince: number | null
    readonly circuit: "open" | "closed" | null
    readonly tracking: boolean
  }
  readonly servers: ReadonlyArray<Server>
  readonly survey: {
    readonly at: number | null
    readonly complete: boolean | null
    readonly foreign: number | null
    readonly failure: string | null
  }
  readonly points: ReadonlyArray<Point>
  readonly processes: ReadonlyArray<Process>
  readonly caches: ReadonlyArray<CacheInfo>
}

export interface Row {
  readonly key: string
  readonly text: string
  readonly state: string
  readonly size: number | null
  readonly memory: number | null
  readonly timeToLive: number | null
  /** `-1`: without an end. */
  readonly life: number
  readonly version: number | null
  readonly tags: ReadonlyArray<{ readonly name: string; readonly holds: boolean }>
}

/** A value as text. A leaf has text; anything else has entries. `type` says what neither shows. */
export interface Node {
  readonly type: string
  readonly text?: string
  readonly entries?: ReadonlyArray<readonly [name: string, node: Node]>
  /** How many more entries, or characters of text, are not shown. */
  readonly more?: number
}

/** A part of the header of an entry. */
export interface Field {
  readonly offset: number
  readonly name: string
  readonly hex: string
  readonly means: string
  /** Of a tag's epoch: which tag. */
  readonly tag?: string
}

export interface Look {
  readonly key: string
  readonly text: string
  readonly redisKey: string
  readonly state: string
  readonly reason: string
  readonly age: number | null
  readonly timeToLive: number | null
  readonly life: number | null
  readonly size: number
  readonly memory: number | null
  readonly version: number | null
  readonly loadTime: number | null
  readonly lease: { readonly token: string; readonly remaining: number } | null
  readonly holds: ReadonlyArray<{ readonly token: string; readonly remaining: number }>
  readonly holders: ReadonlyArray<{ readonly token: string; readonly process: string }>
  readonly tags: ReadonlyArray<{
    readonly name: string
    readonly holds: boolean
    readonly held: boolean
    readonly expired: number | null
    readonly epoch: string | null
    readonly now: string | null
  }>
  readonly windows: {
    readonly fresh: number | null
    readonly staleWhileRevalidate: number
    readonly staleIfError: number
  } | null
  readonly codecs: ReadonlyArray<string>
  readonly decodedBy: "bytes" | "definition"
  readonly value: Node | null
  readonly header: ReadonlyArray<Field>
}

/** A change, as it happens. */
export interface Happening {
  readonly at: number
  readonly what:
    | "written"
    | "leased"
    | "held"
    | "expired"
    | "gone"
    | "changed"
    | "invalidated"
    | "flushed"
    | "lost"
    | "resumed"
  readonly cache: string | null
  readonly key: string | null
  readonly text: string | null
}
