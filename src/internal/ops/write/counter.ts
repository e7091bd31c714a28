/** `Cache.increment`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { withKey } from "../../cache/bind.js"
import { detaching } from "../../cache/detach.js"
import { jittered, lifeOf, noOptions } from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { freshValue } from "../../read/many.js"
import { named } from "../named.js"

export const increment = <Key>(
  definition: CacheDefinition<Key, number>,
  key: Key,
  delta: number = 1
): Effect.Effect<number, RedisError | CodecError, Redis> =>
  withKey(definition, key, "increment", (instance, redisKey) => {
    if (!Number.isSafeInteger(delta)) {
      return Effect.fail(
        instance.definition.codecError("option", {
          path: "delta",
          detail: `a counter is incremented by a whole number between -(2^53 - 1) and 2^53 - 1, got ${delta}`
        })
      )
    }
    const added = Effect.gen(function*() {
      const life = yield* jittered(instance.definition, yield* lifeOf(instance.definition, key, delta, noOptions))
      if (life === 0) {
        // As with any write that must not be stored: the old value does not outlive it.
        const [before] = yield* instance.runtime.driver.take([redisKey])
        const clock = yield* Effect.clock
        const now = instance.runtime.driver.unsafeNow(clock)
        const found = yield* freshValue(instance, { bytes: before, tagState: "Hold", now }, redisKey)
        return Option.getOrElse(found, () => 0) + delta
      }
      const sum = yield* instance.runtime.driver.increment({ key: redisKey, delta, life })
      instance.wrote()
      return sum
    })
    return detaching(instance.runtime, [redisKey], named(definition, "increment", added))
  })
