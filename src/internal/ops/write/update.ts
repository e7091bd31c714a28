/** `Cache.setIfAbsent` and `Cache.modify`: writes that depend on what is there, by compare-and-set. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { withKey } from "../../cache/bind.js"
import { detaching } from "../../cache/detach.js"
import type { CacheInstance } from "../../cache/instance.js"
import { checkTags, noOptions, notStored, prepare, type Prepared, type WriteOptions } from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { aside } from "../../driver/operation.js"
import * as Entry from "../../entry/format.js"
import { freshValue, judgeFound, readOne, targetOf } from "../../read/many.js"
import { named } from "../named.js"
import { conflict, maxTries } from "./conflict.js"
import { dropping } from "./dropped.js"

export const setIfAbsent = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions = noOptions
): Effect.Effect<boolean, RedisError | CodecError, Redis> =>
  withKey(definition, key, "setIfAbsent", (instance, redisKey) => {
    const stored = Effect.gen(function*() {
      const ready = yield* prepare(instance, key, redisKey, value, options)
      // Most often the key is missing: so the first try is made without a read.
      let seen: Uint8Array | undefined
      for (let tries = 0; tries < maxTries; tries++) {
        const swapped = yield* swap(instance, seen, ready)
        if (swapped.done) return ready.bytes !== undefined
        const entry = (yield* judgeFound(instance, [targetOf(instance, key, redisKey)], [swapped.found]))[0]!
        const fresh = yield* freshValue(instance, entry, redisKey)
        if (Option.isSome(fresh)) return false
        seen = entry.bytes
      }
      return yield* conflict("setIfAbsent", redisKey)
    })
    return detaching(instance.runtime, [redisKey], dropping(instance, named(definition, "setIfAbsent", stored), false))
  })

const swap = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  seen: Uint8Array | undefined,
  { bytes, key, life }: Prepared
) =>
  Effect.map(instance.runtime.driver.swap({ key, seen, bytes, life }, instance.definition.kind), (swapped) => {
    if (swapped.done && bytes !== undefined) instance.wrote()
    return swapped
  })

/** The tags' state before the read of an entry from which a new one is made; `undefined` if there can be no tags. */
interface TagsBefore {
  readonly known: ReadonlyArray<Entry.StoredTag>
  readonly generation: Uint8Array | undefined
}

const tagsBefore = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  key: Key,
  options: WriteOptions
): Effect.Effect<TagsBefore | undefined, RedisError | CodecError> =>
  Effect.gen(function*() {
    const names = [...new Set([...instance.definition.keyTags(key), ...(options.tags ?? [])])]
    const { leaseMaxDuration, valueTags } = instance.definition.policy
    if (names.length === 0 && valueTags === undefined) return undefined
    const refused = checkTags(instance.definition, names)
    if (refused !== undefined) return yield* refused
    return {
      generation: valueTags === undefined ? undefined : yield* instance.tags.generation(leaseMaxDuration),
      known: yield* instance.tags.ensure(names, leaseMaxDuration)
    }
  })

/**
 * Whether none of a new entry's tags was invalidated since. Otherwise a value that was made from an invalidated entry
 * would go on under the tags' new epochs.
 */
const tagsHold = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  before: TagsBefore | undefined,
  { bytes }: Prepared
): Effect.Effect<boolean, RedisError> => {
  if (before === undefined || bytes === undefined) return Effect.succeed(true)
  const { generation, known } = before
  const now = Entry.tags(bytes) ?? []
  const unchanged = known.every(({ epoch, name }) =>
    now.some((tag) => tag.name === name && Entry.sameBytes(tag.epoch, epoch))
  )
  return generation === undefined || !unchanged
    ? Effect.succeed(unchanged)
    : Effect.map(
      instance.tags.generation(instance.definition.policy.leaseMaxDuration),
      (later) => Entry.sameBytes(later, generation)
    )
}

export const modify = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  f: (found: Option.Option<Value>) => Effect.Effect<Option.Option<Value>, E, R> | Option.Option<Value>,
  options: WriteOptions = noOptions
): Effect.Effect<Option.Option<Value>, E | RedisError | CodecError, R | Redis> =>
  withKey(definition, key, "modify", (instance, redisKey) => {
    const modified = Effect.gen(function*() {
      for (let tries = 0; tries < maxTries; tries++) {
        const before = yield* tagsBefore(instance, key, options)
        const entry = yield* readOne(instance, key, redisKey)
        const found = yield* freshValue(instance, entry, redisKey)
        const answer = f(found)
        // An Option is an Effect too, one that fails where it is none; here it is a plain value.
        const next = Option.isOption(answer) ? answer : yield* aside(answer)
        // None deletes whatever is there: a stale value could still be served, and a load in flight would store another.
        const ready = Option.isNone(next)
          ? notStored(redisKey)
          : yield* prepare(instance, key, redisKey, next.value, options)
        if (!(yield* tagsHold(instance, before, ready))) continue
        const swapped = yield* swap(instance, entry.bytes, ready)
        if (swapped.done) return next
      }
      return yield* conflict("modify", redisKey)
    })
    return detaching(instance.runtime, [redisKey], named(definition, "modify", modified))
  })
