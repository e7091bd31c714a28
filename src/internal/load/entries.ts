/** From what was computed to what is stored: entries with their tags, and what is not to be stored. */
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
import * as Entry from "../entry/format.js"
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
    return this.policy.valueTags !== undefined || tasks.some((task) => task.tags.length > 0)
  }

  readEpochs(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, RedisError> {
    const names = [...new Set(tasks.flatMap((task) => task.tags))]
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

  /** Whether an update of the source holds one of a task's tags. */
  areHeld(task: Task<Key>): boolean {
    return this.epochs.some(({ held, name }) => held && task.tags.includes(name))
  }

  prepare(task: Task<Key>, exit: Exit.Exit<Value, unknown>, millis: number): Effect.Effect<Prepared, RedisError> {
    return Effect.gen(this, function*() {
      const life = yield* jittered(this.instance.definition, this.lifeOf(task, exit))
      if (life === 0) return "Unwanted"
      const encoded = this.encode(task, exit)
      if (Either.isLeft(encoded)) return Either.left(encoded.left)
      const whole = wholeLife(this.policy, life)
      const more = this.valueTags(task, exit)
      // Before any epoch is made for them.
      const refused = checkTags(this.instance.definition, [...task.tags, ...more])
      if (refused !== undefined) return Either.left(refused)
      const tags = yield* this.tagsOf(task, exit, more, whole)
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
    return [...new Set(valueTags(exit.value, task.key))].filter((name) => !task.tags.includes(name))
  }

  /**
   * The tags of an entry with their epochs. Those known from the key were read before the load began; those that the
   * value names are read now, which is too late to notice an invalidation during the load: for that the cache's tag
   * generation is compared, which every invalidation changes before any epoch.
   */
  private tagsOf(
    task: Task<Key>,
    exit: Exit.Exit<Value, unknown>,
    names: ReadonlyArray<string>,
    life: number | undefined
  ): Effect.Effect<ReadonlyArray<Entry.StoredTag> | "Changed", RedisError> {
    const { tags } = this.instance
    const known = this.epochs.filter((tag) => task.tags.includes(tag.name))
    const lifeIsKnown = this.life._tag === "Fixed" && Exit.isSuccess(exit)
    // An epoch that is another by now is not taken: the entry is born absent, as it must be.
    const prolonged = lifeIsKnown ? [] : task.tags
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
