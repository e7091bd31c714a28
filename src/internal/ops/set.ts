/** Plain writes. Each detaches loads in flight here when it is called and when it is answered. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Write } from "../../Driver.js"
import type { Redis } from "../../Redis.js"
import { detaching } from "../cache/detach.js"
import { bind, type Binding, withKey } from "../cache/instance.js"
import {
  isStored,
  noOptions,
  prepare,
  type Prepared,
  prepareMany,
  prepareSync,
  type WriteOptions
} from "../cache/prepare.js"
import { detach } from "../cache/runtime.js"
import type { Model } from "../definition/definition.js"
import { dropOrFail } from "./replies.js"

type Failure = RedisError | CodecError

export const set = <Key, Value>(
  model: Model<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions = noOptions
): Effect.Effect<void, Failure, Redis> =>
  withKey(model, key, (binding, redisKey, fiber) => {
    const clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
    const prepared = prepareSync(binding, key, redisKey, value, options, clock)
    if (prepared !== undefined) {
      return Either.isLeft(prepared)
        ? Effect.fail(prepared.left)
        : send(binding, prepared.right)
    }
    const sent = Effect.flatMap(
      prepare(binding, key, redisKey, value, options),
      (ready) => send(binding, ready)
    )
    return detaching(binding, [redisKey], dropping(binding, sent))
  })

/** Under `bypass` a write that the store did not do is dropped. */
const dropping = <Key, Value>(
  binding: Binding<Key, Value>,
  effect: Effect.Effect<void, Failure>
): Effect.Effect<void, Failure> =>
  binding.model.policy.bypass
    ? Effect.catchTag(effect, "RedisError", (error) => dropOrFail(binding, error))
    : effect

/** Removes what is not to be stored any more; part of a write, so dropped like one. */
const forget = <Key, Value>(
  binding: Binding<Key, Value>,
  redisKeys: ReadonlyArray<string>
): Effect.Effect<void, RedisError> =>
  detaching(
    binding,
    redisKeys,
    Effect.catchAll(Effect.asVoid(binding.runtime.driver.take(redisKeys)), (error) => dropOrFail(binding, error))
  )

const send = <Key, Value>(
  binding: Binding<Key, Value>,
  prepared: Prepared
): Effect.Effect<void, RedisError> => {
  detach(binding.runtime, prepared.key)
  // What was there before must not outlive a newer value that is not stored.
  if (!isStored(prepared)) return forget(binding, [prepared.key])
  return binding.runtime.driver.set(prepared, binding.setReply)
}

export const setMany = <Key, Value>(
  model: Model<Key, Value>,
  pairs: Iterable<readonly [Key, Value]>,
  options: WriteOptions = noOptions
): Effect.Effect<void, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
    const entries: Array<readonly [key: Key, redisKey: string, value: Value]> = []
    const ready: Array<Prepared> = []
    for (const [key, value] of pairs) {
      const redisKey = binding.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      entries.push([key, redisKey.right, value])
      const prepared = prepareSync(binding, key, redisKey.right, value, options, clock)
      if (prepared === undefined) continue
      if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
      ready.push(prepared.right)
    }
    if (ready.length === entries.length) return sendMany(binding, ready)
    const sent = Effect.flatMap(
      prepareMany(binding, entries, options),
      (prepared) => sendMany(binding, prepared)
    )
    return detaching(binding, entries.map(([, redisKey]) => redisKey), dropping(binding, sent))
  })

const sendMany = <Key, Value>(
  binding: Binding<Key, Value>,
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
    for (const key of last.keys()) detach(binding.runtime, key)
  }
  detachAll()
  const written = writes.length === 0 ? Exit.void : binding.runtime.driver.setMany(writes, {
    onSuccess: () => {
      detachAll()
      binding.recorder.write(writes.length)
      return Exit.void
    },
    onFailure: (error) => {
      detachAll()
      return dropOrFail(binding, error)
    }
  })
  return dropped.length === 0
    ? written
    : Effect.zipRight(written, forget(binding, dropped))
}
