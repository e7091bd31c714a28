/**
 * A cache on one `Redis` instance: where its entries lie, what makes one fresh, stale or absent, how they are read and
 * written. Loads are in `load.ts`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { CodecError, type RedisError } from "../CacheError.js"
import type { Reply } from "../Driver.js"
import { Redis } from "../Redis.js"
import type { CodecContext, CodecIssue } from "./codec/codec.js"
import * as Entry from "./entry.js"
import { absence, judge, type Verdict } from "./entry/verdict.js"
import { type EntryReply, type Epochs, Filling, type TagReader } from "./entryReply.js"
import { stringKeys } from "./keySpace.js"
import { Permits } from "./load/permits.js"
import { Refreshes } from "./load/refreshes.js"
import type { Model } from "./model.js"
import type { Copy } from "./near/copies.js"
import { Near, type NearRead } from "./near/near.js"
import { Recorder } from "./recorder.js"
import { GetReply, SetReply } from "./replies.js"
import type { Runtime } from "./runtime.js"
import { generationKey, refuseTags, tagKey } from "./tagKeys.js"

/** Undecodable entries of one cache are logged at most this often. */
const logEveryMillis = 60_000

/** Whether an entry's tags hold, given these epochs; else the names whose epochs must be read to know. */
const judgeTags = (
  bytes: Uint8Array,
  required: ReadonlyArray<string>,
  epochs: Epochs
): "Hold" | "Broken" | ReadonlyArray<string> => {
  const tags = Entry.tags(bytes)
  // Tags that are cut short are found out by what decodes the entry.
  if (tags === undefined) return "Hold"
  for (const name of required) if (!tags.some((tag) => tag.name === name)) return "Broken"
  const unknown: Array<string> = []
  for (const { epoch, name } of tags) {
    if (!epochs.has(name)) {
      unknown.push(name)
      continue
    }
    const current = epochs.get(name)
    if (current === undefined || !Entry.sameBytes(current, epoch)) return "Broken"
  }
  return unknown.length === 0 ? "Hold" : unknown
}

/** One key to be read: its Redis key and the tags that the policy gives it. */
export interface Target {
  readonly redisKey: string
  readonly tags: ReadonlyArray<string>
  /** The read may fill the near tier. */
  readonly reading?: NearRead | undefined
}

/** An entry that was read, its tags judged. */
export interface Judged {
  readonly bytes: Uint8Array | undefined
  readonly invalidated: boolean
  /** Where it is to be kept, if it is fresh. */
  readonly reading?: NearRead | undefined
}

export class Binding<in out Key, in out Value> implements TagReader {
  /** `<prefix><name>:` */
  readonly prefix: string
  readonly recorder: Recorder
  readonly permits: Permits | undefined
  readonly refreshes: Refreshes
  /** The store has taken what was last to be stored: otherwise loads ask it all the same, and callers do not rely on it. */
  storing = true
  /** What plain gets and sets are answered with: one of each, so that a hit allocates none. */
  readonly getReply: EntryReply<Option.Option<Value>, RedisError, never>
  readonly setReply: Reply<void, void, RedisError, never>
  readonly near: Near | undefined
  private nextLog = 0
  /** When each warning may be given again, on a clock that never jumps. */
  private readonly nextWarnings = new Map<string, number>()

  constructor(readonly runtime: Runtime, readonly model: Model<Key, Value>) {
    this.prefix = `${runtime.driver.prefix}${model.name}:`
    this.recorder = new Recorder(model.name)
    this.getReply = new GetReply(this)
    this.setReply = new SetReply(this)
    const { maxConcurrentLoads, near } = model.policy
    this.near = near === undefined ? undefined : new Near(
      runtime.near,
      runtime.near.open(model.name, nearIdentity(model), near),
      near,
      this.prefix,
      model.keys === stringKeys,
      (tag) => this.tagKey(tag)
    )
    this.permits = maxConcurrentLoads === Infinity ? undefined : permitsOf(runtime, model.name, maxConcurrentLoads)
    this.refreshes = new Refreshes(model.policy.maxConcurrentRefreshes, runtime)
  }

  codecError(subject: "key" | "value", issue: CodecIssue): CodecError {
    return new CodecError({ subject, cache: this.model.name, ...issue })
  }

  /** The Redis key. */
  redisKey(key: Key): Either.Either<string, CodecError> {
    const stored = this.model.keys.encode(key)
    return Either.isRight(stored)
      ? Either.right(this.prefix + stored.right)
      : Either.left(this.codecError("key", stored.left))
  }

  context(redisKey: string): CodecContext {
    return { key: redisKey, maxSize: this.model.policy.maxValueSize }
  }

  tagKey(tag: string): string {
    return tagKey(this.runtime.driver.prefix, this.model.name, tag)
  }

  get generationKey(): string {
    return generationKey(this.runtime.driver.prefix, this.model.name)
  }

  // ---- what an entry is

  judge(bytes: Uint8Array | undefined, now: number, invalidated: boolean, redisKey: string): Verdict<Value> {
    return judge(this.model, bytes, now, invalidated, redisKey)
  }

  /** Counts an entry that does not decode, and logs it now and then. */
  undecodable(redisKey: string, issue: CodecIssue, now: number): Effect.Effect<void> {
    this.recorder.undecoded()
    if (now < this.nextLog && this.nextLog - now <= logEveryMillis) return Effect.void
    this.nextLog = now + logEveryMillis
    return Effect.logWarning(`A stored value could not be decoded and is taken for absent: ${issue.detail}`).pipe(
      Effect.annotateLogs({ cache: this.model.name, key: redisKey, path: issue.path })
    )
  }

  /** The value of an entry if it is fresh and decodes. For operations that are not hot. */
  freshValue(entry: Judged, redisKey: string, now: number): Effect.Effect<Option.Option<Value>> {
    const verdict = this.judge(entry.bytes, now, entry.invalidated, redisKey)
    switch (verdict._tag) {
      case "Fresh":
        return Effect.succeed(Option.some(verdict.value))
      case "Undecodable":
        return Effect.as(this.undecodable(redisKey, verdict.issue, now), Option.none())
      default:
        return Effect.succeed(Option.none())
    }
  }

  // ---- telling

  /** Warns of what may happen at every call: once a minute for each message. */
  warn(message: string, redisKey: string | undefined, cause?: Cause.Cause<unknown>): Effect.Effect<void> {
    return Effect.clockWith((clock) => {
      const now = this.runtime.driver.unsafeMonotonic(clock)
      const next = this.nextWarnings.get(message)
      if (next !== undefined && now < next) return Effect.void
      this.nextWarnings.set(message, now + logEveryMillis)
      const log = cause === undefined ? Effect.logWarning(message) : Effect.logWarning(message, cause)
      return Effect.annotateLogs(log, {
        cache: this.model.name,
        ...(redisKey === undefined ? {} : { key: redisKey })
      })
    })
  }

  /** An operation did without Redis: counted, and told of once a minute for each reason. */
  bypassed(error: RedisError, redisKey: string | undefined): Effect.Effect<void> {
    this.recorder.bypass()
    return this.warn(`Redis failed (${error.reason}), and the cache is bypassed`, redisKey, Cause.fail(error))
  }

  // ---- reading

  /** A near copy of an entry, if it may be served without asking the store. */
  findNear(redisKey: string, fiber: Fiber.RuntimeFiber<unknown, unknown>): Copy | undefined {
    return this.near?.find(this.near.keyOf(redisKey), clockOf(fiber))
  }

  /** Reads one entry; tags that its key names are read in the same round trip, others cost one more. */
  read<A, E, R>(redisKey: string, key: Key, reply: EntryReply<A, E, R>): Effect.Effect<A, E, R> {
    if (this.near === undefined) return this.readFar(redisKey, key, reply)
    const reading = this.near.read(redisKey)
    return Effect.onInterrupt(
      this.readFar(redisKey, key, new Filling(this, reading, reply)),
      () => Effect.sync(() => reading.finish())
    )
  }

  private readFar<A, E, R>(redisKey: string, key: Key, reply: EntryReply<A, E, R>): Effect.Effect<A, E, R> {
    const required = this.keyTags(key)
    if (required.length === 0) return this.runtime.driver.get(redisKey, reply)
    const tagKeys = required.map((tag) => this.tagKey(tag))
    reply.reading?.expect(tagKeys)
    return this.runtime.driver.getMany([redisKey, ...tagKeys], {
      onSuccess: ([bytes, ...epochs], now) =>
        bytes === undefined
          ? reply.onEntry(undefined, now, redisKey, false)
          : this.checkTags(bytes, required, new Map(required.map((tag, i) => [tag, epochs[i]])), now, redisKey, reply),
      onFailure: (error) => reply.onFailure(error, redisKey)
    })
  }

  checkTags<A, E, R>(
    bytes: Uint8Array,
    required: ReadonlyArray<string>,
    epochs: Epochs,
    now: number,
    redisKey: string,
    reply: EntryReply<A, E, R>
  ): Effect.Effect<A, E, R> {
    if (absence(this.model, bytes) !== undefined) return reply.onEntry(bytes, now, redisKey, false)
    const judged = judgeTags(bytes, required, epochs)
    if (typeof judged === "string") return reply.onEntry(bytes, now, redisKey, judged === "Broken")
    const tagKeys = judged.map((tag) => this.tagKey(tag))
    reply.reading?.expect(tagKeys)
    return this.runtime.driver.getMany(tagKeys, {
      onSuccess: (found, later) => {
        const known = new Map([...epochs, ...judged.map((tag, i) => [tag, found[i]] as const)])
        return reply.onEntry(bytes, later, redisKey, judgeTags(bytes, required, known) !== "Hold")
      },
      onFailure: (error) => reply.onFailure(error, redisKey)
    })
  }

  /** The same for many. What is fresh is to be kept with each entry's `reading`. */
  readManyFilling<A, E, R>(
    targets: ReadonlyArray<Target>,
    reply: Reply<ReadonlyArray<Judged>, A, E, R>
  ): Effect.Effect<A, E, R> {
    const { near } = this
    if (near === undefined) return this.readMany(targets, reply)
    const reading = targets.map(({ redisKey, tags }) => ({ redisKey, tags, reading: near.read(redisKey) }))
    const finish = () => {
      for (const target of reading) target.reading.finish()
    }
    const filling: Reply<ReadonlyArray<Judged>, A, E, R> = {
      onSuccess: (entries, now, first) => {
        const answer = reply.onSuccess(entries, now, first)
        finish()
        return answer
      },
      onFailure: (error, first) => {
        finish()
        return reply.onFailure(error, first)
      }
    }
    return Effect.onInterrupt(this.readMany(reading, filling), () => Effect.sync(finish))
  }

  /** Reads many entries and their keys' tags in one round trip; tags that only the entries name cost one more. */
  readMany<A, E, R>(
    targets: ReadonlyArray<Target>,
    reply: Reply<ReadonlyArray<Judged>, A, E, R>
  ): Effect.Effect<A, E, R> {
    if (targets.length === 0) return reply.onSuccess([], 0, "")
    const keyTags = [...new Set(targets.flatMap((target) => target.tags))]
    const keys = targets.map((target) => target.redisKey)
    for (const { reading, tags } of targets) {
      if (tags.length > 0) reading?.expect(tags.map((tag) => this.tagKey(tag)))
    }
    return this.runtime.driver.getMany(
      keyTags.length === 0 ? keys : keys.concat(keyTags.map((tag) => this.tagKey(tag))),
      {
        onSuccess: (found, now, first) =>
          this.judgeMany(
            targets,
            found.slice(0, targets.length),
            new Map(keyTags.map((tag, i) => [tag, found[targets.length + i]])),
            now,
            first,
            reply
          ),
        onFailure: reply.onFailure.bind(reply)
      }
    )
  }

  /** Judges the tags of entries that were read or taken already, by these epochs and what more is needed. */
  judgeMany<A, E, R>(
    targets: ReadonlyArray<Target>,
    found: ReadonlyArray<Uint8Array | undefined>,
    epochs: Epochs,
    now: number,
    first: string,
    reply: Reply<ReadonlyArray<Judged>, A, E, R>
  ): Effect.Effect<A, E, R> {
    const missing = new Set<string>()
    const judge = (known: Epochs): ReadonlyArray<Judged> =>
      found.map((bytes, i) => {
        const required = targets[i]!.tags
        if (bytes === undefined || (required.length === 0 && !Entry.hasTags(bytes))) {
          return { bytes, invalidated: false, reading: targets[i]!.reading }
        }
        if (absence(this.model, bytes) !== undefined) return { bytes, invalidated: false }
        const judged = judgeTags(bytes, required, known)
        if (typeof judged !== "string") {
          targets[i]!.reading?.expect(judged.map((tag) => this.tagKey(tag)))
          for (const tag of judged) missing.add(tag)
        }
        return { bytes, invalidated: judged !== "Hold", reading: targets[i]!.reading }
      })
    const judged = judge(epochs)
    if (missing.size === 0) return reply.onSuccess(judged, now, first)
    const names = [...missing]
    return this.runtime.driver.getMany(names.map((tag) => this.tagKey(tag)), {
      onSuccess: (more, later) =>
        reply.onSuccess(judge(new Map([...epochs, ...names.map((tag, i) => [tag, more[i]] as const)])), later, first),
      onFailure: reply.onFailure.bind(reply)
    })
  }

  keyTags(key: Key): ReadonlyArray<string> {
    const { tags } = this.model.policy
    return tags === undefined ? [] : tags(key)
  }

  // ---- writing

  /** A value's payload, or why it cannot be stored. */
  payload(value: Value, redisKey: string): Either.Either<Uint8Array, CodecError> {
    return this.checkSize(this.model.codec.encode(value, this.context(redisKey)))
  }

  failurePayload(failure: unknown, redisKey: string): Either.Either<Uint8Array, CodecError> {
    return this.model.failureCodec === undefined
      ? Either.left(this.codecError("value", { path: "$", detail: "failures of this cache have no codec" }))
      : this.checkSize(this.model.failureCodec.encode(failure, this.context(redisKey)))
  }

  private checkSize(encoded: Either.Either<Uint8Array, CodecIssue>): Either.Either<Uint8Array, CodecError> {
    if (Either.isLeft(encoded)) return Either.left(this.codecError("value", encoded.left))
    const { maxValueSize } = this.model.policy
    // It is no Left, and a copy of it would say the same.
    if (encoded.right.length <= maxValueSize) return encoded as Either.Right<never, Uint8Array>
    return Either.left(this.codecError("value", {
      path: "$",
      detail: `it takes ${encoded.right.length} bytes, and maxValueSize is ${maxValueSize}`
    }))
  }

  /** The bytes of an entry; a counter's payload is all there is. */
  entry(
    payload: Uint8Array,
    freshUntil: number,
    loadMillis: number,
    tags: ReadonlyArray<Entry.StoredTag>,
    failure = false
  ): Uint8Array {
    if (this.model.kind === "counter") return payload
    const { version } = this.model.policy
    return Entry.encode({ version, freshUntil, loadMillis, failure, tags, payload }, this.runtime.random)
  }

  refuseTags(tags: ReadonlyArray<string>): CodecError | undefined {
    const issue = refuseTags(tags)
    return issue === undefined ? undefined : this.codecError("value", issue)
  }

  /**
   * The present epochs of these tags, made where there are none, which live at least as long as an entry that is
   * written now and lives for `life`. They must be read before what the entry holds is computed.
   */
  epochs(
    tags: ReadonlyArray<string>,
    life: number | undefined
  ): Effect.Effect<ReadonlyArray<Entry.StoredTag>, RedisError> {
    if (tags.length === 0) return Effect.succeed([])
    const requests = tags.map((tag) => ({
      key: this.tagKey(tag),
      candidate: this.runtime.random.make(Entry.epochSize),
      life
    }))
    return Effect.map(
      this.runtime.driver.ensureEpochs(requests),
      (epochs) => tags.map((name, i) => ({ name, epoch: epochs[i]! }))
    )
  }

  /** The cache's tag generation, which every invalidation of one of its tags changes first. */
  generation(life: number): Effect.Effect<Uint8Array, RedisError> {
    const candidate = this.runtime.random.make(Entry.epochSize)
    return Effect.map(
      this.runtime.driver.ensureEpochs([{ key: this.generationKey, candidate, life }]),
      (epochs) => epochs[0]!
    )
  }

  /** A life shortened by the policy's jitter, so that entries written together do not expire together. */
  jittered(life: number | undefined): Effect.Effect<number | undefined> {
    const { jitter } = this.model.policy
    if (jitter === 0 || life === undefined || life === 0) return Effect.succeed(life)
    return Effect.map(Random.next, (random) => Math.max(1, Math.ceil(life * (1 - jitter * random))))
  }

  freshUntil(life: number | undefined, clock: Clock.Clock): number {
    return life === undefined ? 0 : Math.ceil(this.runtime.driver.unsafeNow(clock)) + life
  }
}

/** Caches make the same of the same entries where their codecs do, and nothing else tells where or whether one is. */
const nearIdentity = <Key, Value>(model: Model<Key, Value>): unknown =>
  model.keys === stringKeys && model.policy.tags === undefined && model.policy.version === 0
    ? model.codec.identity
    : model

/** Caches of one name share their permits, as they share their entries. */
const permitsOf = (runtime: Runtime, name: string, permits: number): Permits => {
  const key = `${name}:${permits}`
  const shared = runtime.permits.get(key) ?? new Permits(permits)
  runtime.permits.set(key, shared)
  return shared
}

/** The binding of a cache to the `Redis` of this fiber's context. */
export const bind = <Key, Value>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  model: Model<Key, Value>
): Binding<Key, Value> => {
  // The context of a fiber is typed as empty; that `Redis` is in it is what the operations' `R` says. Where it is not,
  // `unsafeGet` tells so better.
  const context = fiber.currentContext as Context.Context<Redis>
  const service = context.unsafeMap.get(Redis.key) as Redis["Type"] | undefined
  const { runtime } = service ?? Context.unsafeGet(context, Redis)
  // What is stored under a model was made from that model, here. Most often it is the last one again.
  if (runtime.lastBinding?.model === model) return runtime.lastBinding as Binding<Key, Value>
  const bound = runtime.bindings.get(model) as Binding<Key, Value> | undefined
  if (bound !== undefined) {
    runtime.lastBinding = bound
    return bound
  }
  claimName(runtime, model)
  const binding = new Binding(runtime, model)
  runtime.bindings.set(model, binding)
  return binding
}

/** The fiber's clock. */
export const clockOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Clock.Clock =>
  // Default services are always there.
  fiber.currentDefaultServices.unsafeMap.get(Clock.Clock.key) as Clock.Clock

/** An operation on one key: on the binding of this fiber's `Redis`, with the Redis key, if the key has one. */
export const withKey = <Key, Value, A, E, R>(
  model: Model<Key, Value>,
  key: Key,
  use: (
    binding: Binding<Key, Value>,
    redisKey: string,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | CodecError, R | Redis> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | CodecError, R | Redis> => {
    const binding = bind(fiber, model)
    const redisKey = binding.redisKey(key)
    return Either.isLeft(redisKey) ? Effect.fail(redisKey.left) : use(binding, redisKey.right, fiber)
  })

/** Two memoized functions of one name would be given each other's values. */
const claimName = <Key, Value>(runtime: Runtime, model: Model<Key, Value>): void => {
  if (model.source === undefined) return
  const known = runtime.sources.get(model.name)
  if (known === undefined) runtime.sources.set(model.name, model.source)
  else if (known !== model.source) {
    throw new Error(
      `Two different functions are memoized under the name "${model.name}": pass \`name\` to tell them apart`
    )
  }
}
