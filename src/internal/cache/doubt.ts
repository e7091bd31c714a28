/** Keys that should have been removed or replaced, but may be unchanged. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "./instance.js"

/**
 * It is not known whether Redis has removed these keys and invalidated these tags: they are remembered, and made good
 * (`driver/recovery/makeGood.ts`). `error` says why it is not known. A counter is never remembered, since its count
 * would be lost.
 */
export const doubt = <Key, Value>(
  { definition: { kind, name }, runtime: { recovery }, tags }: CacheInstance<Key, Value>,
  redisKeys: ReadonlyArray<string>,
  tagNames: ReadonlyArray<string>,
  error?: RedisError
): Effect.Effect<void> => {
  if (kind === "counter") return Effect.void
  const tagKeys = tagNames.length === 0 ? [] : [tags.generationKey, ...tagNames.map((tag) => tags.key(tag))]
  return recovery.remember(name, [...redisKeys, ...tagKeys], error)
}

/** The same if the effect fails, in caches that report dropped operations as done. In others, the call fails. */
export const doubting = <Key, Value, A, E, R>(
  instance: CacheInstance<Key, Value>,
  redisKeys: ReadonlyArray<string>,
  tagNames: ReadonlyArray<string>,
  effect: Effect.Effect<A, E | RedisError, R>
): Effect.Effect<A, E | RedisError, R> =>
  instance.definition.policy.bypass
    ? Effect.tapError(
      effect,
      (error) => isRedisError(error) ? doubt(instance, redisKeys, tagNames, error) : Effect.void
    )
    : effect

const isRedisError = (error: unknown): error is RedisError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RedisError"
