/** `Cache.invalidateTags`. */
import * as Effect from "effect/Effect"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bindBase } from "../../cache/bind.js"
import { detachingTags } from "../../cache/detach.js"
import { doubting } from "../../cache/doubt.js"
import { checkTags } from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { named } from "../named.js"

export const invalidateTags = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  tags: ReadonlyArray<string>
): Effect.Effect<void, RedisError | CodecError, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const instance = bindBase(fiber, definition, "invalidateTags")
    const refused = checkTags(definition, tags)
    if (refused !== undefined) return Effect.fail(refused)
    if (tags.length === 0) return Effect.void
    const replaced = Effect.tap(instance.tags.replace(tags), () => instance.recorder.invalidate(tags.length))
    return detachingTags(
      instance,
      tags,
      doubting(instance, [], tags, named(definition, "invalidateTags", replaced))
    )
  })
