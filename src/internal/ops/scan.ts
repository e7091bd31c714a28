/** Operations on all keys of a cache. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bindBase } from "../cache/bind.js"
import { detachingAll } from "../cache/detach.js"
import type { CacheDefinition } from "../definition/definition.js"
import * as Entry from "../entry/format.js"
import { isFresh } from "../entry/verdict.js"
import { readMany } from "../read/many.js"

const failed =
  <Key, Value>(operation: string, definition: CacheDefinition<Key, Value>) => (error: RedisError): RedisError =>
    definition.redisError(operation, error)

/** Enough for the header, a lease and some tags. */
const headSize = 256

export const keys = <Key, Value>(definition: CacheDefinition<Key, Value>): Stream.Stream<string, RedisError, Redis> =>
  Stream.unwrap(Effect.withFiberRuntime((fiber) => {
    const instance = bindBase(fiber, definition, "keys")
    const { driver } = instance.runtime
    const { prefix } = instance
    const page = (redisKeysOfPage: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, RedisError> =>
      Effect.gen(function*() {
        const unique = [...new Set(redisKeysOfPage)]
        const heads = yield* driver.heads(unique, headSize)
        const whole = unique.filter((_, i) => heads[i] !== undefined && Entry.hasTags(heads[i]))
        const targets = whole.map((redisKey) => ({ redisKey, tags: [] }))
        const tagged = yield* readMany(instance, targets, {
          onSuccess: (entries) => Effect.succeed(new Map(whole.map((key, i) => [key, entries[i]!]))),
          onFailure: (error) => Effect.fail(error)
        })
        const clock = yield* Effect.clock
        const now = driver.unsafeNow(clock)
        return unique
          .filter((redisKey, i) => {
            const entry = tagged.get(redisKey) ?? { bytes: heads[i], tagState: "Hold" }
            return entry.tagState === "Hold" && isFresh(definition, entry.bytes, now)
          })
          .map((redisKey) => definition.keys.text(redisKey.slice(prefix.length)))
      })
    return Effect.succeed(
      Stream.mapError(Stream.flattenIterables(Stream.mapEffect(driver.scan(prefix), page)), failed("keys", definition))
    )
  }))

export const flush = <Key, Value>(
  definition: CacheDefinition<Key, Value>
): Effect.Effect<number, RedisError, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const instance = bindBase(fiber, definition, "flush")
    const flushed = Effect.tap(
      Effect.mapError(instance.runtime.driver.clear(definition.name), failed("flush", definition)),
      (count) => instance.recorder.delete(count)
    )
    return detachingAll(
      instance,
      definition.policy.bypass
        ? Effect.tapError(flushed, () => instance.runtime.recovery.rememberAll(definition.name))
        : flushed
    )
  })
