/** The options of a cache, checked and decoded once, when it is made. All times inside are milliseconds. */
import type * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import { decodeLife, endless, type Life, orEndless, positive, type TimeToLive } from "./lives.js"
import { refuse } from "./refuse.js"

/** How long one load may keep others out, and how long those wait. */
export interface LeaseOptions {
  /** After this long without a sign of life from its holder a lease is free. Default: 5 seconds. */
  readonly duration?: Duration.DurationInput | undefined
  /** A load that runs longer has failed, and is interrupted. Default: 2 minutes. */
  readonly maxDuration?: Duration.DurationInput | undefined
  /** How long to wait for another process's load before computing without storing. Default: 10 seconds. */
  readonly wait?: Duration.DurationInput | undefined
}

/** Copies of entries in this process, which Redis itself keeps coherent. */
export interface NearOptions {
  /** The most copies. Give this, or `maxBytes`, or both. */
  readonly capacity?: number | undefined
  /** The most bytes: the size of the copies' keys and entries in Redis, plus 160 for each. */
  readonly maxBytes?: number | undefined
  /** No copy is served that is older than this after another value was acknowledged. Default: 2 seconds. */
  readonly maxStaleness?: Duration.DurationInput | undefined
  /**
   * What becomes of the copies when Redis is away: they go, and the cache does as if there were none (`"bypass"`, the
   * default), or they answer what Redis fails to answer, for `staleIfError` (`"serveStale"`).
   */
  readonly onDisconnect?: "bypass" | "serveStale" | undefined
}

/** How a cache treats its entries, whatever they hold. See `Cache.make`. */
export interface PolicyOptions<in Key, in Value, out OnRedisError extends "fail" | "bypass"> {
  readonly timeToLive?: TimeToLive<Key, Value> | undefined
  readonly staleWhileRevalidate?: Duration.DurationInput | undefined
  readonly staleIfError?: Duration.DurationInput | undefined
  readonly retain?: Duration.DurationInput | undefined
  readonly jitter?: number | undefined
  readonly earlyRefresh?: number | undefined
  readonly lease?: LeaseOptions | undefined
  readonly tags?: ((key: Key) => ReadonlyArray<string>) | undefined
  readonly valueTags?: ((value: Value, key: Key) => ReadonlyArray<string>) | undefined
  readonly onRedisError?: OnRedisError | undefined
  readonly maxConcurrentLoads?: number | undefined
  readonly maxConcurrentRefreshes?: number | undefined
  readonly refreshTimeout?: Duration.DurationInput | undefined
  readonly retryAfter?: Duration.DurationInput | undefined
  readonly maxValueSize?: number | undefined
  readonly version?: number | undefined
  readonly near?: NearOptions | undefined
}

export interface NearPolicy {
  readonly capacity: number | undefined
  readonly maxBytes: number | undefined
  readonly maxStaleness: number
  readonly serveStale: boolean
  readonly staleIfError: number
  readonly earlyRefresh: number
}

export interface Policy<in Key, in Value> {
  readonly life: Life<Key, Value>
  /** The life of failures that are cached, by the failure; `undefined`: failures are not cached. */
  readonly failureLife: ((exit: Exit.Exit<Value, unknown>) => number | undefined) | undefined
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  /** How long an entry stays after its windows. */
  readonly retain: number
  readonly jitter: number
  readonly earlyRefresh: number
  readonly leaseDuration: number
  readonly leaseMaxDuration: number
  readonly leaseWait: number
  /** No lease lasts longer than this, whatever it says. */
  readonly leaseLife: number
  readonly tags: ((key: Key) => ReadonlyArray<string>) | undefined
  readonly valueTags: ((value: Value, key: Key) => ReadonlyArray<string>) | undefined
  readonly bypass: boolean
  readonly maxConcurrentLoads: number
  readonly maxConcurrentRefreshes: number
  readonly refreshTimeout: number
  readonly retryAfter: number
  readonly maxValueSize: number
  readonly version: number
  readonly near: NearPolicy | undefined
  /** The options as they were given, which print. */
  readonly given: object
}

/** Two bytes of an entry's header hold it. */
const maxVersion = 0xffff
const defaultLeaseDuration = 5_000
const defaultLeaseMaxDuration = 120_000
const defaultLeaseWait = 10_000
const defaultMaxConcurrentRefreshes = 32
const defaultRefreshTimeout = 30_000
const defaultRetryAfter = 1_000
const defaultMaxStaleness = 2_000
const defaultMaxValueSize = 16 * 1024 * 1024

const inRange = (
  cache: string,
  option: string,
  value: number | undefined,
  otherwise: number,
  expected: string,
  holds: (value: number) => boolean
): number => {
  if (value === undefined) return otherwise
  return typeof value === "number" && holds(value) ? value : refuse(cache, option, expected, value)
}

const isBypass = (cache: string, onRedisError: "fail" | "bypass" | undefined): boolean => {
  if (onRedisError === undefined || onRedisError === "fail" || onRedisError === "bypass") {
    return onRedisError === "bypass"
  }
  return refuse(cache, "onRedisError", `"fail" or "bypass"`, onRedisError)
}

/** The largest number of copies that a table can be made for. */
const maxCapacity = 2 ** 24

/** How many loads or refreshes may run at once. */
const concurrency = (cache: string, option: string, value: number | undefined, otherwise: number): number =>
  inRange(
    cache,
    option,
    value,
    otherwise,
    "a whole number of 1 or more",
    (given) => given === Infinity || (Number.isInteger(given) && given >= 1)
  )

const wholeUpTo = (most: number) => (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= most

const decodeNear = (
  cache: string,
  near: NearOptions | undefined,
  staleIfError: number,
  earlyRefresh: number
): NearPolicy | undefined => {
  if (near === undefined) return undefined
  const { capacity, maxBytes, onDisconnect } = near
  if (capacity === undefined && maxBytes === undefined) {
    return refuse(cache, "near", "bounded: give capacity or maxBytes", near)
  }
  if (onDisconnect !== undefined && onDisconnect !== "bypass" && onDisconnect !== "serveStale") {
    return refuse(cache, "near.onDisconnect", `"bypass" or "serveStale"`, onDisconnect)
  }
  if (onDisconnect === "serveStale" && staleIfError === 0) {
    return refuse(cache, "staleIfError", `given if near.onDisconnect is "serveStale"`, undefined)
  }
  const bound = (option: string, value: number | undefined, most: number) =>
    value === undefined || wholeUpTo(most)(value)
      ? value
      : refuse(cache, option, `a whole number from 1 to ${most}`, value)
  return {
    capacity: bound("near.capacity", capacity, maxCapacity),
    maxBytes: bound("near.maxBytes", maxBytes, Number.MAX_SAFE_INTEGER),
    maxStaleness: positive(cache, "near.maxStaleness", near.maxStaleness, defaultMaxStaleness),
    serveStale: onDisconnect === "serveStale",
    staleIfError,
    earlyRefresh
  }
}

const decodeLease = (
  cache: string,
  lease: LeaseOptions | undefined,
  retryAfter: Duration.DurationInput | undefined
) => {
  const leaseDuration = Math.min(endless, positive(cache, "lease.duration", lease?.duration, defaultLeaseDuration))
  const leaseMaxDuration = Math.min(
    endless,
    positive(cache, "lease.maxDuration", lease?.maxDuration, defaultLeaseMaxDuration)
  )
  const retryAfterMillis = Math.min(endless, positive(cache, "retryAfter", retryAfter, defaultRetryAfter))
  return {
    leaseDuration,
    leaseMaxDuration,
    retryAfter: retryAfterMillis,
    leaseWait: positive(cache, "lease.wait", lease?.wait, defaultLeaseWait),
    // Leaving a source alone is recorded in a lease, too.
    leaseLife: Math.max(leaseDuration, leaseMaxDuration, retryAfterMillis)
  }
}

export const decode = <Key, Value>(
  cache: string,
  options: PolicyOptions<Key, Value, "fail" | "bypass">,
  failureLife?: (exit: Exit.Exit<Value, unknown>) => number | undefined
): Policy<Key, Value> => ({
  life: decodeLife(cache, "timeToLive", options.timeToLive),
  failureLife,
  staleWhileRevalidate: positive(cache, "staleWhileRevalidate", options.staleWhileRevalidate, 0),
  staleIfError: positive(cache, "staleIfError", options.staleIfError, 0),
  retain: positive(cache, "retain", options.retain, 0),
  jitter: inRange(cache, "jitter", options.jitter, 0, "from 0 to 1", (value) => value >= 0 && value <= 1),
  earlyRefresh: inRange(
    cache,
    "earlyRefresh",
    options.earlyRefresh,
    0,
    "zero or more",
    (value) => value >= 0 && value < Infinity
  ),
  ...decodeLease(cache, options.lease, options.retryAfter),
  tags: options.tags,
  valueTags: options.valueTags,
  bypass: isBypass(cache, options.onRedisError),
  maxConcurrentLoads: concurrency(cache, "maxConcurrentLoads", options.maxConcurrentLoads, Infinity),
  maxConcurrentRefreshes: concurrency(
    cache,
    "maxConcurrentRefreshes",
    options.maxConcurrentRefreshes,
    defaultMaxConcurrentRefreshes
  ),
  refreshTimeout: positive(cache, "refreshTimeout", options.refreshTimeout, defaultRefreshTimeout),
  maxValueSize: inRange(
    cache,
    "maxValueSize",
    options.maxValueSize,
    defaultMaxValueSize,
    "a whole number of bytes, 1 or more",
    (value) => Number.isInteger(value) && value >= 1
  ),
  version: inRange(
    cache,
    "version",
    options.version,
    0,
    `a whole number from 0 to ${maxVersion}`,
    (value) => Number.isInteger(value) && value >= 0 && value <= maxVersion
  ),
  near: decodeNear(
    cache,
    options.near,
    positive(cache, "staleIfError", options.staleIfError, 0),
    options.earlyRefresh ?? 0
  ),
  given: options
})

/** How long a stale value may be served at all. */
export const longestWindow = <Key, Value>({ staleIfError, staleWhileRevalidate }: Policy<Key, Value>): number =>
  Math.max(staleWhileRevalidate, staleIfError)

/**
 * How long an entry that is fresh for `life` stays in Redis: the stale windows add to it, and what it is retained for
 * after them.
 */
export const wholeLife = <Key, Value>(policy: Policy<Key, Value>, life: number | undefined): number | undefined =>
  life === undefined ? undefined : orEndless(life + longestWindow(policy) + policy.retain)
