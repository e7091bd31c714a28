/** The holds of one update in the store, from its beginning to its end. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RedisError } from "../../../CacheError.js"
import { detaching, detachingTags } from "../../cache/detach.js"
import type { CacheInstance } from "../../cache/instance.js"
import { makeToken } from "../../cache/token.js"
import type { EndRequest, Holding } from "../../driver/driver.js"
import * as Entry from "../../entry/format.js"
import type { Decoded } from "./options.js"

const nothing: EndRequest["writes"] = new Map()

export class Holds<Key, Value> {
  /** Chosen here, so that a hold can be taken back even if the answer to its request was lost. */
  private readonly token: Uint8Array

  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    /** Redis keys of entries, each once. */
    readonly keys: ReadonlyArray<string>,
    private readonly options: Decoded
  ) {
    this.token = makeToken(instance.runtime)
  }

  private get driver() {
    return this.instance.runtime.driver
  }

  /** Each once. */
  get tags(): ReadonlyArray<string> {
    return this.options.tags
  }

  /** Of keys and tags. */
  get count(): number {
    return this.keys.length + this.options.tags.length
  }

  private holding(keys: ReadonlyArray<string>): Holding {
    const { definition, runtime, tags } = this.instance
    return {
      token: this.token,
      keys,
      tags: this.options.tags.map((tag) => tags.key(tag)),
      generation: this.options.tags.length === 0
        ? undefined
        : { key: tags.generationKey, epoch: runtime.random.make(Entry.epochSize) },
      // A load that began while they were held may store for this long.
      tagsOutlive: definition.policy.leaseMaxDuration
    }
  }

  /** Loads of these keys, and of entries that may have the tags, are not joined any more; near copies are dropped. */
  private detaching<A, E, R>(keys: ReadonlyArray<string>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const { instance, options } = this
    const of = detaching(instance.runtime, keys, effect)
    return options.tags.length === 0 ? of : detachingTags(instance, options.tags, of)
  }

  /** Replaces whatever is stored there with the holds. */
  readonly begin: Effect.Effect<void, RedisError> = Effect.suspend(() =>
    this.detaching(
      this.keys,
      this.driver.hold({ ...this.holding(this.keys), duration: this.options.hold, renews: false })
    )
  )

  /**
   * Prolongs the holds at half time, and restores lost ones, until it is interrupted. A renewal that fails is tried
   * again before the time is over.
   */
  readonly renewals: Effect.Effect<never> = Effect.clockWith((clock) => {
    const { leaseMaxDuration } = this.instance.definition.policy
    const started = this.driver.unsafeMonotonic(clock)
    const { hold } = this.options
    const renew = Effect.suspend(() => this.driver.hold({ ...this.holding(this.keys), duration: hold, renews: true }))
    const turn = (pause: number): Effect.Effect<never> =>
      Effect.sleep(Math.max(1, pause)).pipe(
        Effect.zipRight(Effect.match(renew, { onFailure: () => hold / 8, onSuccess: () => hold / 2 })),
        Effect.zipLeft(Effect.suspend(() =>
          this.driver.unsafeMonotonic(clock) - started >= leaseMaxDuration ? this.warnOfLength : Effect.void
        )),
        Effect.flatMap(turn)
      )
    return turn(hold / 2)
  })

  private get warnOfLength(): Effect.Effect<void> {
    const { definition, warnings } = this.instance
    return warnings.warn(
      `An update of the source has been running for more than ${
        Duration.format(Duration.millis(definition.policy.leaseMaxDuration))
      } (lease.maxDuration). Until it ends, nothing is cached under the keys and tags that it invalidates. ` +
        "Give the update a time limit",
      this.keys[0] ?? this.options.tags[0]
    )
  }

  /**
   * Removes the holds, or replaces them with `writes`. If no other update holds a key, everything stored there is
   * removed, also under `keys` that are not held. Returns how many values were written.
   */
  end(keys: ReadonlyArray<string>, writes: EndRequest["writes"] = nothing): Effect.Effect<number, RedisError> {
    return this.detaching(
      keys,
      this.driver.endHold({ ...this.holding(keys), linger: this.options.linger, writes, cancels: false })
    )
  }

  /**
   * Takes back holds that were requested but may not exist, without waiting for the answer. If this does not arrive,
   * the holds run out by themselves.
   */
  readonly cancelBehind: Effect.Effect<void> = Effect.suspend(() => {
    const cancel = this.driver.endHold({ ...this.holding(this.keys), linger: 0, writes: nothing, cancels: true })
    return Effect.asVoid(
      this.instance.runtime.background.fork(
        Effect.uninterruptible(Effect.ignore(this.detaching(this.keys, cancel)))
      )
    )
  })
}
