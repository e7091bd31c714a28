/** What is done to many keys, and how many fresh values that met. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bindBase } from "../../cache/bind.js"
import { detaching } from "../../cache/detach.js"
import { doubting } from "../../cache/doubt.js"
import type { CacheInstance } from "../../cache/instance.js"
import type { CacheDefinition } from "../../definition/definition.js"
import * as Entry from "../../entry/format.js"
import { isFresh } from "../../entry/verdict.js"
import { type Found, judgeFound, targetOf } from "../../read/many.js"
import { named } from "../named.js"
import { replay } from "../replay.js"

/** As far as header and tags tell: a payload that would not decode is a value. */
const wasFresh = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  { bytes, now, tagState }: Found
): boolean =>
  tagState === "Hold" && isFresh(definition, bytes, now) &&
  (definition.kind === "counter" || Entry.payloadOffset(bytes) !== undefined)

/**
 * @param operation what its failures are named after
 * @param act is answered with what was there, of an entry the header and the tags at least
 */
export const countFresh = <Key, Value>(
  operation: string,
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>,
  act: (
    instance: CacheInstance<Key, Value>,
    redisKeys: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, RedisError>,
  counts?: "deletes"
): Effect.Effect<number, RedisError | CodecError, Redis> => {
  const all = replay(keys)
  return Effect.withFiberRuntime((fiber) => {
    const instance = bindBase(fiber, definition, operation)
    const pairs: Array<readonly [Key, string]> = []
    for (const key of all) {
      const redisKey = instance.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      pairs.push([key, redisKey.right])
    }
    if (pairs.length === 0) return Effect.succeed(0)
    const redisKeys = pairs.map(([, redisKey]) => redisKey)
    const done = Effect.suspend(() => act(instance, redisKeys)).pipe(
      // Only now: which tags a key has is for a function of the user's to say, which may throw.
      Effect.flatMap((heads) =>
        judgeFound(instance, pairs.map(([key, redisKey]) => targetOf(instance, key, redisKey)), heads)
      ),
      Effect.map((entries) => entries.filter((entry) => wasFresh(definition, entry)).length),
      Effect.tap((count) => counts === undefined ? undefined : instance.recorder.delete(count))
    )
    return detaching(instance.runtime, redisKeys, doubting(instance, redisKeys, [], named(definition, operation, done)))
  })
}
