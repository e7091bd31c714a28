/** The epochs of a cache's tags in the store. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { Driver, EnsureRequest, EpochRequest } from "../driver/driver.js"
import * as Epoch from "../entry/epoch.js"
import * as Entry from "../entry/format.js"
import * as Hold from "../entry/hold.js"
import { generationKey, tagKey } from "../key/reserved.js"

/** A tag as it was when the computation of a value began. */
export interface ReadTag extends Entry.StoredTag {
  /** An update of the source holds it: an entry that is stored with this epoch is born absent. */
  readonly held: boolean
}

export class TagEpochs {
  constructor(private readonly driver: Driver, private readonly random: RandomBytes, private readonly cache: string) {}

  /** The Redis key of a tag's epoch. */
  key(tag: string): string {
    return tagKey(this.driver.prefix, this.cache, tag)
  }

  /** The Redis key of the cache's tag generation. */
  get generationKey(): string {
    return generationKey(this.driver.prefix, this.cache)
  }

  /**
   * The present epochs of these tags, made if there are none. They live at least as long as an entry that is written
   * now and lives for `life`. They must be read before the entry's value is computed.
   *
   * A tag that is held has no epoch; the answer then has an epoch that no tag ever has.
   */
  ensure(tags: ReadonlyArray<string>, life: number | undefined): Effect.Effect<ReadonlyArray<ReadTag>, RedisError> {
    if (tags.length === 0) return Effect.succeed([])
    const requests = this.requests(tags, life)
    return Effect.flatMap(this.driver.ensureEpochs(requests), (epochs) => this.told(tags, requests, epochs))
  }

  /** The same, and the cache's tag generation as it is after that. */
  ensureAndCheck(
    tags: ReadonlyArray<string>,
    life: number | undefined,
    generationLife: number
  ): Effect.Effect<{ readonly epochs: ReadonlyArray<ReadTag>; readonly generation: Uint8Array }, RedisError> {
    const requests = this.requests(tags, life)
    return Effect.flatMap(
      this.driver.ensureEpochs([...requests, { ...this.generationRequest(generationLife), last: true }]),
      (all) => {
        const epochs = all.slice(0, tags.length)
        return Effect.zipWith(
          this.told(tags, requests, epochs),
          // If a hold has run out, this changes the generation.
          epochs.some(Entry.isHold) ? this.generation(generationLife) : Effect.succeed(all[tags.length]!),
          (told, generation) => ({ epochs: told, generation })
        )
      }
    )
  }

  private requests(tags: ReadonlyArray<string>, life: number | undefined): ReadonlyArray<EnsureRequest> {
    return tags.map((tag) => ({ key: this.key(tag), candidate: Epoch.make(this.random), life }))
  }

  private told(
    tags: ReadonlyArray<string>,
    requests: ReadonlyArray<EnsureRequest>,
    epochs: ReadonlyArray<Uint8Array>
  ): Effect.Effect<ReadonlyArray<ReadTag>, RedisError> {
    const readTags = (found: ReadonlyArray<Uint8Array>): ReadonlyArray<ReadTag> =>
      tags.map((name, i) => {
        const held = Entry.isHold(found[i]!)
        return { name, epoch: held ? requests[i]!.candidate : found[i]!, held }
      })
    return epochs.some(Entry.isHold)
      ? Effect.map(this.revive(requests, epochs), readTags)
      : Effect.succeed(readTags(epochs))
  }

  /**
   * Replaces holds that have run out with epochs: their updates have died, before or after the source committed. A load
   * that began before may have read the old state of the source, and does not know these epochs yet. So the generation
   * changes first, as it would have at the update's end.
   */
  private revive(
    requests: ReadonlyArray<EnsureRequest>,
    epochs: ReadonlyArray<Uint8Array>
  ): Effect.Effect<ReadonlyArray<Uint8Array>, RedisError> {
    return Effect.clockWith((clock) => {
      const now = this.driver.unsafeNow(clock)
      const isRunOut = (bytes: Uint8Array): boolean => Entry.isHold(bytes) && !Hold.isUnderWay(bytes, now)
      if (!epochs.some(isRunOut)) return Effect.succeed(epochs)
      return this.driver.replaceEpochs([this.another(this.generationKey)]).pipe(
        Effect.zipRight(
          this.driver.ensureEpochs(
            requests.filter((_, i) => isRunOut(epochs[i]!)).map((request) => ({ ...request, revive: true }))
          )
        ),
        Effect.map((revived) => {
          const rest = revived.values()
          return epochs.map((epoch) => isRunOut(epoch) ? rest.next().value! : epoch)
        })
      )
    })
  }

  /** The cache's tag generation, which every invalidation and expiry of one of its tags changes first. */
  generation(life: number): Effect.Effect<Uint8Array, RedisError> {
    return Effect.map(this.driver.ensureEpochs([this.generationRequest(life)]), (epochs) => epochs[0]!)
  }

  private generationRequest(life: number): EnsureRequest {
    return { key: this.generationKey, candidate: Epoch.make(this.random), life }
  }

  /**
   * Gives these tags other epochs. The generation first: a load that reads a tag's new epoch must find the generation
   * changed.
   */
  replace(tags: ReadonlyArray<string>): Effect.Effect<void, RedisError> {
    return this.change(tags, false)
  }

  /** Makes entries with these tags stale from now on. Loads under way may have read the source before, as above. */
  expire(tags: ReadonlyArray<string>): Effect.Effect<void, RedisError> {
    return this.change(tags, true)
  }

  private change(tags: ReadonlyArray<string>, expire: boolean): Effect.Effect<void, RedisError> {
    return this.driver.replaceEpochs([
      this.another(this.generationKey),
      ...tags.map((tag) => this.another(this.key(tag), expire))
    ])
  }

  private another(key: string, expire = false): EpochRequest {
    return { key, epoch: Epoch.make(this.random), expire }
  }
}
