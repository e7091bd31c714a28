/** Plain writes. Each detaches loads in flight here when it is called and when it is answered. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bind, withKey } from "../../cache/bind.js"
import { detach, detaching } from "../../cache/detach.js"
import type { CacheInstance } from "../../cache/instance.js"
import {
  isStored,
  noOptions,
  type Pair,
  prepare,
  type Prepared,
  prepareMany,
  prepareSync,
  type WriteOptions
} from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { clockOf } from "../../driver/clockOf.js"
import type { Reply, Write } from "../../driver/driver.js"
import { named } from "../named.js"
import { replay } from "../replay.js"
import { dropOrFail, dropping } from "./dropped.js"

export const set = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions = noOptions
): Effect.Effect<void, RedisError | CodecError, Redis> =>
  withKey(definition, key, "set", (instance, redisKey, fiber) => {
    const clock = clockOf(fiber)
    const prepared = prepareSync(instance, key, redisKey, value, options, clock)
    if (prepared !== undefined) {
      return Either.isLeft(prepared)
        ? Effect.fail(prepared.left)
        : send(instance, prepared.right)
    }
    const sent = Effect.flatMap(
      prepare(instance, key, redisKey, value, options),
      (ready) => send(instance, ready)
    )
    return detaching(
      instance.runtime,
      [redisKey],
      dropping(instance, named(definition, "set", sent), undefined, [redisKey])
    )
  })

/** Removes keys whose new values must not be stored. It is part of a write, so it is dropped like one. */
const forget = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  operation: string,
  redisKeys: ReadonlyArray<string>
): Effect.Effect<void, RedisError> =>
  detaching(
    instance.runtime,
    redisKeys,
    Effect.catchAll(
      Effect.asVoid(instance.runtime.driver.remove(redisKeys)),
      (error) => dropOrFail(instance, instance.definition.redisError(operation, error), redisKeys)
    )
  )

const send = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  prepared: Prepared
): Effect.Effect<void, RedisError> => {
  detach(instance.runtime, prepared.key)
  // The old value must not outlive a newer one that is not stored.
  if (!isStored(prepared)) return forget(instance, "set", [prepared.key])
  return instance.runtime.driver.set(prepared, new SetReply(instance))
}

export const setMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  values: Iterable<readonly [Key, Value]> | Readonly<Record<string, Value>>,
  options: WriteOptions = noOptions
): Effect.Effect<void, RedisError | CodecError, Redis> => {
  const pairs = pairsOf<Key, Value>(values)
  return Effect.withFiberRuntime((fiber) => {
    const instance = bind(fiber, definition, "setMany")
    const clock = clockOf(fiber)
    const entries: Array<Pair<Key, Value>> = []
    const ready: Array<Prepared> = []
    for (const [key, value] of pairs) {
      const redisKey = instance.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      entries.push([key, redisKey.right, value])
      const prepared = prepareSync(instance, key, redisKey.right, value, options, clock)
      if (prepared === undefined) continue
      if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
      ready.push(prepared.right)
    }
    if (ready.length === entries.length) return sendMany(instance, ready)
    const sent = Effect.flatMap(
      prepareMany(instance, entries, options),
      (prepared) => sendMany(instance, prepared)
    )
    return detaching(
      instance.runtime,
      entries.map(([, redisKey]) => redisKey),
      dropping(instance, named(definition, "setMany", sent), undefined, entries.map(([, redisKey]) => redisKey))
    )
  })
}

const pairsOf = <Key, Value>(
  values: Iterable<readonly [Key, Value]> | Readonly<Record<string, Value>>
): Iterable<readonly [Key, Value]> =>
  Symbol.iterator in values
    ? replay(values) // it has an iterator
    : Object.entries(values) as Iterable<readonly [any, Value]> // records are for caches whose keys are strings

const sendMany = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  prepared: ReadonlyArray<Prepared>
): Effect.Effect<void, RedisError> => {
  // The last value of a key wins, as in a record.
  const last = new Map<string, Prepared>()
  for (const each of prepared) last.set(each.key, each)
  const writes: Array<Write> = []
  const dropped: Array<string> = []
  for (const each of last.values()) {
    if (isStored(each)) writes.push(each)
    else dropped.push(each.key)
  }
  const detachAll = () => {
    for (const key of last.keys()) detach(instance.runtime, key)
  }
  detachAll()
  const written = writes.length === 0 ? Exit.void : instance.runtime.driver.setMany(writes, {
    onSuccess: () => {
      detachAll()
      instance.storing = true
      instance.wrote(writes.length)
      return Exit.void
    },
    onFailure: (error) => {
      detachAll()
      return dropOrFail(instance, instance.definition.redisError("setMany", error), writes.map(({ key }) => key))
    }
  })
  return dropped.length === 0
    ? written
    : Effect.zipRight(written, forget(instance, "setMany", dropped))
}

/** How `Cache.set` handles its answer. */
export class SetReply<Key, Value> implements Reply<void, void, RedisError, never> {
  constructor(private readonly instance: CacheInstance<Key, Value>) {}

  onSuccess(_: void, __: number, redisKey: string) {
    detach(this.instance.runtime, redisKey)
    this.instance.storing = true
    this.instance.wrote()
    return Exit.void
  }

  onFailure(error: RedisError, redisKey: string) {
    detach(this.instance.runtime, redisKey)
    return dropOrFail(this.instance, this.instance.definition.redisError("set", error), [redisKey])
  }
}
