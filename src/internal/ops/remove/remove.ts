/** `Cache.take`, `Cache.delete` and `Cache.deleteMany`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { withKeyBase } from "../../cache/bind.js"
import { detaching } from "../../cache/detach.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { freshValue, judgeFound, targetOf } from "../../read/many.js"
import { named } from "../named.js"
import { countFresh } from "./countFresh.js"

export const take = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, RedisError | CodecError, Redis> =>
  withKeyBase(definition, key, "take", (instance, redisKey) => {
    const taken = Effect.gen(function*() {
      const found = yield* instance.runtime.driver.take([redisKey])
      const [entry] = yield* judgeFound(instance, [targetOf(instance, key, redisKey)], found)
      const value = yield* freshValue(instance, entry!, redisKey)
      if (Option.isSome(value)) {
        instance.recorder.hit()
        instance.recorder.delete(1)
      } else instance.recorder.miss()
      return value
    })
    return detaching(instance.runtime, [redisKey], named(definition, "take", taken))
  })

export const deleteMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> => deleteAll("deleteMany", definition, keys)

const deleteAll = <Key, Value>(
  operation: string,
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> =>
  countFresh(operation, definition, keys, ({ runtime }, redisKeys) => runtime.driver.remove(redisKeys), "deletes")

export const delete_ = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<boolean, RedisError | CodecError, Redis> =>
  Effect.map(deleteAll("delete", definition, [key]), (count) => count > 0)
