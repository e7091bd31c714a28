/** Writes that the store did not do. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { CacheInstance } from "../../cache/instance.js"

/** Under `bypass` such a write is dropped, else it fails. */
export const dropOrFail = <Key, Value>(
  { definition, warnings }: CacheInstance<Key, Value>,
  error: RedisError
): Effect.Effect<void, RedisError> => definition.policy.bypass ? warnings.bypassed(error, undefined) : Exit.fail(error)

/** The same for the whole of a write; `otherwise` is what a write comes to that was dropped. */
export const dropping = <Key, Value, A>(
  instance: CacheInstance<Key, Value>,
  effect: Effect.Effect<A, RedisError | CodecError>,
  otherwise: A
): Effect.Effect<A, RedisError | CodecError> =>
  instance.definition.policy.bypass
    ? Effect.catchTag(effect, "RedisError", (error) => Effect.as(dropOrFail(instance, error), otherwise))
    : effect
