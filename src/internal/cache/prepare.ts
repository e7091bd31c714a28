/** Prepares a value for writing: its life, its tags, and the bytes of its entry. */
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Random from "effect/Random"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { CacheDefinition } from "../definition/definition.js"
import { toLife } from "../definition/lives.js"
import { wholeLife } from "../definition/policy.js"
import type { Write } from "../driver/driver.js"
import { build, payload } from "../entry/build.js"
import type * as Entry from "../entry/format.js"
import { refuseTags } from "../entry/tags.js"
import type { CacheInstance } from "./instance.js"

/** What one write may set in addition to the policy. */
export interface WriteOptions {
  /** The life of this entry, instead of the policy's. More than zero. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** Tags of this entry, in addition to the policy's. */
  readonly tags?: ReadonlyArray<string> | undefined
}

export const noOptions: WriteOptions = {}

/**
 * What is to be written: `bytes` is `undefined` if the policy says that this value must not be stored.
 *
 * It is a class, since there is one for each write. V8 may assume that objects from an object literal in busy code will
 * live long, and allocates them in the old space. Each then keeps what it refers to until the whole heap is collected
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

// ---- lives

/** The fresh life of a write: its own, or the policy's. Zero: it must not be stored. */
export const lifeOf = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions
): Either.Either<number | undefined, CodecError> => {
  if (options.timeToLive !== undefined) return explicitLife(cache, options.timeToLive)
  const { life } = cache.policy
  return Either.right(life._tag === "Fixed" ? life.millis : life.of(value, key))
}

export const explicitLife = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  timeToLive: Duration.DurationInput
): Either.Either<number | undefined, CodecError> => {
  const life = toLife(timeToLive)
  return life !== 0 ? Either.right(life) : Either.left(cache.codecError("option", {
    path: "timeToLive",
    detail: `timeToLive must be a duration longer than zero, got ${String(timeToLive)}`
  }))
}

/** A life shortened by the policy's jitter, so that entries written together do not expire together. */
export const jittered = <Key, Value>(
  { policy: { jitter } }: CacheDefinition<Key, Value>,
  life: number | undefined
): Effect.Effect<number | undefined> =>
  jitter === 0 || life === undefined || life === 0
    ? Effect.succeed(life)
    : Effect.map(Random.next, (random) => Math.max(1, Math.ceil(life * (1 - jitter * random))))

// ---- tags

/** Fails if an entry cannot have these tags. */
export const checkTags = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  tags: ReadonlyArray<string>
): CodecError | undefined => {
  const issue = refuseTags(tags)
  return issue === undefined ? undefined : cache.codecError("option", issue)
}

/** All tags of an entry. */
export const tagsOf = <Key, Value>(
  cache: CacheDefinition<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions
): ReadonlyArray<string> => {
  const { valueTags } = cache.policy
  if (valueTags === undefined && options.tags === undefined) return cache.keyTags(key)
  return [...new Set([...cache.keyTags(key), ...(options.tags ?? []), ...(valueTags?.(value, key) ?? [])])]
}

// ---- entries

/** An encoded value with its life, without its tags' epochs. */
export interface Draft {
  readonly redisKey: string
  readonly payload: Uint8Array
  /** In ms, more than zero. `undefined`: it never expires. */
  readonly life: number | undefined
  readonly loadMillis: number
  readonly failure: boolean
}

/** The entry of a draft, whose life begins now. */
export const finish = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  draft: Draft,
  tags: ReadonlyArray<Entry.StoredTag>,
  clock: Clock.Clock
): Prepared => {
  const { definition, runtime } = instance
  const { failure, life, loadMillis, payload, redisKey } = draft
  const freshUntil = instance.freshUntil(life, clock)
  const bytes = build(definition, { payload, freshUntil, loadMillis, failure, tags }, runtime.random)
  return new Prepared(redisKey, bytes, wholeLife(definition.policy, life))
}

const noTags: ReadonlyArray<Entry.StoredTag> = []

/** Prepares a write without tags and jitter synchronously; `undefined` if there may be either. */
export const prepareSync = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  key: Key,
  redisKey: string,
  value: Value,
  options: WriteOptions,
  clock: Clock.Clock
): Either.Either<Prepared, CodecError> | undefined => {
  const { definition } = instance
  const { jitter, tags, valueTags } = definition.policy
  // The functions are not called to find out: they run once for each write.
  if (jitter !== 0 || tags !== undefined || valueTags !== undefined || options.tags !== undefined) return undefined
  const life = lifeOf(definition, key, value, options)
  if (Either.isLeft(life)) return Either.left(life.left)
  const encoded = payload(definition, value, redisKey)
  if (Either.isLeft(encoded)) return Either.left(encoded.left)
  if (life.right === 0) return Either.right(notStored(redisKey))
  const draft = { redisKey, payload: encoded.right, life: life.right, loadMillis: 0, failure: false }
  return Either.right(finish(instance, draft, noTags, clock))
}

/** A value to be written. */
export type Pair<Key, Value> = readonly [key: Key, redisKey: string, value: Value]

/** Writes with tags or jitter: the epochs of all their tags are read in one round trip. */
export const prepareMany = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  pairs: ReadonlyArray<Pair<Key, Value>>,
  options: WriteOptions
): Effect.Effect<ReadonlyArray<Prepared>, RedisError | CodecError> =>
  Effect.gen(function*() {
    const { definition } = instance
    const clock = yield* Effect.clock
    const drafts: Array<{ readonly draft: Draft; readonly names: ReadonlyArray<string>; readonly stored: boolean }> = []
    let longest: number | undefined = 0
    for (const [key, redisKey, value] of pairs) {
      const life = yield* jittered(definition, yield* lifeOf(definition, key, value, options))
      const draft = {
        redisKey,
        payload: yield* payload(definition, value, redisKey),
        life,
        loadMillis: 0,
        failure: false
      }
      if (life === 0) {
        drafts.push({ draft, names: [], stored: false })
        continue
      }
      const names = tagsOf(definition, key, value, options)
      const refused = checkTags(definition, names)
      if (refused !== undefined) return yield* refused
      const whole = wholeLife(definition.policy, life)
      longest = longest === undefined || whole === undefined ? undefined : Math.max(longest, whole)
      drafts.push({ draft, names, stored: true })
    }
    const tags = yield* instance.tags.ensure([...new Set(drafts.flatMap(({ names }) => names))], longest)
    return drafts.map(({ draft, names, stored }) =>
      stored
        ? finish(instance, draft, tags.filter((tag) => names.includes(tag.name)), clock)
        : notStored(draft.redisKey)
    )
  })

/** One write. */
export const prepare = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  key: Key,
  redisKey: string,
  value: Value,
  options: WriteOptions
): Effect.Effect<Prepared, RedisError | CodecError> =>
  Effect.flatMap(Effect.clock, (clock) =>
    prepareSync(instance, key, redisKey, value, options, clock) ??
      Effect.map(prepareMany(instance, [[key, redisKey, value]], options), ([prepared]) => prepared!))
