/** The epochs of a cache's tags in the store. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { Driver } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import { generationKey, tagKey } from "../key/reserved.js"

export class TagEpochs {
  constructor(private readonly driver: Driver, private readonly random: RandomBytes, private readonly cache: string) {}

  /** Where a tag's epoch lies. */
  key(tag: string): string {
    return tagKey(this.driver.prefix, this.cache, tag)
  }

  /** Where the cache's tag generation lies. */
  get generationKey(): string {
    return generationKey(this.driver.prefix, this.cache)
  }

  /**
   * The present epochs of these tags, made where there are none, which live at least as long as an entry that is
   * written now and lives for `life`. They must be read before what the entry holds is computed.
   */
  ensure(
    tags: ReadonlyArray<string>,
    life: number | undefined
  ): Effect.Effect<ReadonlyArray<Entry.StoredTag>, RedisError> {
    if (tags.length === 0) return Effect.succeed([])
    const requests = tags.map((tag) => ({ key: this.key(tag), candidate: this.random.make(Entry.epochSize), life }))
    return Effect.map(
      this.driver.ensureEpochs(requests),
      (epochs) => tags.map((name, i) => ({ name, epoch: epochs[i]! }))
    )
  }

  /** The cache's tag generation, which every invalidation of one of its tags changes first. */
  generation(life: number): Effect.Effect<Uint8Array, RedisError> {
    const candidate = this.random.make(Entry.epochSize)
    return Effect.map(
      this.driver.ensureEpochs([{ key: this.generationKey, candidate, life }]),
      (epochs) => epochs[0]!
    )
  }

  /**
   * Gives these tags other epochs. The generation first: a load that reads a tag's new epoch must find the generation
   * changed.
   */
  replace(tags: ReadonlyArray<string>): Effect.Effect<void, RedisError> {
    const keys = [this.generationKey, ...tags.map((tag) => this.key(tag))]
    return this.driver.replaceEpochs(keys.map((key) => ({ key, epoch: this.random.make(Entry.epochSize) })))
  }
}
