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
 * has ended, since it blocked its thread and could not renew, still fills if the lease was not taken and no write came. So
 * "expired" and "deleted" are different things.
 *
 * ## Which caller gets which value
 *
 * A caller must not be given a value that was replaced, by a write that was acknowledged, before the caller began. In
 * this process everything that matters is numbered by `runtime.sequence`:
 *
 * - *filled*: the lease held from grant to fill, so no write came between. The value holds for all callers that began
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
 *   where there is none, from every 5 ms to every 100 ms. It waits for two other loads: where both have ended
 *   without a value and a third has begun, it computes at once, without a lease. (From here a load that was deleted in the
 *   middle looks like one that has failed.)
 * - a forced load (`Cache.refresh`) takes the lease from another one. What the other one computed is not stored, unless
 *   it was forced as well: it replaces what it set out to replace, under the lease of the newer one, and gives way to what
 *   was granted after it alone (`FillRequest.replaces`)
 * - an update of the source holds the key, or one of its tags (`ops/invalidating`): `Barred`. The load computes at once, is
 *   shared like one without a lease, and stores nothing. A load that an update begins while it runs has its lease taken
 *   away, as by any other write
 * - what a load is told of what was there (`previous.ts`) is what its lease stands in. A load without a lease is told of
 *   nothing
 * - a load inside of an update, which may read what is not committed: it joins none, none joins it, it stores nothing
 * - the holder dies: its lease ends after `lease.duration`
 * - the holder is slow: it renews at half time; after `lease.maxDuration` its computation is cut off, as a failed load
 * - a load over a stale value fails: the source is left alone for `retryAfter`, by every process that has something stale
 *   to serve. Those that have nothing take the lease
 * - interrupted, or the answer lost, at any point after a lease was asked for: the token was chosen here, so a release
 *   that compares the token follows on the same connection
 * - the fill's answer is lost: unknown whether stored; a release follows, which does nothing if it was
 * - the last waiter leaves: the key is settled as `Again`, so that a caller that has just found it looks for itself, and
 *   the load is interrupted; the caller that opened a key counts as waiting until it waits or leaves
 * - a background refresh or a forced load makes no caller wait: a caller joins it only after it has looked, and found
 *   nothing to be served
 * - loads that wait for each other in a circle: the wait that would close it is refused (`circles.ts`)
 * - the value is not to be stored (a life of zero): what stood there goes, if the lease still holds
 * - a tag is invalidated during a load: the entry is born with the epochs of before, and absent. After a wait for
 *   another's lease the epochs are read anew, before anything is computed
 * - a tag is expired during a load: the entry is born with the epochs of before, and stale since then. One whose tags its
 *   value names is not stored: the generation has changed
 * - the layer closes: loads are interrupted, release, and end their callers' waits; then the connections close
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../CacheError.js"
import { doubt } from "../cache/doubt.js"
import type { CacheInstance } from "../cache/instance.js"
import type { LeaseReply } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import { judge } from "../entry/verdict.js"
import { inside } from "../inFlight/circles.js"
import { LoadRun, type Mode } from "../inFlight/inFlight.js"
import { readMany, targetOf } from "../read/many.js"
import { bounded, type Computed, type TimeLimit } from "./computation.js"
import { Entries } from "./entries.js"
import { failing } from "./failing.js"
import { Fill } from "./fill.js"
import { Leases } from "./lease.js"
import { Outcomes } from "./outcomes.js"
import { keptOf, resolve, type Resolved, standsIn, type Unchanged } from "./previous.js"
import type { Compute, LoadOptions, Task } from "./task.js"

/** One load, from its lease to its fill. */
export class Leader<Key, Value, E, R> {
  private readonly leases: Leases<Key, Value>
  private readonly entries: Entries<Key, Value>
  private readonly outcomes: Outcomes<Key, Value>
  private readonly fill: Fill<Key, Value, E>
  /** The keys that are this load's: those that another process loads are handed over. */
  private readonly tasks = new Set<Task<Key>>()
  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    private readonly run: LoadRun,
    private readonly compute: Compute<Key, Value, E, R>,
    private readonly options: LoadOptions<Key, Value>
  ) {
    this.leases = new Leases(instance, run.mode === "Force")
    this.entries = new Entries(instance, options)
    this.outcomes = new Outcomes(instance, run.mode)
    this.fill = new Fill(instance, run.mode, this.leases, this.entries, this.outcomes)
  }

  private get runtime() {
    return this.instance.runtime
  }

  private get policy() {
    return this.instance.definition.policy
  }

  private get mode(): Mode {
    return this.run.mode
  }

  /** Starts the load. Its keys are in flight already; they are settled however it ends. */
  start(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { permits, refreshes } = this.instance
    for (const task of tasks) this.tasks.add(task)
    const isLocal = this.mode === "Local" || this.mode === "Apart"
    const load = isLocal ? this.computeLocally(tasks) : this.acquire(tasks)
    const body = Effect.onExit(
      // Before the lease: a load that waits for its turn here must not keep other processes from loading.
      // One inside of an update may be what others wait for that have a turn: it takes none.
      permits === undefined || this.mode === "Apart" ? load : Effect.suspend(() => permits.around(this.run, load)),
      () => this.leases.release(this.tasks)
    )
    const traced = Effect.withSpan(
      Effect.zipRight(
        this.expose,
        Effect.flatMap(
          body,
          () => this.outcomes.failure === undefined ? Effect.void : failing(this.outcomes.failure)
        )
      ),
      "Cache.load",
      {
        captureStackTrace: false,
        attributes: {
          cache: this.instance.definition.name,
          "load.mode": this.mode.toLowerCase(),
          ...(tasks.length > 1 ? { "load.keys": tasks.length } : {})
        }
      }
    )
    if (this.mode === "Refresh") refreshes.begin(this.run)
    // The span has ended with the failure; callers are told by their keys.
    const told = Effect.catchAllCause(
      traced,
      (cause) => this.outcomes.failure === undefined ? Effect.failCause(cause as Cause.Cause<never>) : Effect.void // its own
    )
    // @effect-diagnostics-next-line missingEffectContext:off -- no load asks for a parent span, so none is left out
    return Effect.map(this.runtime.background.fork(Effect.interruptible(told)), (fiber) => {
      this.run.fiber = fiber
      // However the fiber ends, also before its first step: no caller waits for ever.
      fiber.addObserver((exit) => {
        refreshes.end(this.run)
        const cause = Exit.isFailure(exit)
          ? exit.cause
          : Cause.die(
            new Error(`The load of ${tasks[0]?.redisKey} ended without an outcome: this is a bug in effect-redis-cache`)
          )
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

  // ---- the lease

  private acquire(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const asked = ++this.runtime.sequence
      const leased = this.entries.areTagged(tasks)
        ? Effect.zipLeft(this.leases.ask(tasks), this.entries.readEpochs(tasks), { concurrent: true })
        : this.leases.ask(tasks)
      return Effect.matchCauseEffect(
        this.mode === "Force" && this.options.looks ? this.lookBeside(tasks, leased) : leased,
        {
          onFailure: (cause) => this.withoutRedis(tasks, cause),
          onSuccess: (replies) => this.leased(tasks, replies, asked)
        }
      )
    })
  }

  /**
   * A forced load has not looked: what it is told of is read while the lease is asked for. Where that fails it is told of
   * nothing.
   */
  private lookBeside<A>(
    tasks: ReadonlyArray<Task<Key>>,
    leased: Effect.Effect<A, RedisError>
  ): Effect.Effect<A, RedisError> {
    const { definition } = this.instance
    const targets = tasks.map(({ key, redisKey }) => targetOf(this.instance, key, redisKey))
    const look = readMany(this.instance, targets, {
      onSuccess: (entries, now) => {
        for (const [i, { bytes, tagState }] of entries.entries()) {
          const task = tasks[i]!
          task.kept = keptOf(bytes, judge(definition, bytes, now, tagState, task.redisKey))
        }
        return Effect.void
      },
      onFailure: (error) => Effect.fail(error)
    })
    return Effect.zipLeft(leased, Effect.ignore(look), { concurrent: true }).pipe(
      Effect.tap(() => Effect.ignore(this.entries.readMore(tasks)))
    )
  }

  /** The store failed before anything was computed. */
  private withoutRedis(
    tasks: ReadonlyArray<Task<Key>>,
    cause: Cause.Cause<RedisError>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const error = Cause.failureOption(cause)
    if (error._tag === "None") {
      this.outcomes.fail(tasks, cause)
      return Effect.void
    }
    if (!this.policy.bypass) {
      return Effect.zipRight(this.fill.refused, this.outcomes.report(cause, tasks[0])).pipe(
        Effect.map(() => this.outcomes.fail(tasks, cause))
      )
    }
    const told = Effect.zipRight(this.fill.refused, this.instance.warnings.bypassed(error.value, tasks[0]?.redisKey))
    if (this.mode === "Refresh") {
      // Nothing could be stored, so nothing is computed: callers compute for themselves until something is stored again.
      this.outcomes.lookAgain(tasks)
      return told
    }
    return told.pipe(Effect.zipRight(this.leases.releaseBehind(tasks)), Effect.zipRight(this.computeLocally(tasks)))
  }

  private leased(
    tasks: ReadonlyArray<Task<Key>>,
    replies: ReadonlyArray<LeaseReply>,
    asked: number
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (this.mode === "Force" && replies[0]?._tag === "Found") return this.computeAndSwap(tasks[0]!, asked)
    // Where a tag is held that the key names the lease is of no use, whoever has it.
    const tagHeld = tasks.filter((task) => this.entries.areHeld(task))
    for (const task of tagHeld) task.barred = true
    const granted: Array<Task<Key>> = []
    const held: Array<readonly [Task<Key>, Extract<LeaseReply, { _tag: "Held" }>]> = []
    for (const [i, task] of tasks.entries()) {
      const reply = replies[i]!
      if (reply._tag === "Granted" || task.barred) {
        // A refresh that could not be stored is not worth its while.
        if (task.barred && this.mode === "Refresh") this.outcomes.lookAgain([task])
        else granted.push(task)
      } // A caller that has something stale is told so when it looks again; in a batch it may not want this key by now.
      else if (
        reply._tag === "Held" && this.mode !== "Refresh" && task.inFlight.outcome === undefined &&
        !Entry.sameBytes(reply.holder, Entry.noToken)
      ) held.push([task, reply])
      else this.outcomes.lookAgain([task])
    }
    const compute = tagHeld.length === 0
      ? this.computeAndFill(granted, asked)
      : Effect.zipRight(this.leases.releaseBehind(tagHeld), this.computeAndFill(granted, asked))
    if (held.length === 0) return compute
    const [first, ...others] = held
    if (tasks.length === 1 && others.length === 0) return this.waitForLease(...first!)
    // Each key that another process loads is waited for by itself, while this load goes on with the others.
    const apart = Effect.forEach(held, ([task]) => {
      const run = new LoadRun(this.mode)
      this.tasks.delete(task)
      task.inFlight.handOver(run)
      return new Leader(this.instance, run, this.compute, this.options).start([task])
    }, { discard: true })
    return Effect.zipRight(Effect.uninterruptible(apart), compute)
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
      this.instance.recorder,
      this.run,
      this.compute,
      tasks,
      this.limit,
      this.policy.leaseDuration / 2,
      this.leases.renew(this.tasks),
      (late) =>
        Effect.suspend(() => {
          this.instance.refreshes.end(this.run)
          this.outcomes.fail(tasks, late)
          return this.outcomes.report(late, tasks[0])
        })
    )
  }

  /** What the computation gave for a key, if anything. */
  private resolved(
    task: Task<Key>,
    lookUp: (task: Task<Key>) => Exit.Exit<Value | Unchanged, E> | undefined
  ): Resolved<Value, E> | undefined {
    const exit = lookUp(task)
    return exit === undefined ? undefined : resolve(this.instance.definition, task, exit)
  }

  /** Computes and stores nothing: the value is good for callers that began before. */
  private computeLocally(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const started = ++this.runtime.sequence
      return Effect.flatMap(this.bounded(tasks), ({ exit }) => {
        if (Exit.isFailure(exit)) {
          this.outcomes.fail(tasks, exit.cause)
          return Effect.void
        }
        // It was to replace what is there, and does so for all that its caller is told.
        const doubted = this.mode === "Force"
          ? doubt(this.instance, tasks.map((task) => task.redisKey), [])
          : Effect.void
        return Effect.map(doubted, () => {
          for (const task of tasks) this.outcomes.settleValue(task, this.resolved(task, exit.value)?.exit, started)
        })
      })
    })
  }

  private computeAndFill(
    tasks: ReadonlyArray<Task<Key>>,
    asked: number
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (tasks.length === 0) return Effect.void
    for (const task of tasks) {
      task.previous = standsIn(task) && this.entries.hold(task.kept!) ? task.kept : undefined
    }
    return Effect.flatMap(this.bounded(tasks), ({ exit, millis }) => {
      if (Exit.isSuccess(exit)) {
        const loaded = tasks.map((task) => ({ task, exit: undefined, ...this.resolved(task, exit.value) }))
        return this.fill.store(loaded, millis, asked)
      }
      const failure = Cause.failureOption(exit.cause)
      return tasks.length === 1 && this.policy.failureLife !== undefined && failure._tag === "Some"
        ? this.fill.store([{ task: tasks[0]!, exit: Exit.failCause(exit.cause) }], millis, asked)
        : this.outcomes.report(exit.cause, tasks[0]).pipe(
          Effect.zipRight(this.leases.release(tasks, this.fill.backOff(exit.cause))),
          Effect.map(() => this.outcomes.fail(tasks, exit.cause))
        )
    })
  }

  /** A counter that is there: what is computed replaces the count that was seen, or nothing. */
  private computeAndSwap(task: Task<Key>, asked: number): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    task.previous = task.kept
    return Effect.flatMap(this.bounded([task]), ({ exit: computed, millis }) => {
      // A load of one key has a value, or has failed.
      const exit: Exit.Exit<Value, E> = Exit.isSuccess(computed)
        ? this.resolved(task, computed.value)!.exit
        : Exit.failCause(computed.cause)
      if (Exit.isFailure(exit)) {
        this.outcomes.fail([task], exit.cause)
        return Effect.void
      }
      return Effect.map(Effect.exit(this.fill.swap(task, exit, millis)), (stored) => {
        if (Exit.isSuccess(stored)) this.outcomes.settle(task, exit, asked)
        else this.outcomes.fail([task], stored.cause)
      })
    })
  }
}
