/** Failures with the name of the called operation: its steps in the store do not concern the caller. */
import * as Effect from "effect/Effect"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { CacheDefinition } from "../definition/definition.js"

/** Names the failures of one operation of a cache. */
export const named = <Key, Value, A, E, R>(
  cache: CacheDefinition<Key, Value>,
  operation: string,
  effect: Effect.Effect<A, E | RedisError | CodecError, R>
): Effect.Effect<A, E | RedisError | CodecError, R> =>
  Effect.mapError(effect, (error) => isRedisError(error) ? cache.redisError(operation, error) : error)

const isRedisError = (error: unknown): error is RedisError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RedisError"
