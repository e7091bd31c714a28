/** A cache on one `Redis` instance: its place in Redis, and its state in this process. */
import type * as Clock from "effect/Clock"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import type { CodecError } from "../../CacheError.js"
import type { CacheDefinition } from "../definition/definition.js"
import { clockOf } from "../driver/clockOf.js"
import type { Permits } from "../inFlight/permits.js"
import { Refreshes } from "../inFlight/refreshes.js"
import { stringKeys } from "../key/keySpace.js"
import { cacheEntryPrefix } from "../key/reserved.js"
import type { Copy } from "../near/copies.js"
import { Near } from "../near/view.js"
import { Recorder } from "./recorder.js"
import type { Runtime } from "./runtime.js"
import { TagEpochs } from "./tagEpochs.js"
import { Warnings } from "./warnings.js"

export class CacheInstance<in out Key, in out Value> {
  /** `<prefix><name>:` */
  readonly prefix: string
  readonly recorder: Recorder
  readonly warnings: Warnings
  readonly tags: TagEpochs
  readonly permits: Permits | undefined
  readonly refreshes: Refreshes
  readonly near: Near | undefined
  /** The store has accepted the latest entry. Otherwise loads still try to store, but callers do not rely on it. */
  storing = true

  /** @param base the instance on the `Redis` that `runtime` is derived from: they share figures, copies and bounds */
  constructor(
    readonly runtime: Runtime,
    readonly definition: CacheDefinition<Key, Value>,
    base?: CacheInstance<Key, Value>
  ) {
    const { name, policy } = definition
    const { maxConcurrentLoads } = policy
    this.prefix = cacheEntryPrefix(runtime.driver.prefix, name)
    this.recorder = base?.recorder ?? new Recorder(runtime.labels.of(name))
    if (base === undefined) runtime.tally?.keep(name, this, this.recorder)
    this.warnings = base?.warnings ?? new Warnings(runtime.driver, this.recorder, name)
    this.tags = new TagEpochs(runtime.driver, runtime.random, name)
    this.near = !runtime.mode.reads ? undefined : base === undefined ? this.openNear() : base.near
    this.permits = maxConcurrentLoads === Infinity ? undefined : runtime.permits.of(name, maxConcurrentLoads)
    this.refreshes = base?.refreshes ?? new Refreshes(policy.maxConcurrentRefreshes, runtime)
  }

  private openNear(): Near | undefined {
    const { keys, name, policy: { near } } = this.definition
    return near === undefined ? undefined : new Near(
      this.runtime.near,
      this.runtime.near.open(name, nearIdentity(this.definition), near, this.runtime.labels.of(name).near),
      near,
      this.prefix,
      keys === stringKeys,
      (tag) => this.tags.key(tag)
    )
  }

  /** Counts acknowledged writes, unless the mode has dropped them. */
  wrote(count = 1): void {
    if (this.runtime.mode.stores) this.recorder.write(count)
  }

  /** The Redis key. */
  redisKey(key: Key): Either.Either<string, CodecError> {
    const stored = this.definition.keys.encode(key)
    return Either.isRight(stored)
      ? Either.right(this.prefix + stored.right)
      : Either.left(this.definition.codecError("key", stored.left))
  }

  /** The Redis keys, each once. */
  redisKeys(keys: Iterable<Key>): Either.Either<ReadonlyArray<string>, CodecError> {
    const all = new Set<string>()
    for (const key of keys) {
      const redisKey = this.redisKey(key)
      if (Either.isLeft(redisKey)) return Either.left(redisKey.left)
      all.add(redisKey.right)
    }
    return Either.right([...all])
  }

  /** A near copy of an entry, if it may be served without asking the store. */
  findNear(redisKey: string, fiber: Fiber.RuntimeFiber<unknown, unknown>): Copy | undefined {
    return this.near?.find(this.near.keyOf(redisKey), clockOf(fiber))
  }

  /** When a life that begins now ends, in server time; 0: never. */
  freshUntil(life: number | undefined, clock: Clock.Clock): number {
    return life === undefined ? 0 : Math.ceil(this.runtime.driver.unsafeNow(clock)) + life
  }
}

/** Caches read an entry in the same way if their codecs do, and if no other option affects keys or validity. */
const nearIdentity = <Key, Value>(cache: CacheDefinition<Key, Value>): unknown =>
  cache.keys === stringKeys && cache.policy.tags === undefined && cache.policy.version === 0
    ? cache.codec.identity
    : cache
