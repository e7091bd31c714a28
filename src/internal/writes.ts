/** Operations that write or delete. Each detaches loads in flight here when it is called and when it is answered. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type CodecError, RedisError } from "../CacheError.js"
import type { Write } from "../Driver.js"
import type { Redis } from "../Redis.js"
import { bind, type Binding } from "./binding.js"
import * as Entry from "./entry.js"
import type { Model } from "./model.js"
import { toLife, wholeLife } from "./policy.js"
import { readOne } from "./reads.js"
import { dropOrFail } from "./replies.js"

type Failure = RedisError | CodecError

/** What one write may ask for beside the policy. */
export interface WriteOptions {
  /** The life of this entry, instead of the policy's. More than zero. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** Tags of this entry, beside the policy's. */
  readonly tags?: ReadonlyArray<string> | undefined
}

/** Detaches before the operation is sent and when it ends, however it ends. */
const detaching = <A, E, R, Key, Value>(
  binding: Binding<Key, Value>,
  redisKeys: ReadonlyArray<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const detach = () => {
    for (const redisKey of redisKeys) binding.runtime.flights.detach(redisKey)
  }
  return Effect.suspend(() => {
    detach()
    return Effect.ensuring(effect, Effect.sync(detach))
  })
}

/** The fresh life that a write asks for: its own, or the policy's. Zero: it is not to be stored. */
const lifeOf = <Key, Value>(
  binding: Binding<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions
): Either.Either<number | undefined, CodecError> => {
  if (options.timeToLive !== undefined) return explicitLife(binding, options.timeToLive)
  const { life } = binding.model.policy
  return Either.right(life._tag === "Fixed" ? life.millis : life.of(value, key))
}

const explicitLife = <Key, Value>(
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

/** What is to be written: `bytes` is `undefined` where the policy says that this value is not to be stored. */
interface Prepared {
  readonly bytes: Uint8Array | undefined
  readonly life: number | undefined
}

const notStored: Prepared = { bytes: undefined, life: undefined }

/** An entry without tags and jitter, in one go; `undefined` where it takes more. */
const prepareSync = <Key, Value>(
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
  if (life.right === 0) return Either.right(notStored)
  return Either.right({
    bytes: binding.entry(payload.right, binding.freshUntil(life.right, clock), 0, noTags),
    life: wholeLife(binding.model.policy, life.right)
  })
}

const noTags: ReadonlyArray<Entry.StoredTag> = []

/** An entry; its tags' epochs are read first. */
const prepare = <Key, Value>(
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
    if (life === 0) return notStored
    const names = tagsOf(binding, key, value, options)
    const refused = binding.refuseTags(names)
    if (refused !== undefined) return yield* refused
    const whole = wholeLife(binding.model.policy, life)
    const tags = yield* binding.epochs(names, whole)
    return {
      bytes: binding.entry(payload, binding.freshUntil(life, clock), 0, tags),
      life: whole
    }
  })

const noOptions: WriteOptions = {}

export const set = <Key, Value>(
  model: Model<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions = noOptions
): Effect.Effect<void, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
    const clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
    const prepared = prepareSync(binding, key, redisKey.right, value, options, clock)
    if (prepared !== undefined) {
      return Either.isLeft(prepared)
        ? Effect.fail(prepared.left)
        : send(binding, redisKey.right, prepared.right)
    }
    const sent = Effect.flatMap(
      prepare(binding, key, redisKey.right, value, options),
      (ready) => send(binding, redisKey.right, ready)
    )
    return detaching(binding, [redisKey.right], dropping(binding, sent))
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
  redisKey: string,
  { bytes, life }: Prepared
): Effect.Effect<void, RedisError> => {
  binding.runtime.flights.detach(redisKey)
  // What was there before must not outlive a newer value that is not stored.
  if (bytes === undefined) return forget(binding, [redisKey])
  return binding.runtime.driver.set({ key: redisKey, bytes, life }, binding.setReply)
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
    const ready: Array<readonly [redisKey: string, prepared: Prepared]> = []
    for (const [key, value] of pairs) {
      const redisKey = binding.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      entries.push([key, redisKey.right, value])
      const prepared = prepareSync(binding, key, redisKey.right, value, options, clock)
      if (prepared === undefined) continue
      if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
      ready.push([redisKey.right, prepared.right])
    }
    if (ready.length === entries.length) return sendMany(binding, ready)
    const sent = Effect.flatMap(
      prepareMany(binding, entries, options),
      (prepared) => sendMany(binding, prepared)
    )
    return detaching(binding, entries.map(([, redisKey]) => redisKey), dropping(binding, sent))
  })

/** Entries with tags or jitter: the epochs of all their tags are read in one round trip. */
const prepareMany = <Key, Value>(
  binding: Binding<Key, Value>,
  entries: ReadonlyArray<readonly [key: Key, redisKey: string, value: Value]>,
  options: WriteOptions
): Effect.Effect<ReadonlyArray<readonly [redisKey: string, prepared: Prepared]>, Failure> =>
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
    return parts.map(({ life, names, payload, redisKey }) =>
      [
        redisKey,
        life === 0 ? notStored : {
          bytes: binding.entry(
            payload,
            binding.freshUntil(life, clock),
            0,
            tags.filter((tag) => names.includes(tag.name))
          ),
          life: wholeLife(policy, life)
        }
      ] as const
    )
  })

const sendMany = <Key, Value>(
  binding: Binding<Key, Value>,
  prepared: ReadonlyArray<readonly [redisKey: string, prepared: Prepared]>
): Effect.Effect<void, RedisError> => {
  // The last value of a key wins, as in a record.
  const last = new Map(prepared)
  const writes: Array<Write> = []
  const dropped: Array<string> = []
  for (const [key, { bytes, life }] of last) {
    if (bytes === undefined) dropped.push(key)
    else writes.push({ key, bytes, life })
  }
  const detach = () => {
    for (const key of last.keys()) binding.runtime.flights.detach(key)
  }
  detach()
  const written = writes.length === 0 ? Exit.void : binding.runtime.driver.setMany(writes, {
    onSuccess: () => {
      detach()
      binding.recorder.write(writes.length)
      return Exit.void
    },
    onFailure: (error) => {
      detach()
      return dropOrFail(binding, error)
    }
  })
  return dropped.length === 0
    ? written
    : Effect.zipRight(written, forget(binding, dropped))
}

/** How often a compare-and-set is tried against other writers. */
const maxTries = 64

export const setIfAbsent = <Key, Value>(
  model: Model<Key, Value>,
  key: Key,
  value: Value,
  options: WriteOptions = noOptions
): Effect.Effect<boolean, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
    const stored = Effect.gen(function*() {
      const ready = yield* prepare(binding, key, redisKey.right, value, options)
      // Most often nothing is there: so the first try is made without a look.
      let seen: Uint8Array | undefined
      for (let tries = 0; tries < maxTries; tries++) {
        const swapped = yield* swap(binding, redisKey.right, seen, ready)
        if (swapped.done) return ready.bytes !== undefined
        const entry = yield* judge(binding, key, redisKey.right, swapped.found)
        const fresh = yield* binding.freshValue(entry, redisKey.right, entry.now)
        if (Either.isRight(fresh)) return false
        seen = entry.bytes
      }
      return yield* conflict("setIfAbsent")
    })
    const dropped = model.policy.bypass
      ? Effect.catchTag(stored, "RedisError", (error) => Effect.as(dropOrFail(binding, error), false))
      : stored
    return detaching(binding, [redisKey.right], dropped)
  })

const conflict = (operation: string) =>
  new RedisError({
    reason: "Conflict",
    operation,
    cause: new Error(`other writers changed the entry at each of ${maxTries} tries`)
  })

const swap = <Key, Value>(
  binding: Binding<Key, Value>,
  key: string,
  seen: Uint8Array | undefined,
  { bytes, life }: Prepared
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
      (entry, i) => Effect.map(binding.freshValue(entry, redisKeys[i]!, now), Either.getRight)
    )
  }).pipe((taken) => detaching(binding, redisKeys, taken))
}

export const take = <Key, Value>(
  model: Model<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
    return Effect.map(takeAll(binding, [[key, redisKey.right]]), ([value]) => {
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

export const touch = <Key, Value>(
  model: Model<Key, Value>,
  key: Key,
  timeToLive: Duration.DurationInput
): Effect.Effect<boolean, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
    const touched = Effect.gen(function*() {
      const life = yield* explicitLife(binding, timeToLive)
      const clock = yield* Effect.clock
      for (let tries = 0; tries < maxTries; tries++) {
        const entry = yield* readOne(binding, key, redisKey.right)
        const fresh = yield* binding.freshValue(entry, redisKey.right, entry.now)
        if (Either.isLeft(fresh) || entry.bytes === undefined) return false
        const whole = wholeLife(model.policy, life)
        // Its tags must live as long as it does.
        yield* binding.epochs(
          (model.kind === "entry" ? Entry.tags(entry.bytes) ?? [] : []).map((tag) => tag.name),
          whole
        )
        const done = yield* binding.runtime.driver.touch(
          { key: redisKey.right, seen: entry.bytes, freshUntil: binding.freshUntil(life, clock), life: whole },
          model.kind
        )
        if (done) return true
      }
      return yield* conflict("touch")
    })
    return model.policy.bypass
      ? Effect.catchTag(touched, "RedisError", (error) => Effect.as(dropOrFail(binding, error), false))
      : touched
  })

export const increment = <Key>(
  model: Model<Key, number>,
  key: Key,
  delta: number
): Effect.Effect<number, Failure, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
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
        const [before] = yield* binding.runtime.driver.take([redisKey.right])
        const found = before === undefined ? undefined : binding.decode(before, redisKey.right)
        return (found !== undefined && Either.isRight(found) ? found.right : 0) + delta
      }
      const sum = yield* binding.runtime.driver.increment({ key: redisKey.right, delta, life })
      binding.recorder.write()
      return sum
    })
    return detaching(binding, [redisKey.right], added)
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
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
    const modified = Effect.gen(function*() {
      for (let tries = 0; tries < maxTries; tries++) {
        const before = yield* tagsBefore(binding, key, options)
        const entry = yield* readOne(binding, key, redisKey.right)
        const found = Either.getRight(yield* binding.freshValue(entry, redisKey.right, entry.now))
        const answer = f(found)
        // An Option is an Effect too, one that fails where it is none; here it is a plain value.
        const next = Option.isOption(answer) ? answer : yield* answer
        if (Option.isNone(next) && Option.isNone(found)) return next
        const ready = Option.isNone(next)
          ? notStored
          : yield* prepare(binding, key, redisKey.right, next.value, options)
        if (!(yield* tagsHold(binding, before, ready))) continue
        const swapped = yield* swap(binding, redisKey.right, entry.bytes, ready)
        if (swapped.done) return next
      }
      return yield* conflict("modify")
    })
    return detaching(binding, [redisKey.right], modified)
  })

export const flush = <Key, Value>(model: Model<Key, Value>): Effect.Effect<number, RedisError, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const binding = bind(fiber, model)
    const { driver, flights } = binding.runtime
    const detach = Effect.sync(() => flights.detachAll(binding.prefix))
    // While one page is removed the next is found.
    const removals = Stream.mapEffect(driver.scan(binding.prefix), (page) => driver.remove(page), {
      concurrency: 2,
      unordered: true
    })
    const flushed = Stream.runFold(removals, 0, (sum, removed) => sum + removed)
    return Effect.zipRight(detach, Effect.ensuring(flushed, detach))
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
    const { driver, flights, random } = binding.runtime
    const detach = Effect.sync(() => flights.detachAll(binding.prefix))
    // The generation first: a load that reads a tag's new epoch must find the generation changed.
    const replaced = driver.replaceEpochs(
      [binding.generationKey, ...tags.map((tag) => binding.tagKey(tag))].map((key) => ({
        key,
        epoch: random.make(Entry.epochSize)
      }))
    )
    return Effect.zipRight(detach, Effect.ensuring(replaced, detach))
  })
