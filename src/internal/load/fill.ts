/** Stores the values of a load, each key by itself, if its lease still holds. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { CodecError, RedisError } from "../../CacheError.js"
import { evicting } from "../cache/detach.js"
import { doubt } from "../cache/doubt.js"
import type { CacheInstance } from "../cache/instance.js"
import { notStored } from "../cache/prepare.js"
import * as Entry from "../entry/format.js"
import type { Mode } from "../inFlight/inFlight.js"
import type { Entries, Prepared, Ready } from "./entries.js"
import type { Leases } from "./lease.js"
import type { Outcomes } from "./outcomes.js"
import type { Kept } from "./previous.js"
import type { Task } from "./task.js"

/** What the keys of a load came to: a value or a failure, or nothing. `kept`: the value is that of this entry. */
export type Loaded<Key, Value, E> = ReadonlyArray<
  { readonly task: Task<Key>; readonly exit: Exit.Exit<Value, E> | undefined; readonly kept?: Kept | undefined }
>

export class Fill<Key, Value, E> {
  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    private readonly mode: Mode,
    private readonly leases: Leases<Key, Value>,
    private readonly entries: Entries<Key, Value>,
    private readonly outcomes: Outcomes<Key, Value>
  ) {}

  private get runtime() {
    return this.instance.runtime
  }

  private get policy() {
    return this.instance.definition.policy
  }

  /** The store does not accept the values: for now, refreshes in the background would be useless. */
  readonly refused = Effect.clockWith((clock) => {
    this.instance.storing = false
    if (this.mode === "Refresh") this.instance.refreshes.pause(this.runtime.driver.unsafeMonotonic(clock))
    return Effect.void
  })

  /**
   * How long the source is left alone after a failed load, in ms: where there is a stale value to serve, the next reader
   * need not ask at once, here or anywhere. A random part less, so that a fleet does not ask in step.
   */
  backOff(cause: Cause.Cause<unknown>): number | undefined {
    const { retryAfter, staleIfError } = this.policy
    const serves = this.mode === "Refresh" || (this.mode === "Lead" && staleIfError > 0)
    if (!serves || Cause.isInterruptedOnly(cause)) return undefined
    return Math.max(1, Math.ceil(retryAfter * (1 - this.runtime.random.fraction() / 2)))
  }

  /** Stores the computed values, each key by itself, if its lease still holds. */
  store(computed: Loaded<Key, Value, E>, millis: number, asked: number): Effect.Effect<void> {
    const fill = Effect.gen(this, function*() {
      const ready: Array<Ready & { task: Task<Key>; exit: Exit.Exit<Value, E> }> = []
      const unstored: Array<{ task: Task<Key>; exit: Exit.Exit<Value, E> | undefined; prepared: Prepared }> = []
      const prepare = ({ exit, kept, task }: Loaded<Key, Value, E>[number]): Effect.Effect<Prepared, RedisError> =>
        exit === undefined || task.barred ? Effect.succeed("Changed") : this.entries.prepare(task, exit, millis, kept)
      // All at once where they have tags: the epochs of all of them are one round trip.
      const together = computed.length > 1 && this.entries.areTagged(computed.map(({ task }) => task))
      const all = together ? yield* Effect.forEach(computed, prepare, { concurrency: "unbounded" }) : []
      if (!together) { for (const each of computed) all.push(yield* prepare(each)) }
      for (const [i, { exit, task }] of computed.entries()) {
        if (task.barred) this.instance.recorder.barredLoad()
        const prepared = all[i]!
        if (typeof prepared === "object" && Either.isRight(prepared)) {
          ready.push({ task, exit: exit!, ...prepared.right })
        } else unstored.push({ task, exit, prepared })
      }
      yield* this.leaveOut(unstored, asked)
      if (ready.length === 0) return
      const sent = ++this.runtime.sequence
      const filled = yield* this.send(ready.map(({ prepared: { bytes, life }, task }) => ({ task, bytes, life })))
      this.instance.storing = true
      for (const [i, { exit, tagged, task }] of ready.entries()) {
        task.claimed = false
        if (filled[i] === true) this.instance.recorder.write()
        else {
          this.instance.recorder.refusedFill()
          yield* this.tellOfLateness(task)
        }
        // The fill does not compare tags: after an invalidation meanwhile, the entry is absent to all readers.
        this.outcomes.settle(task, exit, filled[i] === true && !tagged ? sent : asked)
      }
    })
    return Effect.catchAll(fill, (error) => this.notStored(computed, error, asked))
  }

  /** What is not stored: a newer value must not leave an older one in its place. */
  private leaveOut(
    unstored: ReadonlyArray<
      { readonly task: Task<Key>; readonly exit: Exit.Exit<Value, E> | undefined; readonly prepared: Prepared }
    >,
    asked: number
  ): Effect.Effect<void, RedisError> {
    return Effect.gen(this, function*() {
      const displaced = unstored.filter(({ exit, prepared, task }) =>
        exit !== undefined && Exit.isSuccess(exit) && this.displaces(task, prepared)
      )
      if (displaced.length > 0) {
        yield* this.send(displaced.map(({ task }) => ({ task, bytes: undefined, life: undefined })))
        for (const { task } of displaced) task.claimed = false
      }
      const failed = unstored.flatMap(({ exit, task }) =>
        exit !== undefined && Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)
          ? [{ task, cause: exit.cause }]
          : []
      )
      if (failed.length > 0) yield* this.leases.release(failed.map(({ task }) => task), this.backOff(failed[0]!.cause))
      yield* this.leases.release(unstored.map(({ task }) => task))
      for (const { exit, prepared, task } of unstored) {
        if (exit !== undefined && Exit.isFailure(exit)) {
          // A failure that is not cached, or cannot be, is still the failure.
          yield* this.outcomes.report(exit.cause, task)
          this.outcomes.settleFailure(task, exit.cause, asked)
        } else if (typeof prepared === "object" && Either.isLeft(prepared)) {
          yield* this.outcomes.report(Cause.fail(prepared.left), task)
          this.outcomes.fail([task], Cause.fail(prepared.left))
        } else this.outcomes.settleValue(task, exit, asked)
      }
    })
  }

  /** Whether something has to go that a reader could still be given. */
  private displaces(task: Task<Key>, prepared: Prepared): boolean {
    // Under a hold nothing is there.
    if (task.barred) return false
    // A forced load has replaced what was there, whether or not its own value may be stored.
    if (this.mode === "Force") return typeof prepared === "string"
    return prepared === "Unwanted" && Entry.identity(task.seen, this.instance.definition.kind).length > 0
  }

  private send(
    requests: ReadonlyArray<
      { readonly task: Task<Key>; readonly bytes: Uint8Array | undefined; readonly life: number | undefined }
    >
  ): Effect.Effect<ReadonlyArray<boolean>, RedisError> {
    // A counter has no slot for another load's lease; there can only be a marker, which is never returned to a caller.
    const forced = this.mode === "Force" && this.instance.definition.kind === "entry"
    return this.write(
      requests.map(({ task }) => task),
      this.runtime.driver.fill(requests.map(({ bytes, life, task }) => ({
        key: task.redisKey,
        token: task.token,
        bytes,
        life,
        replaces: forced ? task.grant : undefined,
        leaseLife: this.policy.leaseLife
      })))
    )
  }

  /** A load that lost its lease to time, and not to a write, is worth knowing of: it may never be cached. */
  private tellOfLateness(task: Task<Key>): Effect.Effect<void> {
    return Effect.clockWith((clock) => {
      if (this.runtime.driver.unsafeMonotonic(clock) <= task.heldUntil) return Effect.void
      const duration = Duration.format(Duration.millis(this.policy.leaseDuration))
      return this.instance.warnings.warn(
        `A loaded value was not stored: the load did not renew its lease within lease.duration (${duration}), and another ` +
          `load or write took its place. If the load blocks the thread, raise lease.duration above the time it takes`,
        task.redisKey
      )
    })
  }

  /** A write of a load: near copies of the old value are not served any more. */
  private write<A>(
    tasks: ReadonlyArray<Task<Key>>,
    effect: Effect.Effect<A, RedisError>
  ): Effect.Effect<A, RedisError> {
    return evicting(this.runtime, tasks.map((task) => task.redisKey), effect)
  }

  /** The store failed at the last step, so it is unknown whether the value is there. */
  private notStored(computed: Loaded<Key, Value, E>, error: RedisError, asked: number): Effect.Effect<void> {
    const { bypass } = this.policy
    const first = computed[0]?.task
    const told = bypass
      ? this.instance.warnings.bypassed(error, first?.redisKey)
      : this.outcomes.report(Cause.fail(error), first)
    // To its caller, the previous value counts as replaced.
    const doubted = bypass && this.mode === "Force"
      ? doubt(this.instance, computed.map(({ task }) => task.redisKey), [], error)
      : Effect.void
    return this.refused.pipe(
      Effect.zipRight(doubted),
      Effect.zipRight(told),
      Effect.map(() => {
        for (const { exit, task } of computed) {
          // A failure that could not be cached is still the failure.
          if (exit !== undefined && Exit.isFailure(exit)) this.outcomes.settleFailure(task, exit.cause, asked)
          else if (bypass) this.outcomes.settleValue(task, exit, asked)
          else this.outcomes.fail([task], Cause.fail(error))
        }
      })
    )
  }

  /** Replaces the count that was seen with the computed one: an existing counter has no place for a lease. */
  swap(task: Task<Key>, exit: Exit.Exit<Value, E>, millis: number): Effect.Effect<void, RedisError | CodecError> {
    const { driver } = this.runtime
    const { kind } = this.instance.definition
    return Effect.gen(this, function*() {
      const prepared = yield* this.entries.prepare(task, exit, millis)
      // What is not to be stored must not leave an older count in its place.
      const { bytes, life } = typeof prepared === "string" ? notStored(task.redisKey) : (yield* prepared).prepared
      const { done } = yield* this.write(
        [task],
        driver.swap({ key: task.redisKey, seen: task.seen, bytes, life }, kind)
      )
      if (!done) this.instance.recorder.refusedFill()
      else if (bytes !== undefined) this.instance.recorder.write()
    })
  }
}
