/** Operations that read, and change nothing. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { CodecError, RedisError } from "../CacheError.js"
import type { Reply } from "../Driver.js"
import type { Redis } from "../Redis.js"
import { bind, type Binding, type Judged, withKey } from "./binding.js"
import { CopyRead } from "./copyRead.js"
import * as Entry from "./entry.js"
import { isFresh } from "./entry/verdict.js"
import type { Model } from "./model.js"
import type { Copy } from "./near/copies.js"
import type { Near, NearRead } from "./near/near.js"

/** Failures as they are before `onRedisError` takes some of them away in the types. */
type Failure = RedisError | CodecError

class Get<in out Key, in out Value> extends CopyRead<Key, Value, Option.Option<Value>, RedisError, never> {
  override answer(copy: Copy): Option.Option<Value> {
    return Option.some(copy.value as Value) // it was read through a cache of the same codec
  }

  protected override ask(
    binding: Binding<Key, Value>,
    redisKey: string
  ): Effect.Effect<Option.Option<Value>, RedisError> {
    return binding.read(redisKey, this.key, binding.getReply)
  }
}

export const get = <Key, Value>(
  model: Model<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, Failure, Redis> => new Get(model, key)

/** Reads entries and judges their tags, for operations that go on from there. */
const readJudged = <Key, Value>(
  binding: Binding<Key, Value>,
  keys: ReadonlyArray<readonly [key: Key, redisKey: string]>
): Effect.Effect<{ readonly entries: ReadonlyArray<Judged>; readonly now: number }, RedisError> =>
  binding.readMany(keys.map(([key, redisKey]) => ({ redisKey, tags: binding.keyTags(key) })), {
    onSuccess: (entries, now) => Effect.succeed({ entries, now }),
    onFailure: (error) => Effect.fail(error)
  })

/** One entry, its tags judged, and the time of the answer. */
export const readOne = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  redisKey: string
): Effect.Effect<Judged & { readonly now: number }, RedisError> =>
  Effect.map(readJudged(binding, [[key, redisKey]]), ({ entries, now }) => ({ ...entries[0]!, now }))

/** Some keys, each once, in the order of their first mention, and their Redis keys. */
interface Wanted<Key> {
  readonly keys: Array<Key>
  readonly redisKeys: Array<string>
}

const want = <Key, Value>(
  binding: Binding<Key, Value>,
  keys: Iterable<Key>
): Either.Either<Wanted<Key>, CodecError> => {
  const wanted: Wanted<Key> = { keys: [], redisKeys: [] }
  // By what stands after the prefix: plain string keys are not new strings, whose hashes nobody knows yet.
  const seen = new Set<string>()
  for (const key of keys) {
    const stored = binding.model.keys.encode(key)
    if (Either.isLeft(stored)) return Either.left(binding.codecError("key", stored.left))
    const before = seen.size
    if (seen.add(stored.right).size === before) continue
    wanted.keys.push(key)
    wanted.redisKeys.push(binding.prefix + stored.right)
  }
  return Either.right(wanted)
}

export const getMany = <Key, Value>(
  model: Model<Key, Value>,
  keys: Iterable<Key>
): Effect.Effect<ReadonlyMap<Key, Value>, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const wanted = want(binding, keys)
    if (Either.isLeft(wanted)) return Effect.fail(wanted.left)
    const { near } = binding
    return near === undefined ? getFar(binding, wanted.right) : getNear(binding, near, wanted.right, fiber)
  })

/** What there are near copies of is not asked for. */
const getNear = <Key, Value>(
  binding: Binding<Key, Value>,
  near: Near,
  wanted: Wanted<Key>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  const hits = new Map<Key, Value>()
  const serve = (key: Key, copy: Copy) => {
    binding.recorder.nearHit()
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
  const rest = without(wanted, (redisKey) => binding.findNear(redisKey, fiber))
  if (rest.keys.length === 0) return Exit.succeed(hits)
  const far = getFar(binding, rest, (error) =>
    Effect.flatMap(Effect.clock, (clock) => {
      const unknown = without(rest, (redisKey) => near.whileAway(redisKey, false, clock)).keys.length
      return unknown === 0 ? nothing<Key, Value>() : missOrFail(binding, unknown, error)
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
  binding: Binding<Key, Value>,
  count: number,
  error: RedisError
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  if (!binding.model.policy.bypass) return Exit.fail(error)
  binding.recorder.miss(count)
  return Effect.zipRight(binding.bypassed(error, undefined), nothing<Key, Value>())
}

/** What many entries come to, as they are looked at one after the other. */
class Found<Key, Value> {
  private readonly hits = new Map<Key, Value>()
  private readonly logs: Array<Effect.Effect<void>> = []

  constructor(private readonly binding: Binding<Key, Value>, private readonly asked: number) {}

  add(
    redisKey: string,
    key: Key,
    bytes: Uint8Array | undefined,
    now: number,
    invalidated = false,
    reading?: NearRead
  ): void {
    const { binding } = this
    const verdict = binding.judge(bytes, now, invalidated, redisKey)
    if (verdict._tag === "Undecodable") this.logs.push(binding.undecodable(redisKey, verdict.issue, now))
    if (verdict._tag !== "Fresh") return
    reading?.keep(bytes!, verdict.value)
    this.hits.set(key, verdict.value)
  }

  get all(): Effect.Effect<ReadonlyMap<Key, Value>> {
    this.binding.recorder.hit(this.hits.size)
    this.binding.recorder.miss(this.asked - this.hits.size)
    return this.logs.length === 0
      ? Exit.succeed(this.hits)
      : Effect.as(Effect.all(this.logs, { discard: true }), this.hits)
  }
}

const getFar = <Key, Value>(
  binding: Binding<Key, Value>,
  { keys, redisKeys }: Wanted<Key>,
  onFailure: (error: RedisError) => Effect.Effect<ReadonlyMap<Key, Value>, RedisError> = (error) =>
    missOrFail(binding, keys.length, error)
): Effect.Effect<ReadonlyMap<Key, Value>, RedisError> => {
  const judged: Reply<ReadonlyArray<Judged>, ReadonlyMap<Key, Value>, RedisError, never> = {
    onSuccess: (entries, now) => {
      const found = new Found(binding, keys.length)
      for (let i = 0; i < keys.length; i++) {
        const { bytes, invalidated, reading } = entries[i]!
        found.add(redisKeys[i]!, keys[i]!, bytes, now, invalidated, reading)
      }
      return found.all
    },
    onFailure
  }
  const targets = () => keys.map((key, i) => ({ redisKey: redisKeys[i]!, tags: binding.keyTags(key) }))
  if (binding.near !== undefined || binding.model.policy.tags !== undefined) {
    return binding.readManyFilling(targets(), judged)
  }
  return binding.runtime.driver.getMany(redisKeys, {
    onSuccess: (values, now, first) => {
      // Tags may have been given with a write.
      if (values.some((bytes) => bytes !== undefined && Entry.hasTags(bytes))) {
        return binding.judgeMany(targets(), values, new Map(), now, first, judged)
      }
      const found = new Found(binding, keys.length)
      for (let i = 0; i < keys.length; i++) found.add(redisKeys[i]!, keys[i]!, values[i], now)
      return found.all
    },
    onFailure
  })
}

/** In whole milliseconds, since that is what an entry's end is in; at least one, since it is fresh. */
export const remaining = (until: number, now: number): Duration.Duration =>
  Duration.millis(Math.max(1, Math.floor(until - now)))

export const timeToLive = <Key, Value>(
  model: Model<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Duration.Duration>, Failure, Redis> =>
  withKey(model, key, (binding, redisKey) => {
    const found = Effect.gen(function*() {
      const entry = yield* readOne(binding, key, redisKey)
      const value = yield* binding.freshValue(entry, redisKey, entry.now)
      if (Option.isNone(value) || entry.bytes === undefined) return Option.none()
      if (model.kind === "entry") {
        const until = Entry.freshUntil(entry.bytes)
        return Option.some(until === 0 ? Duration.infinity : remaining(until, entry.now))
      }
      const stored = yield* binding.runtime.driver.inspect(redisKey)
      return stored === undefined
        ? Option.none()
        : Option.some(stored.life === undefined ? Duration.infinity : Duration.millis(stored.life))
    })
    if (!model.policy.bypass) return found
    return Effect.catchAll(found, (error) => Effect.as(binding.bypassed(error, redisKey), Option.none()))
  })

/** Enough for the header, a lease and some tags. */
const headSize = 256

export const keys = <Key, Value>(model: Model<Key, Value>): Stream.Stream<string, RedisError, Redis> =>
  Stream.unwrap(Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const { driver } = binding.runtime
    const { prefix } = binding
    const page = (redisKeysOfPage: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, RedisError> =>
      Effect.gen(function*() {
        const unique = [...new Set(redisKeysOfPage)]
        const heads = yield* driver.heads(unique, headSize)
        const whole = unique.filter((_, i) => heads[i] !== undefined && Entry.hasTags(heads[i]))
        const targets = whole.map((redisKey) => ({ redisKey, tags: [] }))
        const tagged = yield* binding.readMany(targets, {
          onSuccess: (entries) => Effect.succeed(new Map(whole.map((key, i) => [key, entries[i]!]))),
          onFailure: (error) => Effect.fail(error)
        })
        const clock = yield* Effect.clock
        const now = driver.unsafeNow(clock)
        return unique
          .filter((redisKey, i) => {
            const entry = tagged.get(redisKey) ?? { bytes: heads[i], invalidated: false }
            return !entry.invalidated && isFresh(model, entry.bytes, now)
          })
          .map((redisKey) => model.keys.text(redisKey.slice(prefix.length)))
      })
    return Effect.succeed(Stream.flattenIterables(Stream.mapEffect(driver.scan(prefix), page)))
  }))
