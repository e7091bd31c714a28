/** `Cache.changes`. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bindBase } from "../../cache/bind.js"
import { Backlog, type Change } from "../../changes/backlog.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { refuse } from "../../definition/refuse.js"

/** How many changes wait for a reader, if it does not say. */
const defaultBufferSize = 4_096

export const changes = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  { bufferSize = defaultBufferSize }: { readonly bufferSize?: number | undefined } = {}
): Stream.Stream<Change, RedisError, Redis> => {
  if (!Number.isInteger(bufferSize) || bufferSize < 1) {
    return refuse(definition.name, "bufferSize", "a whole number of 1 or more", bufferSize)
  }
  return Stream.unwrapScoped(Effect.withFiberRuntime((fiber) => {
    const { prefix, runtime: { feed } } = bindBase(fiber, definition, "changes")
    const backlog = new Backlog(prefix, definition.keys.text, bufferSize)
    return feed.follow(backlog).pipe(
      Effect.zipRight(Effect.mapError(feed.start, (error) => definition.redisError("changes", error))),
      Effect.as(Stream.repeatEffectChunk(backlog.take))
    )
  }))
}
