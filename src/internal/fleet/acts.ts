/** What is done to a cache of which only the name is known: by the operations that its own processes use. */
import * as Effect from "effect/Effect"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { expire as expireOne, expireTags as expireAll } from "../ops/remove/expire.js"
import { invalidateTags as invalidate } from "../ops/remove/invalidate.js"
import { delete_ as remove } from "../ops/remove/remove.js"
import { flush as clear } from "../ops/scan.js"
import { untyped } from "./untyped.js"

/** Keys as they are stored are any text: none of them can be refused. */
const anyKey = <A, R>(effect: Effect.Effect<A, RedisError | CodecError, R>): Effect.Effect<A, RedisError, R> =>
  Effect.catchTag(effect, "CodecError", Effect.die)

export const delete_ = (name: string, key: string): Effect.Effect<boolean, RedisError, Redis> =>
  untyped(name, (cache, { driver }) =>
    Effect.flatMap(
      driver.inspect(cache.prefix + key),
      // Whether a fresh value was there depends on what was.
      (found) => anyKey(remove(cache.as(found?.bytes).definition, key))
    ))

export const expire = (name: string, key: string): Effect.Effect<boolean, RedisError, Redis> =>
  untyped(name, (cache, { driver }) =>
    Effect.flatMap(driver.inspect(cache.prefix + key), (found) => {
      const { definition } = cache.as(found?.bytes)
      // A counter has no place for a fresh life.
      return definition.kind === "counter" ? Effect.succeed(false) : anyKey(expireOne(definition, key))
    }))

export const expireTags = (
  name: string,
  tags: ReadonlyArray<string>
): Effect.Effect<void, RedisError | CodecError, Redis> =>
  untyped(name, (cache) => expireAll(cache.as(undefined).definition, tags))

export const flush = (name: string): Effect.Effect<number, RedisError, Redis> =>
  untyped(name, (cache) => clear(cache.as(undefined).definition))

export const invalidateTags = (
  name: string,
  tags: ReadonlyArray<string>
): Effect.Effect<void, RedisError | CodecError, Redis> =>
  untyped(name, (cache) => invalidate(cache.as(undefined).definition, tags))
