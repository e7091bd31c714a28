/** Compare-and-set against other writers. */
import { RedisError } from "../../../CacheError.js"

/** How often a compare-and-set is tried against other writers. */
export const maxTries = 64

/** Other writers were faster every time. */
export const conflict = (operation: string, redisKey: string) =>
  new RedisError({
    reason: "Conflict",
    operation,
    cause: new Error(
      `other writers changed ${redisKey} during each of ${maxTries} attempts: retry later, or let fewer writers share the key`
    )
  })
