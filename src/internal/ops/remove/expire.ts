/** `Cache.expire`, `Cache.expireMany` and `Cache.expireTags`. */
import * as Effect from "effect/Effect"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bindBase } from "../../cache/bind.js"
import { detachingTags } from "../../cache/detach.js"
import { doubting } from "../../cache/doubt.js"
import { checkTags } from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { wholeLife } from "../../definition/policy.js"
import * as Entry from "../../entry/format.js"
import { named } from "../named.js"
import { countFresh } from "./countFresh.js"

const expireAll = <Key, Value>(
  operation: string,
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> =>
  countFresh(operation, definition, keys, ({ runtime: { driver, random } }, redisKeys) => {
    const windows = wholeLife(definition.policy, 0)
    return driver.expire(redisKeys.map((key) => ({ key, writeId: random.make(Entry.writeIdSize), windows })))
  })

export const expireMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, RedisError | CodecError, Redis> => expireAll("expireMany", definition, keys)

export const expire = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<boolean, RedisError | CodecError, Redis> =>
  Effect.map(expireAll("expire", definition, [key]), (count) => count > 0)

export const expireTags = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  tags: ReadonlyArray<string>
): Effect.Effect<void, RedisError | CodecError, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const instance = bindBase(fiber, definition, "expireTags")
    const refused = checkTags(definition, tags)
    if (refused !== undefined) return Effect.fail(refused)
    if (tags.length === 0) return Effect.void
    return detachingTags(
      instance,
      tags,
      doubting(instance, [], tags, named(definition, "expireTags", instance.tags.expire([...new Set(tags)])))
    )
  })
