/** `Cache.take`, `Cache.delete` and `Cache.deleteMany`. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bind, withKey } from "../../cache/bind.js"
import { detaching } from "../../cache/detach.js"
import type { CacheDefinition } from "../../definition/definition.js"
import * as Entry from "../../entry/format.js"
import { isFresh } from "../../entry/verdict.js"
import { type Found, freshValue, judgeFound, targetOf } from "../../read/many.js"
import { named } from "../named.js"
import { replay } from "../replay.js"

export const take = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, RedisError | CodecError, Redis> =>
  withKey(definition, key, (instance, redisKey) => {
    const taken = Effect.gen(function*() {
      const found = yield* instance.runtime.driver.take([redisKey])
      const [entry] = yield* judgeFound(instance, [targetOf(instance, key, redisKey)], found)
      const value = yield* freshValue(instance, entry!, redisKey)
      if (Option.isSome(value)) instance.recorder.hit()
      else instance.recorder.miss()
      return value
    })
    return detaching(instance.runtime, [redisKey], named(definition, "take", taken))
  })

export const deleteMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> => deleteAll("deleteMany", definition, keys)

/** As far as header and tags tell: a payload that would not decode is a value. */
const wasFresh = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  { bytes, invalidated, now }: Found
): boolean =>
  !invalidated && isFresh(definition, bytes, now) &&
  (definition.kind === "counter" || Entry.payloadOffset(bytes) !== undefined)

/** `operation` is what its failures are named after. */
const deleteAll = <Key, Value>(
  operation: string,
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> => {
  const all = replay(keys)
  return Effect.withFiberRuntime((fiber) => {
    const instance = bind(fiber, definition)
    const pairs: Array<readonly [Key, string]> = []
    for (const key of all) {
      const redisKey = instance.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      pairs.push([key, redisKey.right])
    }
    if (pairs.length === 0) return Effect.succeed(0)
    const redisKeys = pairs.map(([, redisKey]) => redisKey)
    const removed = instance.runtime.driver.remove(redisKeys).pipe(
      // Only now: which tags a key has is for a function of the user's to say, which may throw.
      Effect.flatMap((heads) =>
        judgeFound(instance, pairs.map(([key, redisKey]) => targetOf(instance, key, redisKey)), heads)
      ),
      Effect.map((entries) => entries.filter((entry) => wasFresh(definition, entry)).length)
    )
    return detaching(instance.runtime, redisKeys, named(definition, operation, removed))
  })
}

export const delete_ = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<boolean, RedisError | CodecError, Redis> =>
  Effect.map(deleteAll("delete", definition, [key]), (count) => count > 0)
