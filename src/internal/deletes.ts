/** Operations that delete or invalidate. Each detaches loads in flight here, before and after. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../CacheError.js"
import type { Redis } from "../Redis.js"
import { bind, type Binding, withKey } from "./binding.js"
import { detaching } from "./detaching.js"
import * as Entry from "./entry.js"
import type { Model } from "./model.js"

type Failure = RedisError | CodecError

/** Deletes, and gives the fresh values that were there. */
const takeAll = <Key, Value>(
  binding: Binding<Key, Value>,
  keys: ReadonlyArray<readonly [key: Key, redisKey: string]>
): Effect.Effect<ReadonlyArray<Option.Option<Value>>, RedisError> => {
  const redisKeys = keys.map(([, redisKey]) => redisKey)
  return Effect.gen(function*() {
    if (keys.length === 0) return []
    const clock = yield* Effect.clock
    const found = yield* binding.runtime.driver.take(redisKeys)
    const { entries, now } = yield* binding.judgeMany(
      keys.map(([key, redisKey]) => ({ redisKey, tags: binding.keyTags(key) })),
      found,
      new Map(),
      binding.runtime.driver.unsafeNow(clock),
      redisKeys[0]!,
      {
        onSuccess: (judged, later) => Effect.succeed({ entries: judged, now: later }),
        onFailure: (error) => Effect.fail(error)
      }
    )
    return yield* Effect.forEach(
      entries,
      (entry, i) => binding.freshValue(entry, redisKeys[i]!, now)
    )
  }).pipe((taken) => detaching(binding, redisKeys, taken))
}

export const take = <Key, Value>(
  model: Model<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, Failure, Redis> =>
  withKey(model, key, (binding, redisKey) => {
    return Effect.map(takeAll(binding, [[key, redisKey]]), ([value]) => {
      if (Option.isSome(value!)) binding.recorder.hit()
      else binding.recorder.miss()
      return value!
    })
  })

export const deleteMany = <Key, Value>(
  model: Model<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<number, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const pairs: Array<readonly [Key, string]> = []
    for (const key of keys) {
      const redisKey = binding.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      pairs.push([key, redisKey.right])
    }
    return Effect.map(takeAll(binding, pairs), (values) => values.filter(Option.isSome).length)
  })

/** A change of a whole cache. */
const detachCache = <Key, Value>({ model, prefix, runtime }: Binding<Key, Value>): void => {
  runtime.flights.detachAll(prefix)
  runtime.near.evictAll(model.name)
}

export const flush = <Key, Value>(model: Model<Key, Value>): Effect.Effect<number, RedisError, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const { driver } = binding.runtime
    const detach = Effect.sync(() => detachCache(binding))
    return Effect.zipRight(detach, Effect.ensuring(driver.clear(binding.prefix), detach))
  })

export const invalidateTags = <Key, Value>(
  model: Model<Key, Value>,
  tags: ReadonlyArray<string>
): Effect.Effect<void, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const refused = binding.refuseTags(tags)
    if (refused !== undefined) return Effect.fail(refused)
    if (tags.length === 0) return Effect.void
    const { driver, flights, near, random } = binding.runtime
    const keys = [binding.generationKey, ...tags.map((tag) => binding.tagKey(tag))]
    const detach = Effect.sync(() => {
      flights.detachAll(binding.prefix)
      for (const key of keys) near.evict(key)
    })
    // The generation first: a load that reads a tag's new epoch must find the generation changed.
    const replaced = driver.replaceEpochs(
      keys.map((key) => ({ key, epoch: random.make(Entry.epochSize) }))
    )
    return Effect.zipRight(detach, Effect.ensuring(replaced, detach))
  })
