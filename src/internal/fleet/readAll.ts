/** What some keys hold. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { Driver } from "../driver/driver.js"

export const readAll = (
  driver: Driver,
  keys: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError> =>
  driver.getMany<ReadonlyArray<Uint8Array | undefined>, RedisError, never>(keys, {
    onSuccess: Effect.succeed,
    onFailure: Effect.fail
  })
