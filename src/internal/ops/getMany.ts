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
import type { TagState } from "../entry/tags.js"
import { judge } from "../entry/verdict.js"
import type { Copy } from "../near/copies.js"
import type { Near, NearRead } from "../near/view.js"
import { type Judged, judgeMany, readManyFilling, type Target, targetOf } from "../read/many.js"
import { replay } from "./replay.js"

/** A new list: V8 may assume that objects from a literal in busy code live long (`cache/prepare.ts`). */
const empty: ReadonlyArray<never> = []

/** Some keys, each once, in the order of their first mention, and their Redis keys. */
class Wanted<Key> {
  readonly keys: Array<Key> = empty.slice()
  readonly redisKeys: Array<string> = empty.slice()

  add(key: Key, redisKey: string): void {
    this.keys.push(key)
    this.redisKeys.push(redisKey)
  }
}

const want = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  keys: Iterable<Key>
): Either.Either<Wanted<Key>, CodecError> => {
  const wanted = new Wanted<Key>()
  // By the part after the prefix: plain string keys are not new strings, whose hashes are not known yet.
  const seen = new Set<string>()
  for (const key of keys) {
    const stored = instance.definition.keys.encode(key)
    if (Either.isLeft(stored)) return Either.left(instance.definition.codecError("key", stored.left))
    const before = seen.size
    if (seen.add(stored.right).size > before) wanted.add(key, instance.prefix + stored.right)
  }
  return Either.right(wanted)
}

export const getMany = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError | CodecError, Redis> => {
  const asked = replay(keys)
  return Effect.withFiberRuntime((fiber) => {
    const instance = bind(fiber, definition, "getMany")
    const wanted = want(instance, asked)
    if (Either.isLeft(wanted)) return Effect.fail(wanted.left)
    const { near } = instance
    return near === undefined ? getFar(instance, wanted.right) : getNear(instance, near, wanted.right, fiber)
  })
}

/** Keys with near copies are not requested. */
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
  /** Serves keys with copies, and returns the rest. */
  const without = (asked: Wanted<Key>, find: (redisKey: string) => Copy | undefined): Wanted<Key> => {
    const rest = new Wanted<Key>()
    for (const [i, redisKey] of asked.redisKeys.entries()) {
      const copy = find(redisKey)
      if (copy !== undefined) serve(asked.keys[i]!, copy)
      else rest.add(asked.keys[i]!, redisKey)
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
    // In the order of the request.
    return new Map(wanted.keys.flatMap((key) => hits.has(key) ? [[key, hits.get(key)!] as const] : []))
  })
}

const nothing = <Key, Value>(): Exit.Exit<ReadonlyMap<Key, Value>> => Exit.succeed(new Map<Key, Value>())

/** Under `bypass`, keys that could not be read are misses. */
const missOrFail = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  count: number,
  error: RedisError
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  if (!instance.definition.policy.bypass) return Exit.fail(instance.definition.redisError("getMany", error))
  instance.recorder.miss(count)
  return Effect.zipRight(instance.warnings.bypassed(error, undefined), nothing<Key, Value>())
}

/** Collects the outcomes of many entries, which are judged one after the other. */
class Found<Key, Value> {
  private readonly hits = new Map<Key, Value>()
  private logs: Effect.Effect<void> | undefined

  constructor(private readonly instance: CacheInstance<Key, Value>, private readonly asked: number) {}

  add(
    redisKey: string,
    key: Key,
    bytes: Uint8Array | undefined,
    now: number,
    tagState: TagState = "Hold",
    reading?: NearRead
  ): void {
    const { instance } = this
    const verdict = judge(instance.definition, bytes, now, tagState, redisKey)
    if (verdict._tag === "Undecodable") {
      const log = instance.warnings.undecodable(redisKey, verdict.issue)
      this.logs = this.logs === undefined ? log : Effect.zipRight(this.logs, log)
    }
    if (verdict._tag !== "Fresh") return
    reading?.keep(bytes!, verdict.value)
    this.hits.set(key, verdict.value)
  }

  get all(): Effect.Effect<ReadonlyMap<Key, Value>> {
    this.instance.recorder.hit(this.hits.size)
    this.instance.recorder.miss(this.asked - this.hits.size)
    return this.logs === undefined ? Exit.succeed(this.hits) : Effect.as(this.logs, this.hits)
  }
}

type OnFailure<Key, Value> = (error: RedisError) => Effect.Effect<ReadonlyMap<Key, Value>, RedisError>

/** The keys to read, and how their answer is handled if there are no tags to judge. */
class FarRead<Key, Value>
  implements Reply<ReadonlyArray<Uint8Array | undefined>, ReadonlyMap<Key, Value>, RedisError, never>
{
  constructor(
    readonly instance: CacheInstance<Key, Value>,
    readonly wanted: Wanted<Key>,
    private readonly failed: OnFailure<Key, Value> | undefined
  ) {}

  onSuccess(values: ReadonlyArray<Uint8Array | undefined>, now: number, first: string) {
    const { instance, wanted: { keys, redisKeys } } = this
    // Tags may have been given with a write.
    if (values.some((bytes) => bytes !== undefined && Entry.hasTags(bytes))) {
      return judgeMany(instance, this.targets, values, new Map(), now, first, new JudgedRead(this))
    }
    const found = new Found(instance, keys.length)
    for (let i = 0; i < keys.length; i++) found.add(redisKeys[i]!, keys[i]!, values[i], now)
    return found.all
  }

  onFailure(error: RedisError): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> {
    return this.failed === undefined
      ? missOrFail(this.instance, this.wanted.keys.length, error)
      : this.failed(error)
  }

  get targets(): ReadonlyArray<Target> {
    const { instance, wanted: { keys, redisKeys } } = this
    return keys.map((key, i) => targetOf(instance, key, redisKeys[i]!))
  }
}

/** The same where tags were judged. */
class JudgedRead<Key, Value> implements Reply<ReadonlyArray<Judged>, ReadonlyMap<Key, Value>, RedisError, never> {
  constructor(private readonly read: FarRead<Key, Value>) {}

  onSuccess(entries: ReadonlyArray<Judged>, now: number) {
    const { instance, wanted: { keys, redisKeys } } = this.read
    const found = new Found(instance, keys.length)
    for (let i = 0; i < keys.length; i++) {
      const { bytes, tagState, reading } = entries[i]!
      found.add(redisKeys[i]!, keys[i]!, bytes, now, tagState, reading)
    }
    return found.all
  }

  onFailure(error: RedisError): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> {
    return this.read.onFailure(error)
  }
}

const getFar = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  wanted: Wanted<Key>,
  failed?: OnFailure<Key, Value>
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  const read = new FarRead(instance, wanted, failed)
  return instance.near !== undefined || instance.definition.policy.tags !== undefined
    ? readManyFilling(instance, read.targets, new JudgedRead(read))
    : instance.runtime.reader.getMany(wanted.redisKeys, read)
}
