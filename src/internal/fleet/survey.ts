/** Which caches there are under a `Redis`, by the names of their keys, and what a sample of them looks like. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import type { Runtime } from "../cache/runtime.js"
import * as Key from "../key/encode.js"
import { cacheTagPrefix, partsOf, tagOf } from "../key/reserved.js"
import type { Explanation } from "../ops/explain.js"
import { type KeySummary, rows } from "./rows.js"
import { Untyped, untyped } from "./untyped.js"

/** The figures of a sample of a cache's keys. */
export interface Sample {
  readonly keys: number
  /** How many of them are in each state. */
  readonly states: { readonly [State in Explanation["state"]]?: number }
  readonly versions: ReadonlyArray<number>
  /** The time until Redis expires each key, the shortest first; infinite: never. */
  readonly lives: ReadonlyArray<Duration.Duration>
}

/** One cache, found by the names of its keys. */
export interface CacheSummary {
  readonly name: string
  /** How many Redis keys there are under its name: entries, counters, leases, and any others. */
  readonly keys: number
  /** How many of its tags have an epoch. */
  readonly tags: number
  /** In bytes, as Redis counts them: the mean of the sample, times `keys`. None if this user lacks the right. */
  readonly memory: Option.Option<number>
  readonly sample: Sample
}

/** Everything under one `Redis`. */
export interface Survey {
  /** Sorted by the number of keys, the most first. */
  readonly caches: ReadonlyArray<CacheSummary>
  /** How many other keys start with the prefix. */
  readonly foreign: number
  /** Whether all keys were scanned. Otherwise `maxKeys` were, and all numbers are of those. */
  readonly complete: boolean
}

export interface SurveyOptions {
  /** The most keys to scan. Default: 1,000,000. */
  readonly maxKeys?: number | undefined
  /** How many keys of each cache are sampled for size, state and life. Default: 100. */
  readonly samples?: number | undefined
}

const defaultMaxKeys = 1_000_000

const defaultSamples = 100

/** For all caches together: if there are many names, fewer keys of each are sampled. */
const maxSamples = 10_000

/** How many keys are read at once. */
const pageSize = 250

/** Keeps every nth key of a stream of unknown length: when there are too many, every other one is dropped. */
class Sampler {
  private kept: Array<string> = []
  private stride = 1
  private seen = 0

  constructor(private readonly size: number) {}

  add(key: string): void {
    if (this.seen++ % this.stride !== 0) return
    this.kept.push(key)
    if (this.kept.length < 2 * this.size) return
    this.kept = this.kept.filter((_, i) => i % 2 === 0)
    this.stride *= 2
  }

  take(most: number): ReadonlyArray<string> {
    return this.kept.slice(0, Math.min(most, this.size))
  }
}

class Group {
  readonly keys = new Set<string>()
  readonly tags = new Set<string>()
  readonly sampler: Sampler

  constructor(samples: number) {
    this.sampler = new Sampler(samples)
  }
}

/** All keys of a prefix, by the cache that they belong to. */
class Census {
  readonly groups = new Map<string, Group>()
  /** Keys that do not start with a cache's name. */
  readonly others = new Set<string>()
  complete = true
  private keys = 0

  constructor(private readonly prefix: string, private readonly maxKeys: number, private readonly samples: number) {}

  /** Whether there may be more. Redis may list a key twice. */
  add(page: ReadonlyArray<string>): boolean {
    for (const redisKey of page) {
      if (this.keys >= this.maxKeys) {
        this.complete = false
        return false
      }
      if (this.addOne(redisKey)) this.keys++
    }
    return true
  }

  private addOne(redisKey: string): boolean {
    const tag = tagOf(this.prefix, redisKey)
    if (tag !== undefined) return this.addTo(this.group(tag.cache).tags, tag.tag)
    if (redisKey.startsWith(`${this.prefix}:`)) return false
    const found = partsOf(this.prefix, redisKey)
    if (found === undefined) return this.addTo(this.others, redisKey)
    const group = this.group(found.cache)
    if (!this.addTo(group.keys, found.key)) return false
    group.sampler.add(redisKey)
    return true
  }

  private addTo(known: Set<string>, key: string): boolean {
    const { size } = known
    return known.add(key).size > size
  }

  private group(name: string): Group {
    const group = this.groups.get(name) ?? new Group(this.samples)
    this.groups.set(name, group)
    return group
  }
}

const inPages = (keys: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(keys.length / pageSize) }, (_, i) => keys.slice(i * pageSize, (i + 1) * pageSize))

const sampled = (
  runtime: Runtime,
  name: string,
  redisKeys: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<KeySummary>, RedisError> => {
  const cache = new Untyped(runtime, name)
  return Effect.map(Effect.forEach(inPages(redisKeys), (page) => rows(runtime, cache, page)), (pages) => pages.flat())
}

const toSample = (found: ReadonlyArray<KeySummary>): Sample => {
  const states: { [State in Explanation["state"]]?: number } = {}
  for (const { state } of found) states[state] = (states[state] ?? 0) + 1
  const versions = new Set(found.flatMap(({ version }) => Option.toArray(version)))
  return {
    keys: found.length,
    states,
    versions: [...versions].sort((a, b) => a - b),
    lives: found.map(({ life }) => life).sort(Duration.Order)
  }
}

const memoryOf = (found: ReadonlyArray<KeySummary>, keys: number): Option.Option<number> => {
  const known = found.flatMap(({ memory }) => Option.toArray(memory))
  if (keys === 0) return Option.some(0)
  const sum = known.reduce((total, bytes) => total + bytes, 0)
  return known.length === 0 ? Option.none() : Option.some(Math.round(sum / known.length * keys))
}

/** Whether nothing there was written by this library: another program also has colons in the names of its keys. */
const isForeign = ({ keys, states }: Sample): boolean => keys > 0 && keys === states.Foreign

const largestFirst: Order.Order<CacheSummary> = Order.combine(
  Order.reverse(Order.mapInput(Order.number, ({ keys }: CacheSummary) => keys)),
  Order.mapInput(Order.string, ({ name }: CacheSummary) => name)
)

export const survey = (
  { maxKeys = defaultMaxKeys, samples = defaultSamples }: SurveyOptions = {}
): Effect.Effect<Survey, RedisError, Redis> =>
  Effect.gen(function*() {
    const { runtime } = yield* baseRedis
    const { prefix, scan } = runtime.driver
    const census = new Census(prefix, maxKeys, samples)
    yield* Stream.runDrain(Stream.takeWhile(scan(prefix), (page) => census.add(page)))
    const perCache = Math.max(1, Math.floor(maxSamples / Math.max(1, census.groups.size)))
    const caches: Array<CacheSummary> = []
    let foreign = census.others.size
    for (const [name, { keys, sampler, tags }] of census.groups) {
      const found = yield* sampled(runtime, name, sampler.take(perCache))
      const sample = toSample(found)
      // All that was listed may have gone since.
      if (sample.keys === 0 && tags.size === 0) continue
      if (tags.size === 0 && isForeign(sample)) foreign += keys.size
      else caches.push({ name, keys: keys.size, tags: tags.size, memory: memoryOf(found, keys.size), sample })
    }
    return { caches: caches.sort(largestFirst), foreign, complete: census.complete }
  })

export interface KeysOptions {
  /** Only keys whose stored text starts with this. */
  readonly startsWith?: string | undefined
  /** Only keys whose text contains this. */
  readonly contains?: string | undefined
}

export const keys = (
  name: string,
  { contains = "", startsWith = "" }: KeysOptions = {}
): Stream.Stream<ReadonlyArray<KeySummary>, RedisError, Redis> =>
  Stream.unwrap(untyped(name, (cache, runtime) => {
    const page = (redisKeys: ReadonlyArray<string>) =>
      rows(
        runtime,
        cache,
        [...new Set(redisKeys)].filter((key) => Key.decodeString(key.slice(cache.prefix.length)).includes(contains))
      )
    return Effect.succeed(
      Stream.mapEffect(runtime.driver.scan(cache.prefix + startsWith), page).pipe(
        Stream.filter((found) => found.length > 0),
        Stream.mapError((error) => cache.redisError("keys", error))
      )
    )
  }))

export const tags = (name: string): Stream.Stream<ReadonlyArray<string>, RedisError, Redis> =>
  Stream.unwrap(untyped(name, (cache, { driver }) => {
    const prefix = cacheTagPrefix(driver.prefix, name)
    return Effect.succeed(
      Stream.map(driver.scan(prefix), (page) => page.map((key) => Key.decodeString(key.slice(prefix.length)))).pipe(
        Stream.mapError((error) => cache.redisError("tags", error))
      )
    )
  }))
