/** Writes that the store did not do. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CodecError, RedisError } from "../../../CacheError.js"
import { doubt } from "../../cache/doubt.js"
import type { CacheInstance } from "../../cache/instance.js"

/** Under `bypass` such a write is dropped, and its keys are remembered; else it fails. */
export const dropOrFail = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  error: RedisError,
  redisKeys: ReadonlyArray<string>
): Effect.Effect<void, RedisError> =>
  instance.definition.policy.bypass
    ? Effect.zipRight(doubt(instance, redisKeys, [], error), instance.warnings.bypassed(error, undefined))
    : Exit.fail(error)

/**
 * The same for a whole write; `otherwise` is the result of a dropped write. `redisKeys`: the keys that it should have
 * changed, if its caller gets the answer that it has.
 */
export const dropping = <Key, Value, A>(
  instance: CacheInstance<Key, Value>,
  effect: Effect.Effect<A, RedisError | CodecError>,
  otherwise: A,
  redisKeys: ReadonlyArray<string> = []
): Effect.Effect<A, RedisError | CodecError> =>
  instance.definition.policy.bypass
    ? Effect.catchTag(effect, "RedisError", (error) => Effect.as(dropOrFail(instance, error, redisKeys), otherwise))
    : effect
