/**
 * The one load path. What `Cache.getOrSet`, `Cache.refresh`, `Cache.getOrSetMany` and `Memo` do when a value is absent.
 *
 * ## States of an entry
 *
 *     missing ──lease──▶ marker ──fill──▶ fresh ──time──▶ stale ──time──▶ missing (Redis expires it)
 *        ▲                  │                ▲               │
 *        └──release, expiry─┘                └──fill── stale, leased ◀──lease
 *
 * A *marker* is a lease on nothing; a stale entry takes the lease into a slot of its own header, so one Redis key stays
 * one entry. Foreign bytes, another version, an invalidated tag count as missing, but what stands there is compared: a
 * lease is granted only over what its asker has seen (`Driver.lease`), and a fill happens only over its own lease
 * (`Driver.fill`). Both are one atomic step in the store. Any `SET` or `DEL`, by any program, in any language, puts other
 * bytes (or none) there, and so revokes the lease: **what a load computed is never stored over something newer, nor
 * after an invalidation**. Nothing else in this folder is needed for that promise; the rest is about who waits for whom.
 *
 * A lease is held until the time in its slot. Marker and entry stay longer, for `lease.maxDuration`: a load whose lease
 * has ended, since it blocked its thread and could not renew, still fills if nobody took the lease and nobody wrote. So
 * "expired" and "deleted" are different things.
 *
 * ## Which caller gets which value
 *
 * A caller must not be given a value that was replaced, by a write that was acknowledged, before the caller began. In
 * this process everything that matters is numbered by `runtime.sequence`:
 *
 * - *filled*: the lease held from grant to fill, so nobody wrote between. The value holds for all callers that began
 *   before the fill was sent (an entry with tags: before the lease was asked for, since the fill does not compare tags).
 * - *refused*, or not to be stored: another process may have written at any time after the grant. The value holds for
 *   callers that began before the lease was asked for; later ones look again.
 * - *without a lease* (Redis is away, or the wait for another's lease was too long): the same, from when the
 *   computation was started. Under `bypass` this still protects the origin: all callers that come during one computation
 *   share the next.
 * - failures are shared by all callers that wait, and kept for nobody (unless the policy caches failures, as values are).
 *   A caller that joined a load which failed looks once, since a value may have been written meanwhile; the failure of a
 *   forced load is its caller's alone, that of a background refresh is nobody's.
 *
 * A local write takes the key out of the table at once (`InFlightTable.detach`), when it is called and when it is
 * answered: callers after it start anew, and are not given even a failure of a load that began before the write.
 *
 * ## Races, and what each comes to
 *
 * - write or delete during a load: the fill is refused
 * - delete between a reader's look and its lease: the lease is granted (a marker), the load starts after the delete
 * - write between a reader's look and its lease: `Found`; every caller that waits looks again, and after some rounds
 *   computes without storing: others may write faster than it can look
 * - two processes ask for one lease: one is granted, the other is told `Held`. It looks again by asking for the lease, so
 *   that it sees the value or has the lease in one step: when the feed of changes tells that the key has changed, or,
 *   where there is none, from every 5 ms to every 100 ms. It waits for one other load: where that has failed and a third
 *   process has the lease by then, it computes at once, without a lease
 * - a forced load (`Cache.refresh`) takes the lease from another one. What the other one computed is not stored, unless
 *   it was forced as well: it replaces what it set out to replace, under the lease of the newer one, and gives way to what
 *   was granted after it alone (`FillRequest.replaces`)
 * - the holder dies: its lease ends after `lease.duration`
 * - the holder is slow: it renews at half time; after `lease.maxDuration` its computation is cut off, as a failed load
 * - a load over a stale value fails: the source is left alone for `retryAfter`, by every process that has something stale
 *   to serve. Those that have nothing take the lease
 * - interrupted, or the answer lost, at any point after a lease was asked for: the token was chosen here, so a release
 *   that compares the token follows on the same connection
 * - the fill's answer is lost: unknown whether stored; a release follows, which does nothing if it was
 * - the last waiter leaves: the key is settled as `Again`, so that a caller that has just found it looks for itself, and
 *   the load is interrupted; the caller that opened a key counts as waiting until it waits or leaves
 * - a background refresh or a forced load makes nobody wait: a caller joins it only after it has looked, and found
 *   nothing to be served
 * - loads that wait for each other in a circle: the wait that would close it is refused (`circles.ts`)
 * - the value is not to be stored (a life of zero): what stood there goes, if the lease still holds
 * - a tag is invalidated during a load: the entry is born with the epochs of before, and absent. After a wait for
 *   another's lease the epochs are read anew, before anything is computed
 * - the layer closes: loads are interrupted, release, and end their callers' waits; then the connections close
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { RedisError } from "../../CacheError.js"
import type { LeaseReply } from "../../Driver.js"
import type { Binding } from "../binding.js"
import { evicting } from "../detaching.js"
import * as Entry from "../entry.js"
import { inside } from "./circles.js"
import { bounded, type Computed, type TimeLimit } from "./computation.js"
import { Entries, type Prepared, type Ready } from "./fill.js"
import { again, LoadRun, type Mode } from "./inFlight.js"
import { Leases } from "./lease.js"
import type { Compute, LoadOptions, Task } from "./task.js"

type Loaded<Key, Value, E> = ReadonlyArray<
  { readonly task: Task<Key>; readonly exit: Exit.Exit<Value, E> | undefined }
>

/** One load, from its lease to its fill. */
export class Leader<Key, Value, E, R> {
  private readonly leases: Leases<Key, Value>
  private readonly entries: Entries<Key, Value>
  /** The keys that are this load's: those that another process loads are handed over. */
  private readonly tasks = new Set<Task<Key>>()
  /** Why there is no value, for the load's span. */
  private failure: Cause.Cause<unknown> | undefined

  constructor(
    private readonly binding: Binding<Key, Value>,
    private readonly run: LoadRun,
    private readonly compute: Compute<Key, Value, E, R>,
    private readonly options: LoadOptions<Key, Value>
  ) {
    this.leases = new Leases(binding, run.mode === "Force")
    this.entries = new Entries(binding, options)
  }

  private get runtime() {
    return this.binding.runtime
  }

  private get policy() {
    return this.binding.model.policy
  }

  private get mode(): Mode {
    return this.run.mode
  }

  /** Starts the load. Its keys are in flight already; they are settled however it ends. */
  start(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { permits, refreshes } = this.binding
    for (const task of tasks) this.tasks.add(task)
    const load = this.mode === "Local" ? this.computeLocally(tasks) : this.acquire(tasks)
    const body = Effect.onExit(
      // Before the lease: a load that waits for its turn here must not keep other processes from loading.
      permits === undefined ? load : Effect.suspend(() => permits.around(this.run, load)),
      () => this.leases.release(this.tasks)
    )
    const traced = Effect.withSpan(
      Effect.zipRight(
        this.expose,
        Effect.flatMap(body, () => this.failure === undefined ? Effect.void : Exit.failCause(this.failure))
      ),
      "Cache.load",
      { captureStackTrace: false, attributes: { "cache.name": this.binding.model.name, "cache.keys": tasks.length } }
    )
    if (this.mode === "Refresh") refreshes.begin(this.run)
    // The span has ended with the failure; callers are told by their keys.
    const told = Effect.catchAllCause(
      traced,
      (cause) => this.failure === undefined ? Effect.failCause(cause as Cause.Cause<never>) : Effect.void // its own
    )
    // @effect-diagnostics-next-line missingEffectContext:off -- no load asks for a parent span, so none is left out
    return Effect.map(Effect.forkIn(Effect.interruptible(told), this.runtime.scope), (fiber) => {
      this.run.fiber = fiber
      // However the fiber ends, also before its first step: no caller waits for ever.
      fiber.addObserver((exit) => {
        refreshes.end(this.run)
        const cause = Exit.isFailure(exit)
          ? exit.cause
          : Cause.die(new Error(`The load of ${tasks[0]?.redisKey} ended without an outcome`))
        for (const key of [...this.run.keys]) {
          this.runtime.flights.settle(key, { _tag: "Done", exit: Exit.failCause(cause), validBefore: Infinity })
        }
      })
    })
  }

  private readonly expose = Effect.withFiberRuntime<void>((fiber) => {
    // A background refresh is not a part of the load whose look began it: that one does not wait for it.
    this.run.inside = this.mode === "Refresh" ? [] : fiber.getFiberRef(inside)
    return Effect.map(Effect.option(Effect.currentSpan), (span) => {
      if (span._tag === "Some") this.run.begin(span.value)
    })
  })

  // ---- telling callers

  private settle({ inFlight }: Task<Key>, exit: Exit.Exit<unknown, unknown>, validBefore = Infinity): void {
    this.runtime.flights.settle(inFlight, { _tag: "Done", exit, validBefore })
  }

  private settleAll(tasks: Iterable<Task<Key>>, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isFailure(exit)) this.failure = exit.cause
    for (const task of tasks) this.settle(task, exit)
  }

  private settleValue(task: Task<Key>, value: Exit.Exit<Value, E> | undefined, validBefore: number): void {
    if (value !== undefined) this.settle(task, value, validBefore)
    else this.runtime.flights.settle(task.inFlight, { _tag: "Nothing", validBefore })
  }

  private lookAgain(tasks: Iterable<Task<Key>>): void {
    for (const { inFlight } of tasks) this.runtime.flights.settle(inFlight, again)
  }

  /** A background refresh fails where nobody waits for it: only the log can tell. */
  private report(cause: Cause.Cause<unknown>, task: Task<Key> | undefined): Effect.Effect<void> {
    if (this.mode !== "Refresh" || task === undefined || Cause.isInterruptedOnly(cause)) return Effect.void
    const reason = Option.filter(Cause.failureOption(cause), (error) => error instanceof RedisError)
    const what = Option.isSome(reason)
      ? `A background refresh could not be stored (${reason.value.reason})`
      : "A background refresh failed"
    return this.binding.warn(`${what}, and the stale value stays`, task.redisKey, cause)
  }

  // ---- the lease

  private acquire(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const asked = ++this.runtime.sequence
      return Effect.matchCauseEffect(
        this.entries.areTagged(tasks)
          ? Effect.zipLeft(this.leases.ask(tasks), this.entries.readEpochs(tasks), { concurrent: true })
          : this.leases.ask(tasks),
        {
          onFailure: (cause) => this.withoutRedis(tasks, cause),
          onSuccess: (replies) => this.leased(tasks, replies, asked)
        }
      )
    })
  }

  /** The store failed before anything was computed. */
  private withoutRedis(
    tasks: ReadonlyArray<Task<Key>>,
    cause: Cause.Cause<RedisError>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const error = Cause.failureOption(cause)
    if (error._tag === "None") {
      this.settleAll(tasks, Exit.failCause(cause))
      return Effect.void
    }
    if (!this.policy.bypass) {
      return Effect.zipRight(this.refused, this.report(cause, tasks[0])).pipe(
        Effect.map(() => this.settleAll(tasks, Exit.failCause(cause)))
      )
    }
    const told = Effect.zipRight(this.refused, this.binding.bypassed(error.value, tasks[0]?.redisKey))
    if (this.mode === "Refresh") {
      // Nothing could be stored, so nothing is computed: callers compute for themselves until something is stored again.
      this.lookAgain(tasks)
      return told
    }
    return told.pipe(Effect.zipRight(this.leases.releaseBehind(tasks)), Effect.zipRight(this.computeLocally(tasks)))
  }

  /** The store does not take what is computed: refreshes in the background would come to nothing for now. */
  private readonly refused = Effect.clockWith((clock) => {
    this.binding.storing = false
    if (this.mode === "Refresh") this.binding.refreshes.pause(this.runtime.driver.unsafeMonotonic(clock))
    return Effect.void
  })

  private leased(
    tasks: ReadonlyArray<Task<Key>>,
    replies: ReadonlyArray<LeaseReply>,
    asked: number
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (this.mode === "Force" && replies[0]?._tag === "Found") return this.computeAndSwap(tasks[0]!, asked)
    const granted: Array<Task<Key>> = []
    const held: Array<readonly [Task<Key>, Extract<LeaseReply, { _tag: "Held" }>]> = []
    for (const [i, task] of tasks.entries()) {
      const reply = replies[i]!
      if (reply._tag === "Granted") granted.push(task)
      // A caller that has something stale is told so when it looks again; in a batch nobody may want this key by now.
      else if (
        reply._tag === "Held" && this.mode !== "Refresh" && task.inFlight.outcome === undefined &&
        !Entry.sameBytes(reply.holder, Entry.noToken)
      ) held.push([task, reply])
      else this.lookAgain([task])
    }
    if (held.length === 0) return this.computeAndFill(granted, asked)
    const [first, ...others] = held
    if (tasks.length === 1 && others.length === 0) return this.waitForLease(...first!)
    // Each key that another process loads is waited for by itself, while this load goes on with the others.
    const apart = Effect.forEach(held, ([task]) => {
      const run = new LoadRun(this.mode)
      this.tasks.delete(task)
      task.inFlight.handOver(run)
      return new Leader(this.binding, run, this.compute, this.options).start([task])
    }, { discard: true })
    return Effect.zipRight(Effect.uninterruptible(apart), this.computeAndFill(granted, asked))
  }

  private waitForLease(
    task: Task<Key>,
    held: Extract<LeaseReply, { _tag: "Held" }>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    // The epochs that were read before the wait may be others by then: a load must not begin with those.
    const granted = Effect.suspend(() => this.entries.areTagged([task]) ? this.entries.readEpochs([task]) : Effect.void)
    return Effect.matchCauseEffect(this.leases.waitFor(task, held.holder, held.millis, granted), {
      onFailure: (cause) => this.withoutRedis([task], cause),
      onSuccess: (found) =>
        found === undefined ? this.computeLocally([task]) : this.leased([task], [found.reply], found.asked)
    })
  }

  // ---- the computation

  private get limit(): TimeLimit {
    const { leaseMaxDuration, refreshTimeout } = this.policy
    return this.mode === "Refresh" && refreshTimeout < leaseMaxDuration
      ? { millis: refreshTimeout, option: "refreshTimeout" }
      : { millis: leaseMaxDuration, option: "lease.maxDuration" }
  }

  private bounded(
    tasks: ReadonlyArray<Task<Key>>
  ): Effect.Effect<Computed<Key, Value, E>, never, Exclude<R, Scope.Scope>> {
    return bounded(
      this.binding.recorder,
      this.run,
      this.compute,
      tasks,
      this.limit,
      this.policy.leaseDuration / 2,
      this.leases.renew(this.tasks),
      (late) =>
        Effect.suspend(() => {
          this.binding.refreshes.end(this.run)
          this.settleAll(tasks, Exit.failCause(late))
          return this.report(late, tasks[0])
        })
    )
  }

  /** Computes and stores nothing: the value is good for callers that began before. */
  private computeLocally(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const started = ++this.runtime.sequence
      return Effect.map(this.bounded(tasks), ({ exit }) => {
        if (Exit.isFailure(exit)) return this.settleAll(tasks, exit)
        for (const task of tasks) this.settleValue(task, exit.value(task), started)
      })
    })
  }

  private computeAndFill(
    tasks: ReadonlyArray<Task<Key>>,
    asked: number
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (tasks.length === 0) return Effect.void
    return Effect.flatMap(this.bounded(tasks), ({ exit, millis }) => {
      if (Exit.isSuccess(exit)) {
        return this.store(tasks.map((task) => ({ task, exit: exit.value(task) })), millis, asked)
      }
      const failure = Cause.failureOption(exit.cause)
      return tasks.length === 1 && this.policy.failureLife !== undefined && failure._tag === "Some"
        ? this.store([{ task: tasks[0]!, exit: Exit.failCause(exit.cause) }], millis, asked)
        : this.report(exit.cause, tasks[0]).pipe(
          Effect.zipRight(this.leases.release(tasks, this.backOff(exit.cause))),
          Effect.map(() => this.settleAll(tasks, exit))
        )
    })
  }

  /**
   * How long the source is left alone after a failed load, in ms: where there is a stale value to serve, the next reader
   * need not ask at once, here or anywhere. A random part less, so that a fleet does not ask in step.
   */
  private backOff(cause: Cause.Cause<unknown>): number | undefined {
    const { retryAfter, staleIfError } = this.policy
    const serves = this.mode === "Refresh" || (this.mode === "Lead" && staleIfError > 0)
    if (!serves || Cause.isInterruptedOnly(cause)) return undefined
    return Math.max(1, Math.ceil(retryAfter * (1 - this.runtime.random.fraction() / 2)))
  }

  /** A counter that is there is no place for a lease: what is computed replaces the count that was seen, or nothing. */
  private computeAndSwap(task: Task<Key>, asked: number): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { driver } = this.runtime
    const { kind } = this.binding.model
    return Effect.flatMap(this.bounded([task]), ({ exit: computed, millis }) => {
      const exit = Exit.isSuccess(computed) ? computed.value(task) : undefined
      if (exit === undefined || Exit.isFailure(exit)) {
        this.settleAll([task], Exit.isFailure(computed) ? computed : exit!)
        return Effect.void
      }
      const swapped = Effect.gen(this, function*() {
        const prepared = yield* this.entries.prepare(task, exit, millis)
        if (typeof prepared === "string") return
        const { bytes, life } = yield* prepared
        const { done } = yield* this.write(
          [task],
          driver.swap({ key: task.redisKey, seen: task.seen, bytes, life }, kind)
        )
        if (done) this.binding.recorder.write()
        else this.binding.recorder.refusedFill()
      })
      return Effect.map(Effect.exit(swapped), (stored) => {
        if (Exit.isSuccess(stored)) this.settle(task, exit, asked)
        else this.settleAll([task], stored)
      })
    })
  }

  // ---- the fill

  /** Stores what was computed, each key for itself, where its lease still holds. */
  private store(computed: Loaded<Key, Value, E>, millis: number, asked: number): Effect.Effect<void> {
    const fill = Effect.gen(this, function*() {
      const ready: Array<Ready & { task: Task<Key>; exit: Exit.Exit<Value, E> }> = []
      const unstored: Array<{ task: Task<Key>; exit: Exit.Exit<Value, E> | undefined; prepared: Prepared }> = []
      for (const { exit, task } of computed) {
        const prepared = exit === undefined ? "Changed" : yield* this.entries.prepare(task, exit, millis)
        if (typeof prepared === "object" && Either.isRight(prepared)) {
          ready.push({ task, exit: exit!, ...prepared.right })
        } else unstored.push({ task, exit, prepared })
      }
      yield* this.leaveOut(unstored, asked)
      if (ready.length === 0) return
      const sent = ++this.runtime.sequence
      const filled = yield* this.fill(ready)
      this.binding.storing = true
      for (const [i, { exit, tagged, task }] of ready.entries()) {
        task.claimed = false
        if (filled[i] === true) this.binding.recorder.write()
        else {
          this.binding.recorder.refusedFill()
          yield* this.tellOfLateness(task)
        }
        // Tags are not compared by the fill: an invalidation meanwhile left an entry that is absent to all who look.
        this.settle(task, exit, filled[i] === true && !tagged ? sent : asked)
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
        yield* this.fill(displaced.map(({ task }) => ({ task, bytes: undefined, life: undefined })))
        for (const { task } of displaced) task.claimed = false
      }
      const failed = unstored.flatMap(({ exit, task }) =>
        exit !== undefined && Exit.isFailure(exit) ? [{ task, cause: exit.cause }] : []
      )
      for (const { cause, task } of failed) yield* this.leases.release([task], this.backOff(cause))
      yield* this.leases.release(unstored.map(({ task }) => task))
      for (const { exit, prepared, task } of unstored) {
        if (exit !== undefined && Exit.isFailure(exit)) {
          // A failure that is not cached, or cannot be, is still the failure.
          yield* this.report(exit.cause, task)
          this.settleAll([task], exit)
        } else if (typeof prepared === "object" && Either.isLeft(prepared)) {
          yield* this.report(Cause.fail(prepared.left), task)
          this.settleAll([task], Exit.fail(prepared.left))
        } else this.settleValue(task, exit, asked)
      }
    })
  }

  /** Whether something has to go that a reader could still be given. */
  private displaces(task: Task<Key>, prepared: Prepared): boolean {
    // A forced load has replaced what was there, whether or not its own value may be stored.
    if (this.mode === "Force") return typeof prepared === "string"
    return prepared === "Unwanted" && Entry.identity(task.seen, this.binding.model.kind).length > 0
  }

  private fill(
    requests: ReadonlyArray<
      { readonly task: Task<Key>; readonly bytes: Uint8Array | undefined; readonly life: number | undefined }
    >
  ): Effect.Effect<ReadonlyArray<boolean>, RedisError> {
    // A counter has no slot to keep another's lease in; what there could be is a marker, which nobody is given.
    const forced = this.mode === "Force" && this.binding.model.kind === "entry"
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
      return this.binding.warn(
        `A loaded value was not stored: its load could not renew its lease within lease.duration, ${duration} ` +
          `(does it block the thread?), and another load or write took its place. Raise lease.duration above what the ` +
          `load takes`,
        task.redisKey
      )
    })
  }

  /** A write of a load: near copies of what was there are not served any more. */
  private write<A>(
    tasks: ReadonlyArray<Task<Key>>,
    effect: Effect.Effect<A, RedisError>
  ): Effect.Effect<A, RedisError> {
    return evicting(this.runtime, tasks.map((task) => task.redisKey), effect)
  }

  /** The store failed at the last step, so it is unknown whether the value is there. */
  private notStored(computed: Loaded<Key, Value, E>, error: RedisError, asked: number): Effect.Effect<void> {
    const { bypass } = this.policy
    const tasks = computed.map(({ task }) => task)
    const told = bypass ? this.binding.bypassed(error, tasks[0]?.redisKey) : this.report(Cause.fail(error), tasks[0])
    return this.refused.pipe(
      Effect.zipRight(told),
      Effect.zipRight(this.leases.releaseBehind(tasks)),
      Effect.map(() => {
        for (const { exit, task } of computed) {
          // A failure that could not be cached is still the failure.
          if (exit !== undefined && Exit.isFailure(exit)) this.settleAll([task], exit)
          else if (bypass) this.settleValue(task, exit, asked)
          else this.settleAll([task], Exit.fail(error))
        }
      })
    )
  }
}
