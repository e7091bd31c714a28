/**
 * Watches which tags of some caches are invalidated, by any process, for code that keeps results made under those tags.
 *
 * The feed reports that a tag's key has changed, even if its epoch was only prolonged. So what counts is whether the
 * epoch differs from the known one. A missing epoch cannot be replaced: so a watched tag has one, which is made when
 * the tag is first watched, and prolonged.
 *
 * An expired tag has another epoch too: code that keeps results made under it reads them again.
 *
 * An epoch is only known as long as the feed would report its changes: known epochs are forgotten when the link is
 * lost. If a tag's epoch is not known (any more), it cannot be known whether the tag was invalidated: it counts as
 * invalidated once its epoch is known again. So code that reads after such a report misses nothing.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { CodecError, RedisError } from "../../../CacheError.js"
import { Redis } from "../../../Redis.js"
import { baseRedis, bindBase } from "../../cache/bind.js"
import type { CacheInstance } from "../../cache/instance.js"
import type { Listener } from "../../changes/listener.js"
import type { CacheDefinition } from "../../definition/definition.js"
import * as Epoch from "../../entry/epoch.js"
import * as Entry from "../../entry/format.js"
import { invalidateTags } from "../remove/invalidate.js"

/** The least life of an epoch that only a watch needs, in ms. It is prolonged at half time. */
const epochLife = 3_600_000
/** When to ask the store again if it did not answer, in ms. */
const retryPause = 1_000

type AnyInstance = CacheInstance<any, any> // whatever its keys and values are

/** A tag that is watched, in all of the caches. */
interface Watched {
  readonly tag: string
  /** The keys of its epochs. */
  readonly keys: ReadonlyArray<string>
  /** How many watchers it has. */
  watchers: number
  /** How many invalidations of this process are under way. Their callers report them themselves. */
  own: number
}

export class TagWatch implements Listener {
  private readonly byTag = new Map<string, Watched>()
  private readonly byKey = new Map<string, Watched>()
  private readonly epochs = new Map<string, Uint8Array>()
  /** Keys whose epochs may differ from the known ones. */
  private readonly suspects = new Set<string>()
  private readonly wake = Effect.unsafeMakeLatch(false)
  /** Counts links: an epoch that was read before one is not known after it. */
  private links = 0
  private linked = false

  constructor(
    private readonly redis: Redis["Type"],
    private readonly caches: ReadonlyArray<AnyInstance>,
    private readonly onInvalidated: (tags: ReadonlyArray<string>) => void
  ) {}

  // ---- watching

  /** Watches these tags from now on: each counts as invalidated once, since it may have been meanwhile. */
  watch(tags: ReadonlyArray<string>): void {
    for (const watched of this.add(tags)) this.suspect(watched.keys.filter((key) => !this.epochs.has(key)))
  }

  unwatch(tags: ReadonlyArray<string>): void {
    for (const tag of tags) {
      const watched = this.byTag.get(tag)
      if (watched === undefined || --watched.watchers > 0) continue
      this.byTag.delete(tag)
      for (const key of watched.keys) {
        this.byKey.delete(key)
        this.epochs.delete(key)
        this.suspects.delete(key)
      }
    }
  }

  /** Watches these tags while the scope is open. Changes of epochs that are read after this effect are reported. */
  watching(tags: ReadonlyArray<string>): Effect.Effect<void, never, Scope.Scope> {
    return Effect.flatMap(
      Effect.acquireRelease(Effect.sync(() => this.add(tags)), () => Effect.sync(() => this.unwatch(tags))),
      (all) => this.learn(all.flatMap(({ keys }) => keys).filter((key) => !this.epochs.has(key)))
    )
  }

  private add(tags: ReadonlyArray<string>): ReadonlyArray<Watched> {
    return tags.map((tag) => {
      const known = this.byTag.get(tag)
      const watched = known ?? { tag, keys: this.caches.map((cache) => cache.tags.key(tag)), watchers: 0, own: 0 }
      watched.watchers++
      if (known === undefined) {
        this.byTag.set(tag, watched)
        for (const key of watched.keys) this.byKey.set(key, watched)
      }
      return watched
    })
  }

  // ---- invalidations of this process

  /** Invalidates tags in all of the caches. The caller must notify those that watch them here. */
  invalidate(tags: ReadonlyArray<string>): Effect.Effect<void, RedisError | CodecError> {
    return Effect.suspend(() => {
      const watched = tags.flatMap((tag) => this.byTag.get(tag) ?? [])
      for (const each of watched) each.own++
      return Effect.forEach(this.caches, ({ definition }) => invalidateTags(definition, tags), { discard: true }).pipe(
        Effect.provideService(Redis, this.redis),
        Effect.zipRight(this.learn(watched.flatMap(({ keys }) => keys))),
        Effect.ensuring(Effect.sync(() => {
          for (const each of watched) each.own--
          this.wake.unsafeOpen()
        }))
      )
    })
  }

  // ---- what the feed tells

  changed(key: string): void {
    if (this.byKey.has(key)) this.suspect([key])
  }

  changedAll(): void {
    this.suspect([...this.byKey.keys()])
  }

  lost(): void {
    this.linked = false
    this.epochs.clear()
  }

  resumed(): void {
    this.linked = true
    this.links++
    this.epochs.clear()
    this.changedAll()
  }

  private suspect(keys: ReadonlyArray<string>): void {
    // A read may end after the watch that it was made for.
    for (const key of keys) if (this.byKey.has(key)) this.suspects.add(key)
    if (this.linked && this.suspects.size > 0) this.wake.unsafeOpen()
  }

  // ---- epochs

  /** Looks at suspects, for as long as the watch lasts. */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.zipRight(
      this.wake.await,
      Effect.suspend(() => {
        this.wake.unsafeClose()
        const keys = [...this.suspects].filter((key) => this.byKey.get(key)?.own === 0)
        for (const key of keys) this.suspects.delete(key)
        return this.look(keys, this.read(keys))
      })
    )
  )

  /** Prolongs the epochs of watched tags. */
  readonly prolong: Effect.Effect<never> = Effect.forever(
    Effect.zipRight(
      Effect.sleep(epochLife / 2),
      Effect.suspend(() => {
        const keys = [...this.byKey.keys()]
        return this.look(keys, this.ensure(keys))
      })
    )
  )

  /** Reports which tags of these keys have another epoch than before. */
  private look(
    keys: ReadonlyArray<string>,
    read: Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>
  ): Effect.Effect<void> {
    if (keys.length === 0 || !this.linked) return Effect.void
    const told = Effect.map(this.known(keys, read), (others) => {
      const tags = new Set(others.flatMap((key) => this.byKey.get(key)?.tag ?? []))
      if (tags.size > 0) this.onInvalidated([...tags])
    })
    return Effect.catchAll(told, () => Effect.map(Effect.sleep(retryPause), () => this.suspect(keys)))
  }

  /** Records the present epochs as known. If the store does not answer, they are suspects. */
  private learn(keys: ReadonlyArray<string>): Effect.Effect<void> {
    return keys.length === 0 || !this.linked
      ? Effect.void
      : Effect.catchAll(Effect.asVoid(this.known(keys, this.read(keys))), () => Effect.sync(() => this.suspect(keys)))
  }

  /** Reads epochs, and returns the keys of those that have changed, or were not known. */
  private known(
    keys: ReadonlyArray<string>,
    read: Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>
  ): Effect.Effect<ReadonlyArray<string>, RedisError> {
    const { links } = this
    return Effect.map(read, (epochs) => {
      if (!this.linked || this.links !== links) return []
      return keys.filter((key, i) => {
        const before = this.epochs.get(key)
        if (this.byKey.has(key)) this.epochs.set(key, epochs[i]!)
        return before === undefined || !Entry.sameBytes(before, epochs[i]!)
      })
    })
  }

  private read(keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Uint8Array>, RedisError> {
    return this.redis.runtime.driver.getMany(keys, {
      onSuccess: (found) => {
        const epochs = found.filter(Epoch.isTagValue).map(Epoch.of)
        return epochs.length === keys.length ? Exit.succeed(epochs) : this.ensure(keys)
      },
      onFailure: (error) => Exit.fail(error)
    })
  }

  private ensure(keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Uint8Array>, RedisError> {
    const { driver, random } = this.redis.runtime
    return driver.ensureEpochs(
      keys.map((key) => ({ key, candidate: Epoch.make(random), life: epochLife }))
    )
  }
}

/** A watch of some caches' tags, which lasts as long as the scope. */
export const make = (
  definitions: ReadonlyArray<CacheDefinition<any, any>>, // as above
  onInvalidated: (tags: ReadonlyArray<string>) => void
): Effect.Effect<TagWatch, never, Redis | Scope.Scope> =>
  Effect.flatMap(baseRedis, (redis) =>
    Effect.withFiberRuntime((fiber) => {
      const watch = new TagWatch(
        redis,
        definitions.map((definition) => bindBase(fiber, definition, "reactivity")),
        onInvalidated
      )
      return redis.runtime.feed.follow(watch).pipe(
        Effect.zipRight(Effect.forkScoped(watch.run)),
        Effect.zipRight(Effect.forkScoped(watch.prolong)),
        Effect.as(watch)
      )
    }))
