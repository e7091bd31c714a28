/** `Cache.explain`: what is stored under a key, for inspection by people. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { toHex } from "../bytes/hex.js"
import { withKeyBase } from "../cache/bind.js"
import type { CacheInstance } from "../cache/instance.js"
import { sentence } from "../codec/sentence.js"
import type { CacheDefinition } from "../definition/definition.js"
import { longestWindow, wholeLife } from "../definition/policy.js"
import { printing } from "../definition/show.js"
import * as Epoch from "../entry/epoch.js"
import * as Entry from "../entry/format.js"
import * as Hold from "../entry/hold.js"
import { type TagState, together } from "../entry/tags.js"
import { type AbsentReason, judge, type Verdict } from "../entry/verdict.js"
import { named } from "./named.js"
import { remaining } from "./timeToLive.js"

/**
 * What is stored under a key, and why it would hit or miss.
 */
export interface Explanation {
  readonly redisKey: string
  readonly state:
    | "Fresh"
    | "Stale"
    | "Missing"
    | "Leased"
    | "Held"
    | "Invalidated"
    | "OtherVersion"
    | "Undecodable"
    | "Foreign"
    | "Failure"
  /** In words: why `get` would hit or miss. */
  readonly reason: string
  /**
   * The time since it was written, calculated from its end and the policy's `timeToLive`, since an entry only records
   * its end. So it is wrong if the entry has a life of its own, or was touched, and none if it was expired or the
   * policy has no fixed life.
   */
  readonly age: Option.Option<Duration.Duration>
  /** The fresh life that remains. */
  readonly timeToLive: Option.Option<Duration.Duration>
  /** The time until Redis expires it: the rest of its fresh life, and its stale windows. */
  readonly life: Option.Option<Duration.Duration>
  /** In bytes, including the header. */
  readonly size: number
  /** In bytes, as Redis counts them. */
  readonly memory: Option.Option<number>
  readonly version: Option.Option<number>
  readonly loadTime: Option.Option<Duration.Duration>
  readonly lease: Option.Option<{ readonly token: string; readonly remaining: Duration.Duration }>
  /** The updates of the source that hold the key: see `Cache.invalidating`. */
  readonly holds: ReadonlyArray<{ readonly token: string; readonly remaining: Duration.Duration }>
  /** Its tags, each with its state since the entry's load or write began. */
  readonly tags: ReadonlyArray<{
    readonly name: string
    /** Whether its epoch is unchanged. If not, it was invalidated or evicted, unless it is held or was expired. */
    readonly holds: boolean
    /** Whether an update of the source holds it. */
    readonly held: boolean
    /** How long ago it was expired, and the entry with it; missing if it was not. */
    readonly expired?: Duration.Duration
  }>
}

/** The state of what is stored, and why. */
const diagnose = <Key, Value>(
  { definition }: CacheInstance<Key, Value>,
  verdict: Verdict<Value>,
  bytes: Uint8Array | undefined,
  lease: ReturnType<typeof Entry.leaseState>,
  tagState: TagState
): readonly [Explanation["state"], string] => {
  switch (verdict._tag) {
    case "Absent":
      return absent(verdict.reason, definition, bytes)
    case "Undecodable":
      return ["Undecodable", `its value does not decode: ${sentence(verdict.issue)}`]
    case "Failure":
      return ["Failure", "it is a cached failure, and loads fail with it"]
    case "Fresh":
      return ["Fresh", "it is fresh"]
    case "Stale":
      return [
        "Stale",
        (typeof tagState === "number"
          ? "one of its tags was expired"
          : Entry.isExpired(bytes!)
          ? "it was expired"
          : "its TTL has passed") +
        (verdict.late < longestWindow(definition.policy)
          ? "; loads may serve it inside the stale windows"
          : "; its stale windows have passed too, and it is retained as the next load's `previous`") +
        (lease === "BackOff" ? "; a load has failed, and the next waits for retryAfter" : "")
      ]
  }
}

const absent = <Key, Value>(
  reason: AbsentReason,
  { kind, policy }: CacheDefinition<Key, Value>,
  bytes: Uint8Array | undefined
): readonly [Explanation["state"], string] => {
  switch (reason) {
    case "Missing":
      return ["Missing", "there is no such key"]
    case "Foreign":
      return [
        "Foreign",
        kind === "counter"
          ? "it is not a counter"
          : "these bytes were not written by this library, or were written by a newer version of it"
      ]
    case "Leased":
      return ["Leased", "there is no value: a load holds the lease, or held it and has ended"]
    case "Held":
      return [
        "Held",
        "updates of the source are under way: until they end, loads run but store nothing"
      ]
    case "OtherVersion":
      return [
        "OtherVersion",
        `it was written by version ${Entry.version(bytes!)} of the cache, which is now at version ${policy.version}`
      ]
    case "Invalidated":
      return ["Invalidated", "one of its tags was invalidated or expired twice, or its epoch is gone"]
    case "Expired":
      return ["Stale", "it is a cached failure whose TTL has passed"]
  }
}

/** The state of each of these tags since the entry was written. */
const tagStates = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  tags: ReadonlyArray<Entry.StoredTag>
): Effect.Effect<
  ReadonlyArray<{ readonly name: string; readonly state: TagState; readonly held: boolean }>,
  RedisError
> =>
  tags.length === 0 ?
    Effect.succeed([]) :
    instance.runtime.driver.getMany(tags.map(({ name }) => instance.tags.key(name)), {
      onSuccess: (epochs) =>
        Effect.succeed(tags.map(({ epoch, name }, i) => {
          const current = epochs[i]
          return { name, state: Epoch.since(epoch, current), held: current !== undefined && Entry.isHold(current) }
        })),
      onFailure: (error) => Effect.fail(error)
    })

export const explain = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Explanation, RedisError | CodecError, Redis> => Effect.map(look(definition, key), printing)

const look = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Explanation, RedisError | CodecError, Redis> =>
  withKeyBase(definition, key, "explain", (instance, redisKey) =>
    named(
      definition,
      "explain",
      Effect.flatMap(
        instance.runtime.driver.inspect(redisKey),
        (found) => explainFound(instance, redisKey, definition.keyTags(key), found)
      )
    ))

/** What was found under a key: all of its bytes, or enough of them to include the beginning of the payload. */
export interface Found {
  readonly bytes: Uint8Array
  /** How many bytes there are, if these are not all. */
  readonly size?: number | undefined
  readonly life: number | undefined
  readonly memory: number | undefined
}

/** @param required the tags that its key names */
export const explainFound = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  redisKey: string,
  required: ReadonlyArray<string>,
  found: Found | undefined
): Effect.Effect<Explanation, RedisError> =>
  Effect.gen(function*() {
    const { definition } = instance
    const header = definition.kind === "entry" && found !== undefined && Entry.isEntry(found.bytes)
      ? found.bytes
      : undefined
    const tags = yield* tagStates(instance, header === undefined ? [] : Entry.tags(header) ?? [])
    const now = instance.runtime.driver.unsafeNow(yield* Effect.clock)
    // If the key has a tag that the entry lacks, an invalidation of that tag would not show.
    const lacking = required.some((name) => !tags.some((tag) => tag.name === name))
    const tagState = lacking ? "Broken" : together(tags.map((tag) => tag.state))
    const verdict = judge(definition, found?.bytes, now, tagState, redisKey)
    const whole = found !== undefined && Entry.isEntry(found.bytes) ? found.bytes : undefined
    const leaseState = whole === undefined ? "Free" : Entry.leaseState(whole, now, definition.policy.leaseLife)
    const [state, reason] = diagnose(instance, verdict, found?.bytes, leaseState, tagState)
    const until = header === undefined || Entry.isMarker(header) ? undefined : Entry.freshUntil(header)
    const lease = whole === undefined ? undefined : Entry.lease(whole)
    const policyLife = definition.policy.life._tag === "Fixed" ? definition.policy.life.millis : undefined
    const longest = wholeLife(definition.policy, policyLife)
    // A lease may keep an entry for longer than its own life.
    const life = lease === undefined || until === undefined
      ? found?.life
      : lease.end === 0
      ? undefined
      : lease.end - now
    const heldTag = tags.find(({ held }) => held)
    return {
      redisKey,
      state,
      reason: state === "Invalidated" && heldTag !== undefined
        ? `its tag "${heldTag.name}" is held: updates of the source are under way`
        : reason,
      age: longest === undefined || life === undefined || lease !== undefined && until === undefined ||
          header !== undefined && Entry.isExpired(header)
        ? Option.none()
        : Option.some(Duration.millis(Math.max(0, longest - life))),
      timeToLive: state !== "Fresh" ? Option.none() : Option.some(
        definition.kind === "counter"
          ? found?.life === undefined ? Duration.infinity : Duration.millis(found.life)
          : until === 0 || until === undefined
          ? Duration.infinity
          : remaining(until, now)
      ),
      life: found === undefined
        ? Option.none()
        : Option.some(found.life === undefined ? Duration.infinity : Duration.millis(found.life)),
      size: found?.size ?? found?.bytes.length ?? 0,
      memory: Option.fromNullable(found?.memory),
      version: Option.map(Option.fromNullable(header), Entry.version),
      loadTime: Option.map(Option.fromNullable(header), (bytes) => Duration.millis(Entry.loadMillis(bytes))),
      lease: lease === undefined || leaseState !== "Held" ? Option.none() : Option.some({
        token: toHex(lease.token),
        remaining: Duration.millis(Math.ceil(lease.until - now))
      }),
      holds: whole === undefined || !Entry.isHold(whole) ? [] : Hold.claims(whole).map(({ token, until }) => ({
        token: toHex(token),
        remaining: Duration.millis(Math.max(0, Math.ceil(until - now)))
      })),
      tags: tags.map(({ held, name, state }) => ({
        name,
        held,
        holds: state === "Hold",
        ...(typeof state === "number" ? { expired: Duration.millis(Math.max(0, now - state)) } : {})
      }))
    }
  })
