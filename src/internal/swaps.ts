/** Operations that write what depends on what is there: compare-and-set, or one atomic step. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CodecError, RedisError } from "../CacheError.js"
import type { Redis } from "../Redis.js"
import { type Binding, withKey } from "./binding.js"
import { detaching, evicting } from "./detaching.js"
import * as Entry from "./entry.js"
import type { Model } from "./model.js"
import { wholeLife } from "./policy.js"
import { explicitLife, lifeOf, noOptions, notStored, prepare, type Prepared, type WriteOptions } from "./prepare.js"
import { readOne } from "./reads.js"
import { dropOrFail } from "./replies.js"

type Failure = RedisError | CodecError

/** How often a compare-and-set is tried against other writers. */
const maxTries = 64

export const setIfAbsent = <Key, Value>(
  model: Model<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions = noOptions
): Effect.Effect<boolean, Failure, Redis> =>
  withKey(model, key, (binding, redisKey) => {
    const stored = Effect.gen(function*() {
      const ready = yield* prepare(binding, key, redisKey, value, options)
      // Most often nothing is there: so the first try is made without a look.
      let seen: Uint8Array | undefined
      for (let tries = 0; tries < maxTries; tries++) {
        const swapped = yield* swap(binding, seen, ready)
        if (swapped.done) return ready.bytes !== undefined
        const entry = yield* judge(binding, key, redisKey, swapped.found)
        const fresh = yield* binding.freshValue(entry, redisKey, entry.now)
        if (Option.isSome(fresh)) return false
        seen = entry.bytes
      }
      return yield* conflict("setIfAbsent")
    })
    const dropped = model.policy.bypass
      ? Effect.catchTag(stored, "RedisError", (error) => Effect.as(dropOrFail(binding, error), false))
      : stored
    return detaching(binding, [redisKey], dropped)
  })

const conflict = (operation: string) =>
  new RedisError({
    reason: "Conflict",
    operation,
    cause: new Error(`other writers changed the entry at each of ${maxTries} tries`)
  })

const swap = <Key, Value>(
  binding: Binding<Key, Value>,
  seen: Uint8Array | undefined,
  { bytes, key, life }: Prepared
) =>
  Effect.map(binding.runtime.driver.swap({ key, seen, bytes, life }, binding.model.kind), (swapped) => {
    if (swapped.done && bytes !== undefined) binding.recorder.write()
    return swapped
  })

/** Judges the tags of an entry that an operation was answered with. */
const judge = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  redisKey: string,
  found: Uint8Array | undefined
) =>
  Effect.flatMap(Effect.clock, (clock) =>
    binding.judgeMany(
      [{ redisKey, tags: binding.keyTags(key) }],
      [found],
      new Map(),
      binding.runtime.driver.unsafeNow(clock),
      redisKey,
      {
        onSuccess: ([entry], now) => Effect.succeed({ ...entry!, now }),
        onFailure: (error) => Effect.fail(error)
      }
    ))

export const touch = <Key, Value>(
  model: Model<Key, Value>,
  key: Key,
  timeToLive: Duration.DurationInput
): Effect.Effect<boolean, Failure, Redis> =>
  withKey(model, key, (binding, redisKey) => {
    const touched = Effect.gen(function*() {
      const life = yield* explicitLife(binding, timeToLive)
      const clock = yield* Effect.clock
      for (let tries = 0; tries < maxTries; tries++) {
        const entry = yield* readOne(binding, key, redisKey)
        const fresh = yield* binding.freshValue(entry, redisKey, entry.now)
        if (Option.isNone(fresh) || entry.bytes === undefined) return false
        const whole = wholeLife(model.policy, life)
        // Its tags must live as long as it does.
        yield* binding.epochs(
          (model.kind === "entry" ? Entry.tags(entry.bytes) ?? [] : []).map((tag) => tag.name),
          whole
        )
        const done = yield* binding.runtime.driver.touch(
          {
            key: redisKey,
            seen: entry.bytes,
            freshUntil: binding.freshUntil(life, clock),
            life: whole,
            leaseLife: model.policy.leaseLife
          },
          model.kind
        )
        if (done) return true
      }
      return yield* conflict("touch")
    })
    const dropped = model.policy.bypass
      ? Effect.catchTag(touched, "RedisError", (error) => Effect.as(dropOrFail(binding, error), false))
      : touched
    return evicting(binding.runtime, [redisKey], dropped)
  })

export const increment = <Key>(
  model: Model<Key, number>,
  key: Key,
  delta: number
): Effect.Effect<number, Failure, Redis> =>
  withKey(model, key, (binding, redisKey) => {
    if (!Number.isSafeInteger(delta)) {
      return Effect.fail(
        binding.codecError("value", {
          path: "delta",
          detail: `a counter is incremented by whole numbers, got ${delta}`
        })
      )
    }
    const added = Effect.gen(function*() {
      const life = yield* binding.jittered(yield* lifeOf(binding, key, delta, noOptions))
      if (life === 0) {
        // As with any write that is not to be stored: what was there does not outlive it.
        const [before] = yield* binding.runtime.driver.take([redisKey])
        const clock = yield* Effect.clock
        const now = binding.runtime.driver.unsafeNow(clock)
        const found = yield* binding.freshValue({ bytes: before, invalidated: false }, redisKey, now)
        return Option.getOrElse(found, () => 0) + delta
      }
      const sum = yield* binding.runtime.driver.increment({ key: redisKey, delta, life })
      binding.recorder.write()
      return sum
    })
    return detaching(binding, [redisKey], added)
  })

/** Tags as they are before an entry is read whose successor is made of it; `undefined` where there can be none. */
interface TagsBefore {
  readonly known: ReadonlyArray<Entry.StoredTag>
  readonly generation: Uint8Array | undefined
}

const tagsBefore = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  options: WriteOptions
): Effect.Effect<TagsBefore | undefined, Failure> =>
  Effect.gen(function*() {
    const names = [...new Set([...binding.keyTags(key), ...(options.tags ?? [])])]
    const { leaseMaxDuration, valueTags } = binding.model.policy
    if (names.length === 0 && valueTags === undefined) return undefined
    const refused = binding.refuseTags(names)
    if (refused !== undefined) return yield* refused
    return {
      generation: valueTags === undefined ? undefined : yield* binding.generation(leaseMaxDuration),
      known: yield* binding.epochs(names, leaseMaxDuration)
    }
  })

/**
 * Whether none of a new entry's tags was invalidated since: else it would carry on, under the tags' new epochs, what
 * was made of an entry that is gone.
 */
const tagsHold = <Key, Value>(
  binding: Binding<Key, Value>,
  before: TagsBefore | undefined,
  { bytes }: Prepared
): Effect.Effect<boolean, RedisError> => {
  if (before === undefined || bytes === undefined) return Effect.succeed(true)
  const { generation, known } = before
  const now = Entry.tags(bytes) ?? []
  const unchanged = known.every(({ epoch, name }) =>
    now.some((tag) => tag.name === name && Entry.sameBytes(tag.epoch, epoch))
  )
  return generation === undefined || !unchanged
    ? Effect.succeed(unchanged)
    : Effect.map(
      binding.generation(binding.model.policy.leaseMaxDuration),
      (later) => Entry.sameBytes(later, generation)
    )
}

export const modify = <Key, Value, E, R>(
  model: Model<Key, Value>,
  key: Key,
  f: (found: Option.Option<Value>) => Effect.Effect<Option.Option<Value>, E, R> | Option.Option<Value>,
  options: WriteOptions = noOptions
): Effect.Effect<Option.Option<Value>, E | Failure, R | Redis> =>
  withKey(model, key, (binding, redisKey) => {
    const modified = Effect.gen(function*() {
      for (let tries = 0; tries < maxTries; tries++) {
        const before = yield* tagsBefore(binding, key, options)
        const entry = yield* readOne(binding, key, redisKey)
        const found = yield* binding.freshValue(entry, redisKey, entry.now)
        const answer = f(found)
        // An Option is an Effect too, one that fails where it is none; here it is a plain value.
        const next = Option.isOption(answer) ? answer : yield* answer
        // None deletes whatever is there: a stale value could still be served, and a load in flight would store another.
        const ready = Option.isNone(next)
          ? notStored(redisKey)
          : yield* prepare(binding, key, redisKey, next.value, options)
        if (!(yield* tagsHold(binding, before, ready))) continue
        const swapped = yield* swap(binding, entry.bytes, ready)
        if (swapped.done) return next
      }
      return yield* conflict("modify")
    })
    return detaching(binding, [redisKey], modified)
  })
