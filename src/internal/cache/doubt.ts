/** Keys that are to be gone, and may be there still. */
import * as Effect from "effect/Effect"
import type { CacheInstance } from "./instance.js"

/**
 * Whether Redis has removed these keys and invalidated these tags is not known, and nobody is told by a failure. What is
 * made good after an outage begins here.
 */
export const doubt = <Key, Value>(
  _instance: CacheInstance<Key, Value>,
  _redisKeys: ReadonlyArray<string>,
  _tags: ReadonlyArray<string>
): Effect.Effect<void> => Effect.void
