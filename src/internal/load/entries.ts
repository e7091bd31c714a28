/** Turns computed values into entries with their tags, and sorts out those that must not be stored. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import { checkTags, finish, jittered, type Prepared as Stored } from "../cache/prepare.js"
import type { ReadTag } from "../cache/tagEpochs.js"
import { wholeLife } from "../definition/policy.js"
import { failurePayload, payload } from "../entry/build.js"
import * as Epoch from "../entry/epoch.js"
import * as Entry from "../entry/format.js"
import type { Kept } from "./previous.js"
import type { LoadOptions, Task } from "./task.js"

/** An entry that is ready to be stored. */
export interface Ready {
  readonly prepared: Stored
  readonly tagged: boolean
}

/**
 * What becomes of a value: it is stored, or it cannot be (`CodecError`), or is not to be (`Unwanted`), or may not be,
 * since one of its tags was invalidated while it was computed, or is held by an update (`Changed`).
 */
export type Prepared = Either.Either<Ready, CodecError> | "Unwanted" | "Changed"

export class Entries<Key, Value> {
  /** The tags' epochs, read before anything is computed. */
  private epochs: ReadonlyArray<ReadTag> = []
  private generation: Uint8Array | undefined

  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    private readonly options: LoadOptions<Key, Value>
  ) {}

  private get policy() {
    return this.instance.definition.policy
  }

  private get life() {
    return this.options.life ?? this.policy.life
  }

  /** How long tag epochs must live that are read when a load begins. */
  private get epochLife(): number | undefined {
    if (this.life._tag === "Computed") return this.policy.leaseMaxDuration
    const whole = wholeLife(this.policy, this.life.millis)
    return whole === undefined ? undefined : whole + this.policy.leaseMaxDuration
  }

  /** Whether there is anything to be read before the load begins. */
  areTagged(tasks: ReadonlyArray<Task<Key>>): boolean {
    return this.policy.valueTags !== undefined ||
      tasks.some(({ kept, tags }) => tags.length > 0 || (kept !== undefined && Entry.hasTags(kept.bytes)))
  }

  readEpochs(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, RedisError> {
    const names = namesOf(tasks)
    const generation = this.policy.valueTags === undefined
      ? Effect.void
      : Effect.map(this.instance.tags.generation(this.policy.leaseMaxDuration), (found) => {
        this.generation = found
      })
    const epochs = Effect.map(this.instance.tags.ensure(names, this.epochLife), (found) => {
      this.epochs = found
    })
    return Effect.zipRight(generation, epochs, { concurrent: this.policy.valueTags !== undefined && names.length > 0 })
  }

  /** Reads the epochs of tags that only the entry has that was found with the lease. */
  readMore(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, RedisError> {
    const more = namesOf(tasks).filter((name) => !this.epochs.some((tag) => tag.name === name))
    return Effect.map(this.instance.tags.ensure(more, this.epochLife), (found) => {
      if (found.length > 0) this.epochs = [...this.epochs, ...found]
    })
  }

  /** Whether none of an entry's tags was invalidated, by the epochs that were read when the load began. */
  hold({ bytes }: Kept): boolean {
    return Entry.tags(bytes)?.every((stored) =>
      this.epochs.some(({ epoch, name }) => name === stored.name && Epoch.isWithin(stored.epoch, epoch))
    ) === true
  }

  /** Whether an update of the source holds one of a task's tags. */
  areHeld(task: Task<Key>): boolean {
    return this.epochs.some(({ held, name }) => held && task.tags.includes(name))
  }

  /** @param kept the entry whose value it is, encoded already: the new one has its tags too */
  prepare(
    task: Task<Key>,
    exit: Exit.Exit<Value, unknown>,
    millis: number,
    kept?: Kept
  ): Effect.Effect<Prepared, RedisError> {
    return Effect.gen(this, function*() {
      const life = yield* jittered(this.instance.definition, this.lifeOf(task, exit))
      if (life === 0) return "Unwanted"
      const encoded = kept === undefined ? this.encode(task, exit) : Either.right(Entry.payload(kept.bytes))
      if (Either.isLeft(encoded)) return Either.left(encoded.left)
      const whole = wholeLife(this.policy, life)
      const early = kept === undefined ? task.tags : namesOf([task])
      const more = this.valueTags(task, exit).filter((name) => !early.includes(name))
      // Before any epoch is made for them.
      const refused = checkTags(this.instance.definition, [...early, ...more])
      if (refused !== undefined) return Either.left(refused)
      const tags = yield* this.tagsOf(early, exit, more, whole)
      if (tags === "Changed") return tags
      const { redisKey } = task
      const draft = { redisKey, payload: encoded.right, life, loadMillis: millis, failure: Exit.isFailure(exit) }
      return Either.right({
        prepared: finish(this.instance, draft, tags, yield* Effect.clock),
        tagged: tags.length > 0
      })
    })
  }

  private encode({ redisKey }: Task<Key>, exit: Exit.Exit<Value, unknown>): Either.Either<Uint8Array, CodecError> {
    const { definition } = this.instance
    return Exit.isSuccess(exit)
      ? payload(definition, exit.value, redisKey)
      : failurePayload(definition, Option.getOrUndefined(Cause.failureOption(exit.cause)), redisKey)
  }

  private lifeOf(task: Task<Key>, exit: Exit.Exit<Value, unknown>): number | undefined {
    if (Exit.isFailure(exit)) return this.policy.failureLife?.(exit)
    return this.life._tag === "Fixed" ? this.life.millis : this.life.of(exit.value, task.key)
  }

  /** The tags that the value names, beside those that were known before. */
  private valueTags(task: Task<Key>, exit: Exit.Exit<Value, unknown>): ReadonlyArray<string> {
    const { valueTags } = this.policy
    if (valueTags === undefined || Exit.isFailure(exit)) return []
    return [...new Set(valueTags(exit.value, task.key))]
  }

  /**
   * The tags of an entry with their epochs. Those `early` known were read before the load began; those that the
   * value names are read now, which is too late to notice an invalidation during the load: for that the cache's tag
   * generation is compared, which every invalidation changes before any epoch.
   */
  private tagsOf(
    early: ReadonlyArray<string>,
    exit: Exit.Exit<Value, unknown>,
    names: ReadonlyArray<string>,
    life: number | undefined
  ): Effect.Effect<ReadonlyArray<Entry.StoredTag> | "Changed", RedisError> {
    const { tags } = this.instance
    const known = this.epochs.filter((tag) => early.includes(tag.name))
    const lifeIsKnown = this.life._tag === "Fixed" && Exit.isSuccess(exit)
    // An epoch that is another by now is not taken: the entry is born absent, as it must be.
    const prolonged = lifeIsKnown ? [] : early
    if (names.length === 0) return Effect.as(tags.ensure(prolonged, life), known)
    return Effect.map(
      tags.ensureAndCheck([...prolonged, ...names], life, this.policy.leaseMaxDuration),
      ({ epochs, generation }) => {
        const more = epochs.slice(prolonged.length)
        return this.generation !== undefined && Entry.sameBytes(generation, this.generation) &&
            !more.some(({ held }) => held)
          ? [...known, ...more]
          : "Changed" as const
      }
    )
  }
}

/** The tags that are known before the computation: those of the keys, and those of the entries that were found. */
const namesOf = (tasks: ReadonlyArray<Task<unknown>>): ReadonlyArray<string> => [
  ...new Set(
    tasks.flatMap(({ kept, tags }) =>
      kept === undefined ? tags : [...tags, ...(Entry.tags(kept.bytes) ?? []).map(({ name }) => name)]
    )
  )
]
