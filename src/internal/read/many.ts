/** Many keys to their entries, their tags judged. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import type { Driver, Reply } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import { type Epochs, judgeTags, type TagState } from "../entry/tags.js"
import { absence, judge } from "../entry/verdict.js"
import type { NearRead } from "../near/view.js"

/** One key to read: its Redis key and the tags that the policy gives it. */
export interface Target {
  readonly redisKey: string
  readonly tags: ReadonlyArray<string>
  /** The read may fill the near tier. */
  readonly reading?: NearRead | undefined
}

/** An entry that was read, its tags judged. */
export interface Judged {
  readonly bytes: Uint8Array | undefined
  readonly tagState: TagState
  /** Where it is to be kept, if it is fresh. */
  readonly reading?: NearRead | undefined
}

export const targetOf = <Key, Value>(
  { definition }: CacheInstance<Key, Value>,
  key: Key,
  redisKey: string
): Target => ({ redisKey, tags: definition.keyTags(key) })

/** Reads many entries. The caller keeps fresh values with each entry's `reading`. */
export const readManyFilling = <Key, Value, A, E, R>(
  instance: CacheInstance<Key, Value>,
  targets: ReadonlyArray<Target>,
  reply: Reply<ReadonlyArray<Judged>, A, E, R>
): Effect.Effect<A, E, R> =>
  // Placeholders are put down when it runs: what is never run would never take them up.
  Effect.suspend(() => {
    const { near } = instance
    if (near === undefined) return readMany(instance, targets, reply, instance.runtime.reader)
    const reading = targets.map(({ redisKey, tags }) => ({ redisKey, tags, reading: near.read(redisKey) }))
    const finish = () => {
      for (const target of reading) target.reading.finish()
    }
    const filling: Reply<ReadonlyArray<Judged>, A, E, R> = {
      onSuccess: (entries, now, first) => {
        const answer = reply.onSuccess(entries, now, first)
        finish()
        return answer
      },
      onFailure: (error, first) => {
        finish()
        return reply.onFailure(error, first)
      }
    }
    return Effect.onError(
      readMany(instance, reading, filling, instance.runtime.reader),
      () => Effect.sync(finish)
    )
  })

/**
 * Reads many entries and their keys' tags in one round trip; tags that only the entries name cost one more.
 *
 * @param from what is asked: by default what all but reads of values ask, which do not miss for a mode
 */
export const readMany = <Key, Value, A, E, R>(
  instance: CacheInstance<Key, Value>,
  targets: ReadonlyArray<Target>,
  reply: Reply<ReadonlyArray<Judged>, A, E, R>,
  from: Pick<Driver, "getMany"> = instance.runtime.driver
): Effect.Effect<A, E, R> => {
  if (targets.length === 0) return reply.onSuccess([], 0, "")
  const keyTags = [...new Set(targets.flatMap((target) => target.tags))]
  const keys = targets.map((target) => target.redisKey)
  const tagKeys = keyTags.map((tag) => instance.tags.key(tag))
  for (const { reading, tags } of targets) {
    if (tags.length > 0) reading?.expect(tags.map((tag) => instance.tags.key(tag)))
  }
  return from.getMany(keyTags.length === 0 ? keys : keys.concat(tagKeys), {
    onSuccess: (found, now, first) =>
      judgeMany(
        instance,
        targets,
        found.slice(0, targets.length),
        new Map(keyTags.map((tag, i) => [tag, found[targets.length + i]])),
        now,
        first,
        reply
      ),
    onFailure: reply.onFailure.bind(reply)
  })
}

/** Judges the tags of entries that were read or taken already, by these epochs and any others that are needed. */
export const judgeMany = <Key, Value, A, E, R>(
  { definition, runtime, tags }: CacheInstance<Key, Value>,
  targets: ReadonlyArray<Target>,
  found: ReadonlyArray<Uint8Array | undefined>,
  epochs: Epochs,
  now: number,
  first: string,
  reply: Reply<ReadonlyArray<Judged>, A, E, R>
): Effect.Effect<A, E, R> => {
  const missing = new Set<string>()
  const judgeAll = (known: Epochs): ReadonlyArray<Judged> =>
    found.map((bytes, i) => {
      const { reading, tags: required } = targets[i]!
      if (bytes === undefined || (required.length === 0 && !Entry.hasTags(bytes))) {
        return { bytes, tagState: "Hold", reading }
      }
      if (absence(definition, bytes) !== undefined) return { bytes, tagState: "Hold" }
      const judged = judgeTags(bytes, required, known)
      if (typeof judged !== "object") return { bytes, tagState: judged, reading }
      reading?.expect(judged.map((tag) => tags.key(tag)))
      for (const tag of judged) missing.add(tag)
      return { bytes, tagState: "Broken", reading }
    })
  const judged = judgeAll(epochs)
  if (missing.size === 0) return reply.onSuccess(judged, now, first)
  const names = [...missing]
  return runtime.driver.getMany(names.map((tag) => tags.key(tag)), {
    onSuccess: (more, later) =>
      reply.onSuccess(judgeAll(new Map([...epochs, ...names.map((tag, i) => [tag, more[i]] as const)])), later, first),
    onFailure: reply.onFailure.bind(reply)
  })
}

// ---- for operations that go on from the entries that they have read

/** An entry, its tags judged, and the time of the answer. */
export interface Found extends Judged {
  readonly now: number
}

/** Reads one entry. */
export const readOne = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  key: Key,
  redisKey: string
): Effect.Effect<Found, RedisError> =>
  readMany(instance, [targetOf(instance, key, redisKey)], {
    onSuccess: ([entry], now) => Effect.succeed({ ...entry!, now }),
    onFailure: (error) => Effect.fail(error)
  })

/** Judges entries that an operation was answered with. */
export const judgeFound = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  targets: ReadonlyArray<Target>,
  found: ReadonlyArray<Uint8Array | undefined>
): Effect.Effect<ReadonlyArray<Found>, RedisError> =>
  Effect.flatMap(
    Effect.clock,
    (clock) =>
      judgeMany(instance, targets, found, new Map(), instance.runtime.driver.unsafeNow(clock), targets[0]!.redisKey, {
        onSuccess: (entries, now) => Effect.succeed(entries.map((entry) => ({ ...entry, now }))),
        onFailure: (error) => Effect.fail(error)
      })
  )

/** The value of an entry if it is fresh and decodes. */
export const freshValue = <Key, Value>(
  { definition, warnings }: CacheInstance<Key, Value>,
  { bytes, tagState, now }: Found,
  redisKey: string
): Effect.Effect<Option.Option<Value>> => {
  const verdict = judge(definition, bytes, now, tagState, redisKey)
  switch (verdict._tag) {
    case "Fresh":
      return Effect.succeed(Option.some(verdict.value))
    case "Undecodable":
      return Effect.as(warnings.undecodable(redisKey, verdict.issue), Option.none())
    default:
      return Effect.succeed(Option.none())
  }
}
