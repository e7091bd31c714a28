/** `Cache.take`, `Cache.delete` and `Cache.deleteMany`. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bind, withKey } from "../../cache/bind.js"
import { detaching } from "../../cache/detach.js"
import type { CacheInstance } from "../../cache/instance.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { freshValue, judgeFound, targetOf } from "../../read/many.js"
import { named } from "../named.js"
import { replay } from "../replay.js"

/** Deletes, and gives the fresh values that were there. */
const takeAll = <Key, Value>(
  operation: string,
  instance: CacheInstance<Key, Value>,
  keys: ReadonlyArray<readonly [key: Key, redisKey: string]>
): Effect.Effect<ReadonlyArray<Option.Option<Value>>, RedisError | CodecError> => {
  if (keys.length === 0) return Effect.succeed([])
  const redisKeys = keys.map(([, redisKey]) => redisKey)
  const taken = instance.runtime.driver.take(redisKeys).pipe(
    Effect.flatMap((found) =>
      judgeFound(instance, keys.map(([key, redisKey]) => targetOf(instance, key, redisKey)), found)
    ),
    Effect.flatMap((entries) => Effect.forEach(entries, (entry, i) => freshValue(instance, entry, redisKeys[i]!)))
  )
  return detaching(instance.runtime, redisKeys, named(instance.definition, operation, taken))
}

export const take = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, RedisError | CodecError, Redis> =>
  withKey(definition, key, (instance, redisKey) => {
    return Effect.map(takeAll("take", instance, [[key, redisKey]]), ([value]) => {
      if (Option.isSome(value!)) instance.recorder.hit()
      else instance.recorder.miss()
      return value!
    })
  })

export const deleteMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> => deleteAll("deleteMany", definition, keys)

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
    return Effect.map(takeAll(operation, instance, pairs), (values) => values.filter(Option.isSome).length)
  })
}

export const delete_ = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<boolean, RedisError | CodecError, Redis> =>
  Effect.map(deleteAll("delete", definition, [key]), (count) => count > 0)
