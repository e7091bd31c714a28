/** `Cache.getMany`. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bind } from "../cache/bind.js"
import type { CacheInstance } from "../cache/instance.js"
import type { CacheDefinition } from "../definition/definition.js"
import type { Reply } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import { judge } from "../entry/verdict.js"
import type { Copy } from "../near/copies.js"
import type { Near, NearRead } from "../near/view.js"
import { type Judged, judgeMany, readManyFilling, targetOf } from "../read/many.js"
import { replay } from "./replay.js"

/** Some keys, each once, in the order of their first mention, and their Redis keys. */
interface Wanted<Key> {
  readonly keys: Array<Key>
  readonly redisKeys: Array<string>
}

const want = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  keys: Iterable<Key>
): Either.Either<Wanted<Key>, CodecError> => {
  const wanted: Wanted<Key> = { keys: [], redisKeys: [] }
  // By what stands after the prefix: plain string keys are not new strings, whose hashes are not known yet.
  const seen = new Set<string>()
  for (const key of keys) {
    const stored = instance.definition.keys.encode(key)
    if (Either.isLeft(stored)) return Either.left(instance.definition.codecError("key", stored.left))
    const before = seen.size
    if (seen.add(stored.right).size === before) continue
    wanted.keys.push(key)
    wanted.redisKeys.push(instance.prefix + stored.right)
  }
  return Either.right(wanted)
}

export const getMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError | CodecError, Redis> => {
  const asked = replay(keys)
  return Effect.withFiberRuntime((fiber) => {
    const instance = bind(fiber, definition)
    const wanted = want(instance, asked)
    if (Either.isLeft(wanted)) return Effect.fail(wanted.left)
    const { near } = instance
    return near === undefined ? getFar(instance, wanted.right) : getNear(instance, near, wanted.right, fiber)
  })
}

/** What there are near copies of is not asked for. */
const getNear = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  near: Near,
  wanted: Wanted<Key>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  const hits = new Map<Key, Value>()
  const serve = (key: Key, copy: Copy) => {
    instance.recorder.nearHit()
    hits.set(key, copy.value as Value) // it was read through a cache of the same codec
  }
  /** Serves what there are copies of, and gives the rest. */
  const without = (asked: Wanted<Key>, find: (redisKey: string) => Copy | undefined): Wanted<Key> => {
    const rest: Wanted<Key> = { keys: [], redisKeys: [] }
    for (const [i, redisKey] of asked.redisKeys.entries()) {
      const copy = find(redisKey)
      if (copy !== undefined) serve(asked.keys[i]!, copy)
      else {
        rest.keys.push(asked.keys[i]!)
        rest.redisKeys.push(redisKey)
      }
    }
    return rest
  }
  const rest = without(wanted, (redisKey) => instance.findNear(redisKey, fiber))
  if (rest.keys.length === 0) return Exit.succeed(hits)
  const far = getFar(instance, rest, (error) =>
    Effect.flatMap(Effect.clock, (clock) => {
      const unknown = without(rest, (redisKey) => near.whileAway(redisKey, false, clock)).keys.length
      return unknown === 0 ? nothing<Key, Value>() : missOrFail(instance, unknown, error)
    }))
  if (hits.size === 0 && !near.servesStale) return far
  return Effect.map(far, (found) => {
    for (const [key, value] of found) hits.set(key, value)
    // In the order asked for.
    return new Map(wanted.keys.flatMap((key) => hits.has(key) ? [[key, hits.get(key)!] as const] : []))
  })
}

const nothing = <Key, Value>(): Exit.Exit<ReadonlyMap<Key, Value>> => Exit.succeed(new Map<Key, Value>())

/** Under `bypass` what could not be read is missed. */
const missOrFail = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  count: number,
  error: RedisError
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  if (!instance.definition.policy.bypass) return Exit.fail(instance.definition.redisError("getMany", error))
  instance.recorder.miss(count)
  return Effect.zipRight(instance.warnings.bypassed(error, undefined), nothing<Key, Value>())
}

/** What many entries come to, as they are looked at one after the other. */
class Found<Key, Value> {
  private readonly hits = new Map<Key, Value>()
  private readonly logs: Array<Effect.Effect<void>> = []

  constructor(private readonly instance: CacheInstance<Key, Value>, private readonly asked: number) {}

  add(
    redisKey: string,
    key: Key,
    bytes: Uint8Array | undefined,
    now: number,
    invalidated = false,
    reading?: NearRead
  ): void {
    const { instance } = this
    const verdict = judge(instance.definition, bytes, now, invalidated, redisKey)
    if (verdict._tag === "Undecodable") this.logs.push(instance.warnings.undecodable(redisKey, verdict.issue))
    if (verdict._tag !== "Fresh") return
    reading?.keep(bytes!, verdict.value)
    this.hits.set(key, verdict.value)
  }

  get all(): Effect.Effect<ReadonlyMap<Key, Value>> {
    this.instance.recorder.hit(this.hits.size)
    this.instance.recorder.miss(this.asked - this.hits.size)
    return this.logs.length === 0
      ? Exit.succeed(this.hits)
      : Effect.as(Effect.all(this.logs, { discard: true }), this.hits)
  }
}

const getFar = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  { keys, redisKeys }: Wanted<Key>,
  onFailure: (error: RedisError) => Effect.Effect<ReadonlyMap<Key, Value>, RedisError> = (error) =>
    missOrFail(instance, keys.length, error)
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  const judged: Reply<ReadonlyArray<Judged>, ReadonlyMap<Key, Value>, RedisError, never> = {
    onSuccess: (entries, now) => {
      const found = new Found(instance, keys.length)
      for (let i = 0; i < keys.length; i++) {
        const { bytes, invalidated, reading } = entries[i]!
        found.add(redisKeys[i]!, keys[i]!, bytes, now, invalidated, reading)
      }
      return found.all
    },
    onFailure
  }
  const targets = () => keys.map((key, i) => targetOf(instance, key, redisKeys[i]!))
  if (instance.near !== undefined || instance.definition.policy.tags !== undefined) {
    return readManyFilling(instance, targets(), judged)
  }
  return instance.runtime.driver.getMany(redisKeys, {
    onSuccess: (values, now, first) => {
      // Tags may have been given with a write.
      if (values.some((bytes) => bytes !== undefined && Entry.hasTags(bytes))) {
        return judgeMany(instance, targets(), values, new Map(), now, first, judged)
      }
      const found = new Found(instance, keys.length)
      for (let i = 0; i < keys.length; i++) found.add(redisKeys[i]!, keys[i]!, values[i], now)
      return found.all
    },
    onFailure
  })
}
