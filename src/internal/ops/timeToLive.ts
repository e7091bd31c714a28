/** `Cache.timeToLive`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { withKey } from "../cache/bind.js"
import type { CacheDefinition } from "../definition/definition.js"
import * as Entry from "../entry/format.js"
import { freshValue, readOne } from "../read/many.js"
import { named } from "./named.js"
import { dropping } from "./write/dropped.js"

/** In whole milliseconds, since that is what an entry's end is in; at least one, since it is fresh. */
export const remaining = (until: number, now: number): Duration.Duration =>
  Duration.millis(Math.max(1, Math.floor(until - now)))

export const timeToLive = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Duration.Duration>, RedisError | CodecError, Redis> =>
  withKey(definition, key, "timeToLive", (instance, redisKey) => {
    if (!instance.runtime.mode.reads) return Effect.succeed(Option.none())
    const found = Effect.gen(function*() {
      const entry = yield* readOne(instance, key, redisKey)
      const value = yield* freshValue(instance, entry, redisKey)
      if (Option.isNone(value) || entry.bytes === undefined) return Option.none()
      if (definition.kind === "entry") {
        const until = Entry.freshUntil(entry.bytes)
        return Option.some(until === 0 ? Duration.infinity : remaining(until, entry.now))
      }
      const stored = yield* instance.runtime.driver.inspect(redisKey)
      return stored === undefined
        ? Option.none()
        : Option.some(stored.life === undefined ? Duration.infinity : Duration.millis(stored.life))
    })
    return dropping(instance, named(definition, "timeToLive", found), Option.none())
  })
