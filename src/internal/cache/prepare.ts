/** What becomes of a value before it is written: its life, its tags, the bytes of its entry. */
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Write } from "../../Driver.js"
import { toLife, wholeLife } from "../definition/policy.js"
import type * as Entry from "../entry/format.js"
import type { Binding } from "./instance.js"

type Failure = RedisError | CodecError

/** What one write may ask for beside the policy. */
export interface WriteOptions {
  /** The life of this entry, instead of the policy's. More than zero. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** Tags of this entry, beside the policy's. */
  readonly tags?: ReadonlyArray<string> | undefined
}

/** The fresh life that a write asks for: its own, or the policy's. Zero: it is not to be stored. */
export const lifeOf = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions
): Either.Either<number | undefined, CodecError> => {
  if (options.timeToLive !== undefined) return explicitLife(binding, options.timeToLive)
  const { life } = binding.model.policy
  return Either.right(life._tag === "Fixed" ? life.millis : life.of(value, key))
}

export const explicitLife = <Key, Value>(
  binding: Binding<Key, Value>,
  timeToLive: Duration.DurationInput
): Either.Either<number | undefined, CodecError> => {
  const life = toLife(timeToLive)
  return life !== 0 ? Either.right(life) : Either.left(binding.codecError("value", {
    path: "timeToLive",
    detail: `timeToLive must be a duration of more than zero, got ${String(timeToLive)}`
  }))
}

const tagsOf = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions
): ReadonlyArray<string> => {
  const { valueTags } = binding.model.policy
  if (valueTags === undefined && options.tags === undefined) return binding.keyTags(key)
  return [...new Set([...binding.keyTags(key), ...(options.tags ?? []), ...(valueTags?.(value, key) ?? [])])]
}

/**
 * What is to be written: `bytes` is `undefined` where the policy says that this value is not to be stored.
 *
 * A class, since there is one for each write: V8 may take it that whatever an object literal in busy code makes will
 * live on, and makes it old at once; each then keeps what it refers to until the whole heap is collected
 * (https://research.google/pubs/memento-mori-dynamic-allocation-site-based-optimizations/).
 */
export class Prepared {
  constructor(
    readonly key: string,
    readonly bytes: Uint8Array | undefined,
    readonly life: number | undefined
  ) {}
}

export const notStored = (redisKey: string): Prepared => new Prepared(redisKey, undefined, undefined)

export const isStored = (prepared: Prepared): prepared is Prepared & Write => prepared.bytes !== undefined

/** An entry without tags and jitter, in one go; `undefined` where it takes more. */
export const prepareSync = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  redisKey: string,
  value: Value,
  options: WriteOptions,
  clock: Clock.Clock
): Either.Either<Prepared, CodecError> | undefined => {
  if (binding.model.policy.jitter !== 0 || tagsOf(binding, key, value, options).length > 0) return undefined
  const life = lifeOf(binding, key, value, options)
  if (Either.isLeft(life)) return Either.left(life.left)
  const payload = binding.payload(value, redisKey)
  if (Either.isLeft(payload)) return Either.left(payload.left)
  if (life.right === 0) return Either.right(notStored(redisKey))
  const bytes = binding.entry(payload.right, binding.freshUntil(life.right, clock), 0, noTags)
  return Either.right(new Prepared(redisKey, bytes, wholeLife(binding.model.policy, life.right)))
}

const noTags: ReadonlyArray<Entry.StoredTag> = []

/** An entry; its tags' epochs are read first. */
export const prepare = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  redisKey: string,
  value: Value,
  options: WriteOptions
): Effect.Effect<Prepared, Failure> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const sync = prepareSync(binding, key, redisKey, value, options, clock)
    if (sync !== undefined) return yield* sync
    const life = yield* binding.jittered(yield* lifeOf(binding, key, value, options))
    const payload = yield* binding.payload(value, redisKey)
    if (life === 0) return notStored(redisKey)
    const names = tagsOf(binding, key, value, options)
    const refused = binding.refuseTags(names)
    if (refused !== undefined) return yield* refused
    const whole = wholeLife(binding.model.policy, life)
    const tags = yield* binding.epochs(names, whole)
    return new Prepared(redisKey, binding.entry(payload, binding.freshUntil(life, clock), 0, tags), whole)
  })

export const noOptions: WriteOptions = {}

/** Entries with tags or jitter: the epochs of all their tags are read in one round trip. */
export const prepareMany = <Key, Value>(
  binding: Binding<Key, Value>,
  entries: ReadonlyArray<readonly [key: Key, redisKey: string, value: Value]>,
  options: WriteOptions
): Effect.Effect<ReadonlyArray<Prepared>, Failure> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const { policy } = binding.model
    const parts: Array<
      { redisKey: string; payload: Uint8Array; life: number | undefined; names: ReadonlyArray<string> }
    > = []
    let longest: number | undefined = 0
    for (const [key, redisKey, value] of entries) {
      const life = yield* binding.jittered(yield* lifeOf(binding, key, value, options))
      const payload = yield* binding.payload(value, redisKey)
      const names = tagsOf(binding, key, value, options)
      const refused = binding.refuseTags(names)
      if (refused !== undefined) return yield* refused
      if (life === 0) {
        parts.push({ redisKey, payload, life, names: [] })
        continue
      }
      const whole = wholeLife(policy, life)
      longest = longest === undefined || whole === undefined ? undefined : Math.max(longest, whole)
      parts.push({ redisKey, payload, life, names })
    }
    const tags = yield* binding.epochs([...new Set(parts.flatMap(({ names }) => names))], longest)
    return parts.map(({ life, names, payload, redisKey }) => {
      if (life === 0) return notStored(redisKey)
      const own = tags.filter((tag) => names.includes(tag.name))
      const bytes = binding.entry(payload, binding.freshUntil(life, clock), 0, own)
      return new Prepared(redisKey, bytes, wholeLife(policy, life))
    })
  })
