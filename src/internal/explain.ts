/** For people who look: what a cache has counted, and what is under one of its keys. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Explanation, Stats } from "../Cache.js"
import type { CodecError, RedisError } from "../CacheError.js"
import type { Redis } from "../Redis.js"
import { bind, type Binding, withKey } from "./binding.js"
import * as Entry from "./entry.js"
import type { AbsentReason, Verdict } from "./entry/verdict.js"
import type { Model } from "./model.js"
import { wholeLife } from "./policy.js"
import { remaining } from "./reads.js"

export const stats = <Key, Value>(model: Model<Key, Value>): Effect.Effect<Stats, never, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const { recorder } = bind(fiber, model)
    return Effect.succeed({
      hits: recorder.hits,
      nearHits: recorder.nearHits,
      misses: recorder.misses,
      writes: recorder.writes,
      loads: recorder.loads,
      coalesced: recorder.coalesced,
      staleServed: recorder.staleServed,
      failures: recorder.loadFailures,
      refusedFills: recorder.refusedFills,
      undecodable: recorder.undecodable,
      bypassed: recorder.bypassed,
      skippedRefreshes: recorder.skippedRefreshes,
      loadTime: {
        mean: Duration.millis(recorder.loads === 0 ? 0 : recorder.loadMillis / recorder.loads),
        max: Duration.millis(recorder.longestLoadMillis)
      }
    })
  })

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** The state of what is stored, and why. */
const diagnose = <Key, Value>(
  { model }: Binding<Key, Value>,
  verdict: Verdict<Value>,
  bytes: Uint8Array | undefined,
  lease: ReturnType<typeof Entry.leaseState>
): readonly [Explanation["state"], string] => {
  switch (verdict._tag) {
    case "Absent":
      return absent(verdict.reason, model, bytes)
    case "Undecodable":
      return ["Undecodable", `it does not decode: ${verdict.issue.detail} (at ${verdict.issue.path})`]
    case "Failure":
      return ["Failure", "it is a cached failure, which loads are answered with"]
    case "Fresh":
      return ["Fresh", "it is fresh"]
    case "Stale":
      return [
        "Stale",
        "its fresh life is over; loads may serve it inside the stale windows" +
        (lease === "BackOff" ? "; a load has failed, and its source is left alone for a while" : "")
      ]
  }
}

const absent = <Key, Value>(
  reason: AbsentReason,
  { kind, policy }: Model<Key, Value>,
  bytes: Uint8Array | undefined
): readonly [Explanation["state"], string] => {
  switch (reason) {
    case "Missing":
      return ["Missing", "there is no such key"]
    case "Foreign":
      return [
        "Foreign",
        kind === "counter"
          ? "it is no counter"
          : "these bytes were not written by this library, or by a newer version of it"
      ]
    case "Leased":
      return ["Leased", "there is no value; a load holds the lease, or has held it"]
    case "OtherVersion":
      return [
        "OtherVersion",
        `it is of version ${Entry.version(bytes!)}, and the cache is of version ${policy.version}`
      ]
    case "Invalidated":
      return ["Invalidated", "one of its tags was invalidated, or its epoch is gone"]
    case "Expired":
      return ["Stale", "it is a cached failure whose life is over"]
  }
}

/** Whether each of these tags is still what it was when the entry was written. */
const tagStates = <Key, Value>(
  binding: Binding<Key, Value>,
  tags: ReadonlyArray<Entry.StoredTag>
): Effect.Effect<Explanation["tags"], RedisError> =>
  tags.length === 0 ?
    Effect.succeed([]) :
    binding.runtime.driver.getMany(tags.map(({ name }) => binding.tagKey(name)), {
      onSuccess: (epochs) =>
        Effect.succeed(tags.map(({ epoch, name }, i) => {
          const current = epochs[i]
          return { name, holds: current !== undefined && Entry.sameBytes(current, epoch) }
        })),
      onFailure: (error) => Effect.fail(error)
    })

export const explain = <Key, Value>(
  model: Model<Key, Value>,
  key: Key
): Effect.Effect<Explanation, RedisError | CodecError, Redis> =>
  withKey(model, key, (binding, redisKey) =>
    Effect.gen(function*() {
      const found = yield* binding.runtime.driver.inspect(redisKey)
      const header = model.kind === "entry" && found !== undefined && Entry.isEntry(found.bytes)
        ? found.bytes
        : undefined
      const tags = yield* tagStates(binding, header === undefined ? [] : Entry.tags(header) ?? [])
      const now = binding.runtime.driver.unsafeNow(yield* Effect.clock)
      // A tag that the key names and the entry lacks would not tell of its invalidation.
      const lacking = binding.keyTags(key).some((name) => !tags.some((tag) => tag.name === name))
      const invalidated = lacking || tags.some((tag) => !tag.holds)
      const verdict = binding.judge(found?.bytes, now, invalidated, redisKey)
      const whole = found !== undefined && Entry.isEntry(found.bytes) ? found.bytes : undefined
      const leaseState = whole === undefined ? "Free" : Entry.leaseState(whole, now, model.policy.leaseLife)
      const [state, reason] = diagnose(binding, verdict, found?.bytes, leaseState)
      const until = header === undefined || Entry.isMarker(header) ? undefined : Entry.freshUntil(header)
      const lease = whole === undefined ? undefined : Entry.lease(whole)
      const policyLife = model.policy.life._tag === "Fixed" ? model.policy.life.millis : undefined
      const longest = wholeLife(model.policy, policyLife)
      // A lease lets an entry stay for longer than its own life.
      const life = lease === undefined || until === undefined
        ? found?.life
        : lease.end === 0
        ? undefined
        : lease.end - now
      return {
        redisKey,
        state,
        reason,
        age: longest === undefined || life === undefined || lease !== undefined && until === undefined
          ? Option.none()
          : Option.some(Duration.millis(Math.max(0, longest - life))),
        timeToLive: state !== "Fresh" ? Option.none() : Option.some(
          model.kind === "counter"
            ? found?.life === undefined ? Duration.infinity : Duration.millis(found.life)
            : until === 0 || until === undefined
            ? Duration.infinity
            : remaining(until, now)
        ),
        life: found === undefined
          ? Option.none()
          : Option.some(found.life === undefined ? Duration.infinity : Duration.millis(found.life)),
        size: found?.bytes.length ?? 0,
        memory: Option.fromNullable(found?.memory),
        version: Option.map(Option.fromNullable(header), Entry.version),
        loadTime: Option.map(Option.fromNullable(header), (bytes) => Duration.millis(Entry.loadMillis(bytes))),
        lease: lease === undefined || leaseState !== "Held" ? Option.none() : Option.some({
          token: toHex(lease.token),
          remaining: Duration.millis(Math.ceil(lease.until - now))
        }),
        tags
      }
    }))
