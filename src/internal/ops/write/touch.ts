/** `Cache.touch`. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { withKey } from "../../cache/bind.js"
import { evicting } from "../../cache/detach.js"
import { explicitLife } from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { wholeLife } from "../../definition/policy.js"
import * as Entry from "../../entry/format.js"
import { freshValue, readOne } from "../../read/many.js"
import { named } from "../named.js"
import { conflict, maxTries } from "./conflict.js"
import { dropping } from "./dropped.js"

export const touch = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  timeToLive: Duration.DurationInput
): Effect.Effect<boolean, RedisError | CodecError, Redis> =>
  withKey(definition, key, "touch", (instance, redisKey) => {
    const touched = Effect.gen(function*() {
      const life = yield* explicitLife(instance.definition, timeToLive)
      const clock = yield* Effect.clock
      for (let tries = 0; tries < maxTries; tries++) {
        const entry = yield* readOne(instance, key, redisKey)
        const fresh = yield* freshValue(instance, entry, redisKey)
        if (Option.isNone(fresh) || entry.bytes === undefined) return false
        const whole = wholeLife(definition.policy, life)
        // Its tags must live as long as it does.
        yield* instance.tags.ensure(
          (definition.kind === "entry" ? Entry.tags(entry.bytes) ?? [] : []).map((tag) => tag.name),
          whole
        )
        const done = yield* instance.runtime.driver.touch(
          {
            key: redisKey,
            seen: entry.bytes,
            freshUntil: instance.freshUntil(life, clock),
            life: whole,
            leaseLife: definition.policy.leaseLife
          },
          definition.kind
        )
        if (done) return true
      }
      return yield* conflict("touch", redisKey)
    })
    return evicting(
      instance.runtime,
      [redisKey],
      dropping(instance, named(definition, "touch", touched), false, [redisKey])
    )
  })
