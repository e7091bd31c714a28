/** What is told of caches without their definitions. */
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type { Explanation } from "../ops/explain.js"

/** What a key is to a reader, as far as its bytes and its tags tell. */
export type State = Explanation["state"]

/**
 * How a value was written, as its bytes tell: from the outside in, e.g. `["compressed", "json"]`. What is encrypted ends
 * the list, since nobody without the key can look further.
 */
export type CodecName = "json" | "structural" | "compressed" | "encrypted" | "counter" | "bytes"

/** A value as far as its bytes tell it. */
export interface Told {
  readonly codecs: ReadonlyArray<CodecName>
  /** None: it cannot be read without the definition of its cache. It may hold anything that the codec writes. */
  readonly value: Option.Option<unknown>
}

/** One key of a cache. */
export interface KeySummary {
  /** What follows `<prefix><cache>:` in Redis: what every operation here takes. */
  readonly key: string
  /** The same as people write it. */
  readonly text: string
  readonly state: State
  /** In bytes, header and all; none where this user may not ask. */
  readonly size: Option.Option<number>
  /** In bytes, as Redis counts them; none where this user may not ask. */
  readonly memory: Option.Option<number>
  /** Until it is stale; infinite: never. */
  readonly timeToLive: Option.Option<Duration.Duration>
  /** Until Redis expires it; infinite: never. */
  readonly life: Duration.Duration
  readonly version: Option.Option<number>
  readonly tags: Explanation["tags"]
}

/** What a sample of a cache's keys showed. */
export interface Sample {
  readonly keys: number
  readonly states: { readonly [S in State]?: number }
  readonly versions: ReadonlyArray<number>
  /** Until Redis expires each, the shortest first; infinite: never. */
  readonly lives: ReadonlyArray<Duration.Duration>
}

/** One cache, found by the names of its keys. */
export interface CacheSummary {
  readonly name: string
  /** How many Redis keys lie under its name: entries, counters, leases, and what else there is. */
  readonly keys: number
  /** How many of its tags have an epoch. */
  readonly tags: number
  /** In bytes, as Redis counts them: the mean of the sample times `keys`. None where this user may not ask. */
  readonly memory: Option.Option<number>
  readonly sample: Sample
}

/** Everything under one `Redis`. */
export interface Survey {
  /** The largest first. */
  readonly caches: ReadonlyArray<CacheSummary>
  /** Keys under the prefix that are nobody's here. */
  readonly foreign: number
  /** Whether all keys were looked at, and not only `maxKeys` of them: all numbers are of those that were. */
  readonly complete: boolean
}

export interface SurveyOptions {
  /** How many keys are looked at, at the most. Default: 1,000,000. */
  readonly maxKeys?: number | undefined
  /** Of how many keys of each cache memory, state and life are asked. Default: 100. */
  readonly samples?: number | undefined
}

export interface KeysOptions {
  /** Only keys whose stored text starts with this. */
  readonly startsWith?: string | undefined
  /** Only keys whose text has this in it. */
  readonly contains?: string | undefined
}

/** `Cache.explain`, and what the bytes tell. */
export interface Look extends Explanation {
  readonly codecs: Told["codecs"]
  readonly value: Told["value"]
  /** The process that holds the lease, where processes publish their figures. */
  readonly holder: Option.Option<string>
}

/** What a cache counts, in one process or in all of them, since each began. */
export interface Counts {
  readonly hits: number
  readonly nearHits: number
  readonly misses: number
  readonly writes: number
  readonly loads: number
  readonly coalesced: number
  readonly staleServed: number
  readonly failures: number
  readonly refusedFills: number
  readonly undecodable: number
  readonly bypassed: number
  readonly skippedRefreshes: number
  /** All load times together, in ms. */
  readonly loadMillis: number
  readonly longestLoadMillis: number
  /** How many loads took at most so many ms: one number for each of `Fleet.loadTimeBounds`, and one for longer ones. */
  readonly loadTimes: ReadonlyArray<number>
}

/** What one process publishes. */
export interface ProcessReport {
  readonly id: string
  /** The layer's `publish.name`, else the host's name and the process's id. */
  readonly name: string
  /** In ms of server time. */
  readonly startedAt: number
  /** In ms of server time. */
  readonly publishedAt: number
  readonly every: Duration.Duration
  readonly circuit: "closed" | "open"
  /** How many keys it is loading. */
  readonly loading: number
  readonly nearBytes: number
  readonly caches: ReadonlyMap<string, Counts>
}

/** What all processes that publish have counted. */
export interface FleetStats {
  /** In ms of server time. */
  readonly at: number
  readonly processes: ReadonlyArray<ProcessReport>
  /** Of all processes together. */
  readonly caches: ReadonlyMap<string, Counts>
}

/** One server. */
export interface ServerReport {
  /** `host:port`, where it is one of several. */
  readonly address: Option.Option<string>
  /** What `INFO` says, by field: `redis_version`, `maxmemory_policy`, … Empty where this user may not ask. */
  readonly info: ReadonlyMap<string, string>
  /** What `CLUSTER INFO` says, where it is one of a cluster. */
  readonly cluster: ReadonlyMap<string, string>
  readonly roundTrip: Duration.Duration
  /** How far the server's clock is ahead of this machine's, in ms. */
  readonly clockOffset: number
}

/** One thing that was looked at. */
export interface Finding {
  readonly check:
    | "connection"
    | "version"
    | "replication"
    | "cluster"
    | "eviction"
    | "memory"
    | "rights"
    | "tracking"
    | "latency"
    | "clock"
  /** `bad`: something does not work. `warn`: it works, and something is to be done. `unknown`: it could not be looked at. */
  readonly level: "ok" | "warn" | "bad" | "unknown"
  readonly message: string
  /** What to do; none where there is nothing to do. */
  readonly advice: Option.Option<string>
}
