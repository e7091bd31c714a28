/** The end of an update: what happens to its keys depends on how it ended. It never fails. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CodecError, RedisError } from "../../../CacheError.js"
import { doubt } from "../../cache/doubt.js"
import type { CacheInstance } from "../../cache/instance.js"
import { isStored, noOptions, type Pair, prepareMany, tagsOf } from "../../cache/prepare.js"
import type { EndRequest } from "../../driver/driver.js"
import * as Entry from "../../entry/format.js"
import type { Holds } from "./holds.js"

type Writes = EndRequest["writes"]

const nothing: Writes = new Map()

export class Ending<Key, Value> {
  /** The cache's tag generation when the update began: another one at the end, and a value's tags may have changed. */
  private generation: Uint8Array | undefined

  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    private readonly holds: Holds<Key, Value>,
    private readonly keysOf: ((result: unknown) => Iterable<Key>) | undefined,
    private readonly store: ((result: unknown) => Iterable<readonly [Key, Value]>) | undefined
  ) {}

  /** Whether anything must be read before the update. */
  get reads(): boolean {
    const { tags, valueTags } = this.instance.definition.policy
    return this.store !== undefined && (tags !== undefined || valueTags !== undefined)
  }

  /** Run it together with the beginning of the holds. */
  readonly begin: Effect.Effect<void, RedisError> = Effect.suspend(() =>
    this.reads
      ? Effect.map(this.instance.tags.generation(this.instance.definition.policy.leaseMaxDuration), (generation) => {
        this.generation = generation
      })
      : Effect.void
  )

  /** The update runs without holds: this counts as failed deletes of all of its keys. */
  unprotected(error: RedisError): Effect.Effect<void> {
    return Effect.zipRight(
      this.instance.warnings.bypassed(error, this.holds.keys[0]),
      doubt(this.instance, this.holds.keys, this.holds.tags, error)
    )
  }

  run(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const named = Exit.isSuccess(exit) && this.keysOf !== undefined
        ? this.told(this.keysOf, exit.value)
        : Effect.succeed([])
      const stored = Exit.isSuccess(exit) && this.store !== undefined
        ? this.prepared(this.store, exit.value)
        : Effect.succeed(nothing)
      return Effect.zipWith(named, stored, (keys, writes) => [keys, writes] as const)
    }).pipe(
      Effect.flatMap(([keys, writes]) => {
        const all = keys.length === 0 ? this.holds.keys : [...this.holds.keys, ...keys]
        if (all.length === 0 && this.holds.count === 0) return Effect.void
        return Effect.matchEffect(this.holds.end(all, writes), {
          onSuccess: (written) => Effect.sync(() => this.instance.recorder.write(written)),
          onFailure: (error) =>
            this.failed(
              "The source was updated, but Redis did not end the update's hold on its keys",
              Cause.fail(error),
              all
            )
        })
      }),
      Effect.catchAllCause((cause) =>
        this.failed("The source was updated, but ending the update's hold on its keys failed", cause, this.holds.keys)
      )
    )
  }

  /** Keys that should have been removed may still be there, and are remembered. */
  private failed(message: string, cause: Cause.Cause<unknown>, keys: ReadonlyArray<string>): Effect.Effect<void> {
    this.instance.recorder.failedEnd()
    return Effect.zipRight(
      this.instance.warnings.warn(message, keys[0], cause),
      doubt(this.instance, keys, this.holds.tags)
    )
  }

  /** Logs failures of the user's functions: the update has succeeded, whatever they do. */
  private ofUser<A>(option: string, effect: Effect.Effect<A, RedisError | CodecError>, otherwise: A): Effect.Effect<A> {
    return Effect.catchAllCause(effect, (cause) => {
      this.instance.recorder.failedEnd()
      return Effect.as(
        this.instance.warnings.warn(
          `The source was updated, but ${option} failed for the result: ${
            option === "store" ? "nothing is stored, and the keys are removed" : "nothing is removed"
          }`,
          this.holds.keys[0],
          cause
        ),
        otherwise
      )
    })
  }

  private told(keysOf: (result: unknown) => Iterable<Key>, result: unknown): Effect.Effect<ReadonlyArray<string>> {
    return this.ofUser(
      "the function that names its keys",
      Effect.suspend(() => this.instance.redisKeys(keysOf(result))),
      []
    )
  }

  /** The entries to store, for keys that the update holds. */
  private prepared(
    store: (result: unknown) => Iterable<readonly [Key, Value]>,
    result: unknown
  ): Effect.Effect<Writes> {
    const { instance } = this
    const prepared = Effect.gen(this, function*() {
      const held = new Set(this.holds.keys)
      const pairs = new Map<string, Pair<Key, Value>>()
      for (const [key, value] of store(result)) {
        const redisKey = yield* instance.redisKey(key)
        // An entry with a tag that is held as well would be absent from the start.
        const born = !tagsOf(instance.definition, key, value, noOptions).some((tag) => this.holds.tags.includes(tag))
        if (held.has(redisKey) && born) pairs.set(redisKey, [key, redisKey, value])
      }
      if (pairs.size === 0) return nothing
      const entries = yield* prepareMany(instance, [...pairs.values()], noOptions)
      // Their tags' epochs are those of now. One that has changed since the update began may be of a later update.
      if (this.reads && !(yield* this.isUnchanged)) return nothing
      return new Map(entries.flatMap((entry) => isStored(entry) ? [[entry.key, entry] as const] : []))
    })
    return this.ofUser("store", prepared, nothing)
  }

  private get isUnchanged(): Effect.Effect<boolean, RedisError> {
    const { definition, tags } = this.instance
    return Effect.map(
      tags.generation(definition.policy.leaseMaxDuration),
      (generation) => this.generation !== undefined && Entry.sameBytes(generation, this.generation)
    )
  }
}
