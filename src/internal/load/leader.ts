/**
 * The one load path. What `Cache.getOrSet`, `Cache.refresh`, `Cache.getOrSetMany` and `Memo` do when a value is absent.
 *
 * ## States of an entry
 *
 *     missing ──lease──▶ marker ──fill──▶ fresh ──time──▶ stale ──time──▶ missing (Redis expires it)
 *        ▲                  │                ▲               │
 *        └──release, expiry─┘                └──fill── stale, leased ◀──lease
 *
 * A *marker* is a lease with no entry under it. A stale entry takes the lease into a slot of its own header, so that one
 * entry stays one Redis key. Foreign bytes, an entry of another version and an entry with an invalidated tag count as
 * missing, but their bytes are compared: a lease is granted only over what its caller has seen (`Driver.lease`), and a
 * fill happens only over its own lease (`Driver.fill`). Both are one atomic step in the store. Any `SET` or `DEL`, by any
 * program in any language, leaves other bytes there (or none), and so revokes the lease: **what a load computed is never
 * stored over something newer, nor after an invalidation**. That promise needs nothing else in this folder; the rest
 * decides which caller waits for which load.
 *
 * A load holds its lease until the time in the lease's slot. Marker and entry stay longer, for `lease.maxDuration`: if a
 * load blocks its thread and cannot renew, its lease ends, but the load may still fill if no other load took the lease
 * and no write came. So "expired" and "deleted" are different states.
 *
 * ## Which caller gets which value
 *
 * If an acknowledged write replaced a value before a caller began, that caller must not be given the old value. In this
 * process everything that matters is numbered by `runtime.sequence`:
 *
 * - *filled*: the lease held from grant to fill, so no write came between. The value is valid for all callers that began
 *   before the fill was sent (for an entry with tags: before the lease was asked for, since the fill does not compare
 *   tags).
 * - *refused*, or not to be stored: another process may have written at any time after the grant. The value is valid for
 *   callers that began before the lease was asked for; later ones look again.
 * - *without a lease* (Redis is unreachable, or the wait for another process's lease took too long): the same, but counted
 *   from the start of the computation. Under `bypass` this still protects the source: all callers that come during one
 *   computation share the next.
 * - *failed*: all callers that wait share the failure, and it is not kept for later ones (unless the policy caches
 *   failures, as values). If a caller joined a load that failed, it looks once more, since a value may have been written
 *   meanwhile. The failure of a forced load goes to its own caller only; that of a background refresh goes to no caller.
 *
 * A local write takes the key out of the table at once (`InFlightTable.detach`), when it is called and again when it is
 * answered. Callers after it start a new load. They are not even given the failure of a load that began before the write.
 *
 * ## Races and their outcomes
 *
 * - write or delete during a load: the fill is refused.
 * - delete between a caller's look and its lease: the lease is granted (a marker), and the load starts after the delete.
 * - write between a caller's look and its lease: `Found`. Every waiting caller looks again. After some rounds a caller
 *   computes without storing, since other writers may be faster than it can look.
 * - two processes ask for one lease: one is granted, the other gets `Held`. The other waits, and looks again by asking for
 *   the lease, so that one step gives it either the value or the lease. It does so when the feed of changes reports a
 *   change of the key, or, if there is no feed, at intervals that grow from 5 ms to 100 ms. It waits for at most two other
 *   loads: if both ended without a value and a third has begun, it computes at once, without a lease. (To a waiting
 *   process, a load whose key was deleted looks like a load that failed.)
 * - a forced load (`Cache.refresh`) takes the lease from another load. The other load's result is not stored, unless it was
 *   forced too: then it replaces what it set out to replace, under the lease of the newer one. Only a load that was granted
 *   after it takes precedence (`FillRequest.replaces`).
 * - an update of the source holds the key, or one of its tags (`ops/invalidating`): `Barred`. The load computes at once, is
 *   shared like a load without a lease, and stores nothing. If an update begins while a load runs, the load loses its
 *   lease, as with any other write.
 * - the previous value that a load receives (`previous.ts`) is the one that its lease stands in. A load without a lease
 *   receives none.
 * - a load inside an update may read what is not committed: it joins no other load, no caller joins it, and it stores
 *   nothing.
 * - the holder dies: its lease ends after `lease.duration`.
 * - the holder is slow: it renews its lease at half time. After `lease.maxDuration` its computation is cut off, and counts
 *   as a failed load.
 * - a load over a stale value fails: every process that has a stale value to serve spares the source for `retryAfter`.
 *   Processes that have none take the lease.
 * - a load is interrupted, or an answer is lost, at any point after it asked for a lease: this process chose the token, so
 *   a release that compares the token follows on the same connection.
 * - the answer to the fill is lost: the value may have been stored. A release follows, which does nothing if it was.
 * - the last waiter leaves: the key is settled as `Again`, so that a caller that has just found the load looks for itself,
 *   and the load is interrupted. The caller that opened a key counts as waiting until it waits or leaves.
 * - a load is interrupted, and its computation takes time to end: its lease is given up meanwhile. It keeps its turn among
 *   concurrent loads until it has ended.
 * - no caller waits for a background refresh or a forced load unless it has to: it joins one only after it has looked and
 *   found nothing to serve.
 * - loads wait for each other in a circle: the wait that would close the circle is refused (`circles.ts`).
 * - the value is not to be stored (a TTL of zero): what was there is removed, if the lease still holds.
 * - a tag is invalidated during a load: the new entry has the epochs from before, so it is absent from the start. After a
 *   wait for another process's lease, the epochs are read again before the computation.
 * - a tag is expired during a load: the new entry has the epochs from before, so it is stale since the expiry. An entry
 *   with tags from its value is not stored: the tag generation has changed.
 * - the layer closes: loads are interrupted, release their leases, and end their callers' waits. Then the connections
 *   close.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { RedisError } from "../../CacheError.js"
import { doubt } from "../cache/doubt.js"
import type { CacheInstance } from "../cache/instance.js"
import type { LeaseReply } from "../driver/driver.js"
import { setFiberRef } from "../driver/setFiberRef.js"
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
  /** The keys of this load. A key that another process is loading is handed over to a load of its own. */
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

  /** Starts the load. Its keys are in flight already, and are settled however the load ends. */
  start(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { permits, refreshes } = this.instance
    for (const task of tasks) this.tasks.add(task)
    const isLocal = this.mode === "Local" || this.mode === "Apart"
    const load = isLocal ? this.computeLocally(tasks) : this.acquire(tasks)
    const body = Effect.onExit(
      // Before the lease: a load that waits for its turn here must not keep other processes from loading.
      // A load inside an update takes no turn: loads that have one may be waiting for the update.
      permits === undefined || this.mode === "Apart" ? load : Effect.suspend(() => permits.around(this.run, load)),
      () => this.leases.release(this.tasks)
    )
    let ended: Exit.Exit<void> | undefined
    const traced = Effect.useSpan(
      "Cache.load",
      {
        captureStackTrace: false,
        attributes: {
          cache: this.instance.definition.name,
          "load.mode": this.mode.toLowerCase(),
          ...(tasks.length > 1 ? { "load.keys": tasks.length } : {})
        }
      },
      (span) =>
        Effect.flatMap(
          Effect.exit(Effect.interruptible(this.within(span, body))),
          (exit) => {
            ended = exit
            return this.outcomes.failure === undefined ? exit : failing(span, this.outcomes.failure)
          }
        )
    )
    if (this.mode === "Refresh") refreshes.begin(this.run)
    // Its span ends with the failure of any key, which callers get by that key. The fiber ends as the load itself did.
    const told = Effect.flatMap(Effect.exit(traced), (exit) => ended ?? exit)
    return Effect.map(this.runtime.background.fork(Effect.uninterruptible(told)), (fiber) => {
      this.run.fiber = fiber
      // No caller waits for ever, even if the fiber ends before its first step.
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

  /** This fiber is the load's own: it takes part in the span, and belongs to the loads inside which it began. */
  private within<A, E2, R2>(span: Tracer.Span, body: Effect.Effect<A, E2, R2>): Effect.Effect<A, E2, R2> {
    return Effect.withFiberRuntime((fiber) => {
      // A background refresh is not part of the load whose look began it: that load does not wait for it.
      this.run.inside = this.mode === "Refresh" ? [] : fiber.getFiberRef(inside)
      this.run.begin(span)
      setFiberRef(fiber, FiberRef.currentContext, Context.add(fiber.currentContext, Tracer.ParentSpan, span))
      return body
    })
  }

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
   * A forced load has not looked: its previous value is read while the lease is asked for. If that read fails, the load
   * receives no previous value.
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
      // Nothing could be stored, so a refresh computes nothing: callers compute for themselves until Redis stores again.
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
    // If a tag of the key is held, a lease is useless, whichever load has it.
    const tagHeld = tasks.filter((task) => this.entries.areHeld(task))
    for (const task of tagHeld) task.barred = true
    const granted: Array<Task<Key>> = []
    const held: Array<readonly [Task<Key>, Extract<LeaseReply, { _tag: "Held" }>]> = []
    for (const [i, task] of tasks.entries()) {
      const reply = replies[i]!
      if (reply._tag === "Granted" || task.barred) {
        // A refresh that cannot be stored is not worth computing.
        if (task.barred && this.mode === "Refresh") this.outcomes.lookAgain([task])
        else granted.push(task)
      } // A caller with a stale value finds it when it looks again; a caller of a batch may not want this key any more.
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
    // Each key that another process is loading gets a wait of its own, while this load goes on with the others.
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
    // The epochs may have changed during the wait: a load must not begin with those that were read before it.
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
    const { recorder, refreshes } = this.instance
    return bounded(this.runtime, recorder, this.run, this.compute, tasks, this.limit, {
      every: this.leases.renew(this.tasks),
      period: this.policy.leaseDuration / 2,
      onInterrupted: this.leases.release(this.tasks),
      onLate: (late) => {
        refreshes.end(this.run)
        this.outcomes.fail(tasks, late)
        const released = this.leases.giveUp(this.tasks, this.fill.backOff(late))
        return Effect.ensuring(this.outcomes.report(late, tasks[0]), released)
      }
    })
  }

  /** The computation's result for a key, if it has one. */
  private resolved(
    task: Task<Key>,
    lookUp: (task: Task<Key>) => Exit.Exit<Value | Unchanged, E> | undefined
  ): Resolved<Value, E> | undefined {
    const exit = lookUp(task)
    return exit === undefined ? undefined : resolve(this.instance.definition, task, exit)
  }

  /** Computes and stores nothing: the value is valid for callers that began before the computation. */
  private computeLocally(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const started = ++this.runtime.sequence
      return Effect.flatMap(this.bounded(tasks), ({ exit }) => {
        if (Exit.isFailure(exit)) {
          if (tasks.length > 1) this.outcomes.fail(tasks, exit.cause)
          else this.outcomes.settleFailure(tasks[0]!, exit.cause, started)
          return Effect.void
        }
        // It was meant to replace what is stored, and could not: what is there must not be read as if it were current.
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

  /** For a counter that has a count: the result replaces it only if it is still the count that was seen. */
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
