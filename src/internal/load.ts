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
 * (`Driver.fill`). Both are one atomic step in the store. Any `SET` or `DEL`, by anyone, in any language, puts other
 * bytes (or none) there, and so revokes the lease: **what a load computed is never stored over something newer, nor
 * after an invalidation**. Nothing else in this file is needed for that promise; the rest is about who waits for whom.
 *
 * ## Who gets whose value
 *
 * A caller must not be given a value that was replaced, by a write that was acknowledged, before the caller began. In
 * this process everything that matters is numbered by `runtime.sequence`:
 *
 * - *filled*: the lease held from grant to fill, so nobody wrote between. The value holds for all who began before the
 *   fill was sent (an entry with tags: before the lease was asked for, since the fill does not compare tags).
 * - *refused*, or not to be stored: somebody may have written at any time after the grant. The value holds for those
 *   who began before the lease was asked for; later ones look again.
 * - *without a lease* (Redis is away, or the wait for another's lease was too long): the same, from when the
 *   computation was started. Under `bypass` this still protects the origin: all who come during one computation share
 *   the next.
 * - failures are shared by all who wait, and kept for nobody (unless the policy caches failures, as values are).
 *
 * A local write takes the slot out of the table at once (`FlightTable.detach`), when it is called and when it is
 * answered: whoever asks after it starts anew, and is not given even a failure of a load that began before the write.
 *
 * ## Races, and what each comes to
 *
 * - write or delete during a load: the fill is refused
 * - delete between a reader's look and its lease: the lease is granted (a marker), the load starts after the delete
 * - write between a reader's look and its lease: `Found`; everyone who waits looks again
 * - two processes ask for one lease: one is granted, the other is told `Held`. It looks again by asking for the lease, so
 *   that it sees the value or has the lease in one step: when the feed of the near tier tells that the key has changed,
 *   or, where there is none, from every 5 ms to every 100 ms
 * - the holder dies: Redis forgets the marker (or the slot's time passes) after `lease.duration`
 * - the holder is slow: it renews at half time; after `lease.maxDuration` its computation is interrupted
 * - interrupted, or the answer lost, at any point after a lease was asked for: the token was chosen here, so a release
 *   that compares the token follows on the same connection
 * - the fill's answer is lost: unknown whether stored; a release follows, which does nothing if it was
 * - the last waiter leaves: the slot is settled as `Again`, so that one who has just found it looks for himself, and the
 *   load is interrupted; who opened a slot counts as waiting until he waits or leaves
 * - a background refresh makes nobody wait: only who has looked, and found nothing to be served, joins it
 * - the value is not to be stored (a life of zero): what stood there goes, if the lease still holds
 * - a tag is invalidated during a load: the entry is born with the epochs of before, and absent. After a wait for
 *   another's lease the epochs are read anew, before anything is computed
 * - the layer closes: loads are interrupted, release, and end those who wait; then the connections close
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CodecError, RedisError } from "../CacheError.js"
import type { LeaseReply } from "../Driver.js"
import type { Binding } from "./binding.js"
import { evicting } from "./detaching.js"
import * as Entry from "./entry.js"
import { again, Flight, loading, type Slot } from "./flight.js"
import type { Bell } from "./near/feed.js"
import { type Life, wholeLife } from "./policy.js"

/**
 * After how long a lease that another process holds is asked for again, in ms, where nothing tells of its end: an eighth
 * of the wait so far, so that nobody waits much longer than he has to.
 */
const firstPollMillis = 5
const lastPollMillis = 100
const pollPause = (waited: number): number => Math.min(lastPollMillis, Math.max(firstPollMillis, Math.ceil(waited / 8)))

/** How long, less a random part, until a refresh that failed is tried again. */
const refreshBackOffMillis = 1_000

/** What a caller of a load may ask for beside the policy. */
export interface LoadOptions<in Key, in Value> {
  /** Instead of the policy's. */
  readonly life: Life<Key, Value> | undefined
  /** Beside the policy's. */
  readonly tags: ReadonlyArray<string>
  /** How long to wait, in ms. */
  readonly timeout: number | undefined
}

export const noOptions: LoadOptions<unknown, unknown> = { life: undefined, tags: [], timeout: undefined }

/** What computes the values of a flight's keys: the answer looks them up, and has no value for those it has none for. */
export type Compute<in out Key, in out Value, out E, out R> = (
  tasks: ReadonlyArray<Task<Key>>
) => Effect.Effect<(task: Task<Key>) => Exit.Exit<Value, E> | undefined, E, R>

/** One key of a flight. */
export interface Task<out Key> {
  readonly key: Key
  readonly redisKey: string
  readonly slot: Slot
  /** The tags of its entry that are known before its value is. */
  readonly tags: ReadonlyArray<string>
  /** What was found there and is unusable. */
  readonly seen: Uint8Array | undefined
  readonly token: Uint8Array
  /** A lease was asked for, and it is not known to be gone. */
  claimed: boolean
}

/** An entry that is ready to be stored. */
interface Ready {
  readonly bytes: Uint8Array
  readonly life: number | undefined
  readonly tagged: boolean
}

/** What asking for a lease came to, and when it was asked for. */
interface Look {
  readonly reply: LeaseReply
  readonly asked: number
}

export type Mode =
  /** Take the lease, or wait for who has it. */
  | "Lead"
  /** Take the lease from whoever has it. */
  | "Force"
  /** Take the lease if it is free, else leave it: a background refresh. */
  | "Refresh"
  /** Redis is away: compute, and store nothing. */
  | "Local"

/** One flight, from its lease to its fill. */
export class Loader<Key, Value, E, R> {
  /** The tags' epochs, read before anything is computed. */
  private epochs: ReadonlyArray<Entry.StoredTag> = []
  private generation: Uint8Array | undefined

  constructor(
    readonly binding: Binding<Key, Value>,
    readonly flight: Flight,
    readonly compute: Compute<Key, Value, E, R>,
    readonly options: LoadOptions<Key, Value>,
    readonly mode: Mode
  ) {}

  get runtime() {
    return this.binding.runtime
  }

  get policy() {
    return this.binding.model.policy
  }

  /** Starts the flight. Its slots are open already; they are settled however it ends. */
  start(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { permits } = this.binding
    const load = this.mode === "Local" ? this.computeLocally(tasks) : this.acquire(tasks)
    const body = Effect.onExit(
      // Before the lease: who queues here must not keep other processes from loading.
      permits === undefined ? load : permits.withPermits(1)(load),
      () => this.release(tasks)
    )
    const traced = Effect.withSpan(
      Effect.zipRight(this.exposeSpan, body),
      "Cache.load",
      { captureStackTrace: false, attributes: { "cache.name": this.binding.model.name, "cache.keys": tasks.length } }
    )
    if (this.mode === "Refresh") this.runtime.refreshes++
    // @effect-diagnostics-next-line missingEffectContext:off -- no load asks for a parent span, so none is left out
    return Effect.map(Effect.forkIn(Effect.interruptible(traced), this.runtime.scope), (fiber) => {
      this.flight.fiber = fiber
      // However the fiber ends, also before its first step: nobody waits for ever.
      fiber.addObserver((exit) => {
        if (this.mode === "Refresh") this.runtime.refreshes--
        const cause = Exit.isFailure(exit)
          ? exit.cause
          : Cause.die(new Error(`The load of ${tasks[0]?.redisKey} ended without an outcome`))
        for (const slot of [...this.flight.slots]) this.settle(slot, Exit.failCause(cause), Infinity)
      })
    })
  }

  private readonly exposeSpan = Effect.map(Effect.option(Effect.currentSpan), (span) => {
    if (span._tag === "Some") this.flight.begin(span.value)
  })

  private settle(slot: Slot, exit: Exit.Exit<unknown, unknown>, validBefore: number): void {
    this.runtime.flights.settle(slot, { _tag: "Done", exit, validBefore })
  }

  private settleAll(tasks: ReadonlyArray<Task<Key>>, exit: Exit.Exit<unknown, unknown>): void {
    for (const task of tasks) this.settle(task.slot, exit, Infinity)
  }

  // ---- the lease

  private ask(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<ReadonlyArray<LeaseReply>, RedisError> {
    return Effect.suspend(() => {
      for (const task of tasks) task.claimed = true
      return Effect.map(
        this.runtime.driver.lease(
          tasks.map(({ redisKey, seen, token }) => ({
            key: redisKey,
            seen,
            token,
            duration: this.policy.leaseDuration,
            force: this.mode === "Force"
          })),
          this.binding.model.kind
        ),
        (replies) => {
          for (const [i, task] of tasks.entries()) task.claimed = replies[i] === "Granted"
          return replies
        }
      ).pipe(
        Effect.tapError((error) =>
          Effect.sync(() => {
            // What was never sent took no lease. Of several leases others may have been sent, to other servers.
            if (error.reason === "CircuitOpen" && (tasks.length === 1 || this.runtime.driver.hasBreakers !== true)) {
              for (const task of tasks) task.claimed = false
            }
          })
        )
      )
    })
  }

  /** What the logs say of these tasks. */
  private about(tasks: ReadonlyArray<Task<Key>>): Record<string, string> {
    return { cache: this.binding.model.name, key: tasks.map((task) => task.redisKey).join(" ") }
  }

  /** Gives up what leases these tasks have, or may have. */
  private release(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const claimed = tasks.filter((task) => task.claimed)
      if (claimed.length === 0) return Effect.void
      for (const task of claimed) task.claimed = false
      return Effect.catchAll(
        this.runtime.driver.release(claimed.map(({ redisKey, token }) => ({ key: redisKey, token }))),
        // It expires by itself, in `lease.duration` at the most.
        (error) =>
          Effect.annotateLogs(Effect.logDebug(`A lease could not be released: ${error.message}`), this.about(claimed))
      )
    })
  }

  /** The same, without waiting for the answer. */
  private releaseBehind(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void> {
    return Effect.asVoid(Effect.forkIn(Effect.uninterruptible(this.release(tasks)), this.runtime.scope))
  }

  /** How long tag epochs must live that are read when a load begins. */
  private get epochLife(): number | undefined {
    const life = this.options.life ?? this.policy.life
    if (life._tag === "Computed") return this.policy.leaseMaxDuration
    const whole = wholeLife(this.policy, life.millis)
    return whole === undefined ? undefined : whole + this.policy.leaseMaxDuration
  }

  private tagged(tasks: ReadonlyArray<Task<Key>>): boolean {
    return this.policy.valueTags !== undefined || tasks.some((task) => task.tags.length > 0)
  }

  private readEpochs(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, RedisError> {
    const names = [...new Set(tasks.flatMap((task) => task.tags))]
    const generation = this.policy.valueTags === undefined
      ? Effect.void
      : Effect.map(this.binding.generation(this.policy.leaseMaxDuration), (found) => {
        this.generation = found
      })
    const epochs = Effect.map(this.binding.epochs(names, this.epochLife), (found) => {
      this.epochs = found
    })
    return Effect.zipRight(generation, epochs, { concurrent: this.policy.valueTags !== undefined && names.length > 0 })
  }

  private acquire(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const asked = ++this.runtime.sequence
      return Effect.matchCauseEffect(
        this.tagged(tasks)
          ? Effect.zipLeft(this.ask(tasks), this.readEpochs(tasks), { concurrent: true })
          : this.ask(tasks),
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
    if (!this.policy.bypass || Cause.isInterruptedOnly(cause)) {
      return Effect.map(this.report(cause, tasks), () => this.settleAll(tasks, Exit.failCause(cause)))
    }
    this.binding.recorder.bypass()
    if (this.mode === "Refresh") {
      // Nothing could be stored, so nothing is computed; who joined meanwhile looks for himself.
      for (const task of tasks) this.runtime.flights.settle(task.slot, again)
      return Effect.void
    }
    return Effect.zipRight(this.releaseBehind(tasks), this.computeLocally(tasks))
  }

  private leased(
    tasks: ReadonlyArray<Task<Key>>,
    replies: ReadonlyArray<LeaseReply>,
    asked: number
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (this.mode === "Force" && replies[0] === "Found") return this.computeAndSwap(tasks[0]!, asked)
    const granted: Array<Task<Key>> = []
    const held: Array<Task<Key>> = []
    for (const [i, task] of tasks.entries()) {
      if (replies[i] === "Granted") granted.push(task)
      // In a batch nobody may want this key by now.
      else if (replies[i] === "Held" && this.mode !== "Refresh" && task.slot.outcome === undefined) held.push(task)
      else this.runtime.flights.settle(task.slot, again)
    }
    if (held.length === 0) return this.computeAndFill(granted, asked)
    if (tasks.length === 1) {
      return this.waitForLease(held[0]!)
    }
    // Each key that another process loads is waited for by itself, while this flight loads the others.
    const apart = Effect.forEach(held, (task) => {
      const flight = new Flight()
      this.flight.slots.delete(task.slot)
      flight.slots.add(task.slot)
      task.slot.flight = flight
      const alone = new Loader(this.binding, flight, this.compute, this.options, this.mode)
      return alone.start([task])
    }, { discard: true })
    return Effect.zipRight(Effect.uninterruptible(apart), this.computeAndFill(granted, asked))
  }

  /** Waits for a lease that another process holds: who has it may store a value, fail, or die. */
  private waitForLease(task: Task<Key>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { feed } = this.runtime.near
    const waited = Effect.acquireUseRelease(
      Effect.sync(() => feed.hang(task.redisKey)),
      (bell) =>
        Effect.clockWith((clock) => {
          const began = monotonicMillis(clock)
          // What happened before the bell hung it has not told: so the first look is at once, where bells ring.
          return feed.hears(clock) ? this.lookAgain(task, bell, began) : this.pauseThenLook(task, bell, began)
        }),
      (bell) => Effect.sync(() => feed.unhang(bell))
    )
    return Effect.matchCauseEffect(waited, {
      onFailure: (cause) => this.withoutRedis([task], cause),
      onSuccess: (found) =>
        found === undefined ? this.computeLocally([task]) : this.leased([task], [found.reply], found.asked)
    })
  }

  /** Until the bell rings, or it is time to look anyway; nothing when `lease.wait` is over. */
  private pauseThenLook(task: Task<Key>, bell: Bell, began: number): Effect.Effect<Look | undefined, RedisError> {
    return Effect.clockWith((clock) => {
      const waited = monotonicMillis(clock) - began
      const left = this.policy.leaseWait - waited
      if (left <= 0) return Effect.succeed(undefined)
      // Who dies rings no bell, and the store tells of the end of a lease late.
      const longest = this.runtime.near.feed.hears(clock) ? this.policy.leaseDuration : pollPause(waited)
      const pause = Effect.acquireUseRelease(
        Effect.fork(
          Effect.interruptible(Effect.map(Effect.sleep(Math.min(longest, left)), () => bell.latch.unsafeOpen()))
        ),
        () => bell.latch.await,
        Fiber.interrupt
      )
      return Effect.zipRight(pause, this.lookAgain(task, bell, began))
    })
  }

  /** Looks by asking for the lease, until the answer is another. */
  private lookAgain(task: Task<Key>, bell: Bell, began: number): Effect.Effect<Look | undefined, RedisError> {
    return Effect.suspend(() => {
      bell.latch.unsafeClose()
      const asked = ++this.runtime.sequence
      return Effect.flatMap(
        this.askAgain(task),
        (reply) => reply === "Held" ? this.pauseThenLook(task, bell, began) : Effect.succeed({ reply, asked })
      )
    })
  }

  /** The epochs that were read before the wait may be others by now: a load must not begin with those. */
  private askAgain(task: Task<Key>): Effect.Effect<LeaseReply, RedisError> {
    return Effect.flatMap(this.ask([task]), ([reply]) =>
      reply === "Granted" && this.tagged([task])
        ? Effect.as(this.readEpochs([task]), reply)
        : Effect.succeed(reply!))
  }

  /** Lets the leases live as long as the computation, up to a bound. Ends by interrupting itself, never with a value. */
  private renewing(tasks: ReadonlyArray<Task<Key>>, held: number): Effect.Effect<never> {
    const { leaseDuration: duration, leaseMaxDuration } = this.policy
    const pause = Math.min(duration / 2, leaseMaxDuration - held)
    if (pause <= 0) {
      return Effect.logWarning(`A load took longer than lease.maxDuration and is interrupted`).pipe(
        Effect.annotateLogs(this.about(tasks)),
        Effect.zipRight(Effect.interrupt)
      )
    }
    return Effect.sleep(pause).pipe(
      Effect.zipRight(Effect.suspend(() => {
        const mine = tasks.filter((task) => task.claimed)
        // A renewal that fails is tried again at the next turn; a lease that is lost stays lost, and the fill sees it.
        return mine.length === 0 || held + pause >= leaseMaxDuration ? Effect.void : Effect.ignore(
          this.runtime.driver.renew(mine.map(({ redisKey, token }) => ({ key: redisKey, token, duration })))
        )
      })),
      Effect.flatMap(() => this.renewing(tasks, held + pause))
    )
  }

  // ---- the computation

  /** Runs the computation in a scope of its own, and records how long it took. */
  private run(
    tasks: ReadonlyArray<Task<Key>>
  ): Effect.Effect<
    readonly [Exit.Exit<(task: Task<Key>) => Exit.Exit<Value, E> | undefined, E>, number],
    never,
    Exclude<R, Scope.Scope>
  > {
    const { recorder } = this.binding
    const timed = Effect.clockWith((clock) => {
      const started = clock.unsafeCurrentTimeNanos()
      let millis = 0
      return Effect.suspend(() => this.compute(tasks)).pipe(
        Effect.scoped,
        Effect.onExit((exit) => {
          millis = Number(clock.unsafeCurrentTimeNanos() - started) / 1e6
          recorder.load(millis, Exit.isSuccess(exit))
          return Effect.void
        }),
        Effect.exit,
        Effect.map((exit) => [exit, millis] as const)
      )
    })
    return Effect.locallyWith(timed, loading, (slots) => [...slots, ...tasks.map((task) => task.slot)])
  }

  /** Computes and stores nothing: the value is good for those who began before. */
  private computeLocally(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      const started = ++this.runtime.sequence
      return Effect.map(this.bounded(this.run(tasks), tasks), ([exit]) => {
        if (Exit.isFailure(exit)) return this.settleAll(tasks, exit)
        for (const task of tasks) this.settleValue(task, exit.value(task), started)
      })
    })
  }

  private settleValue(task: Task<Key>, value: Exit.Exit<Value, E> | undefined, validBefore: number): void {
    if (value !== undefined) this.settle(task.slot, value, validBefore)
    else this.runtime.flights.settle(task.slot, { _tag: "Nothing", validBefore })
  }

  private bounded<A>(
    run: Effect.Effect<readonly [Exit.Exit<A, E>, number], never, Exclude<R, Scope.Scope>>,
    tasks: ReadonlyArray<Task<Key>>
  ): Effect.Effect<readonly [Exit.Exit<A, E>, number], never, Exclude<R, Scope.Scope>> {
    return Effect.map(
      Effect.exit(Effect.raceFirst(run, this.renewing(tasks, 0))),
      (raced) => Exit.isSuccess(raced) ? raced.value : [Exit.failCause(raced.cause), 0] as const
    )
  }

  private computeAndFill(
    tasks: ReadonlyArray<Task<Key>>,
    asked: number
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (tasks.length === 0) return Effect.void
    return Effect.flatMap(this.bounded(this.run(tasks), tasks), ([exit, millis]) => {
      if (Exit.isSuccess(exit)) {
        return this.store(tasks.map((task) => ({ task, exit: exit.value(task) })), millis, asked)
      }
      const failure = Cause.failureOption(exit.cause)
      return tasks.length === 1 && this.policy.failureLife !== undefined && failure._tag === "Some"
        ? this.store([{ task: tasks[0]!, exit: Exit.failCause(exit.cause) }], millis, asked)
        : this.report(exit.cause, tasks).pipe(
          Effect.zipRight(
            this.mode === "Refresh" && !Cause.isInterruptedOnly(exit.cause) ? this.backOff(tasks) : this.release(tasks)
          ),
          Effect.map(() => this.settleAll(tasks, exit))
        )
    })
  }

  /**
   * A refresh that failed keeps its leases for a while: the value is stale and served, and the origin is not asked again
   * by the next reader, here or anywhere.
   */
  private backOff(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const claimed = tasks.filter((task) => task.claimed)
      for (const task of claimed) task.claimed = false
      const longest = Math.min(refreshBackOffMillis, this.policy.leaseDuration)
      const duration = Math.ceil(longest * (1 - this.runtime.random.fraction() / 2))
      return Effect.ignore(
        this.runtime.driver.renew(claimed.map(({ redisKey, token }) => ({ key: redisKey, token, duration })))
      )
    })
  }

  /** A counter that is there is no place for a lease: what is computed replaces the count that was seen, or nothing. */
  private computeAndSwap(task: Task<Key>, asked: number): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const { driver } = this.runtime
    const { kind } = this.binding.model
    return Effect.flatMap(this.bounded(this.run([task]), [task]), ([computed, millis]) => {
      const exit = Exit.isSuccess(computed) ? computed.value(task) : undefined
      if (exit === undefined || Exit.isFailure(exit)) {
        this.settle(task.slot, Exit.isFailure(computed) ? computed : exit!, Infinity)
        return Effect.void
      }
      const swapped = Effect.gen(this, function*() {
        const ready = yield* this.prepare(task, exit, millis, yield* Effect.clock)
        if (typeof ready === "string") return
        const { bytes, life } = yield* ready
        const { done } = yield* this.write(
          [task],
          driver.swap({ key: task.redisKey, seen: task.seen, bytes, life }, kind)
        )
        if (done) this.binding.recorder.write()
        else this.binding.recorder.refusedFill()
      })
      return Effect.map(
        Effect.exit(swapped),
        (stored) =>
          this.settle(task.slot, Exit.isSuccess(stored) ? exit : stored, Exit.isSuccess(stored) ? asked : Infinity)
      )
    })
  }

  /** A background refresh fails where nobody waits for it: only the log can tell. */
  private report(cause: Cause.Cause<unknown>, tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void> {
    return this.mode !== "Refresh" || Cause.isInterruptedOnly(cause)
      ? Effect.void
      : Effect.annotateLogs(Effect.logWarning("A background refresh failed", cause), this.about(tasks))
  }

  // ---- the fill

  /** Stores what was computed, each key for itself, where its lease still holds. */
  private store(
    computed: ReadonlyArray<{ readonly task: Task<Key>; readonly exit: Exit.Exit<Value, E> | undefined }>,
    millis: number,
    asked: number
  ): Effect.Effect<void> {
    const tasks = computed.map(({ task }) => task)
    const fill = Effect.gen(this, function*() {
      const clock = yield* Effect.clock
      const ready: Array<Ready & { task: Task<Key>; exit: Exit.Exit<Value, E> }> = []
      const unstored: Array<Task<Key>> = []
      const displaced: Array<Task<Key>> = []
      const outcomes: Array<() => void> = []
      for (const { exit, task } of computed) {
        const prepared = exit === undefined ? "Changed" : yield* this.prepare(task, exit, millis, clock)
        if (typeof prepared === "object" && Either.isRight(prepared)) {
          ready.push({ task, exit: exit!, ...prepared.right })
          continue
        }
        unstored.push(task)
        if (prepared === "Unwanted" && Exit.isSuccess(exit!) && this.mayReplace(task)) displaced.push(task)
        if (typeof prepared === "object") yield* this.report(Cause.fail(prepared.left), [task])
        outcomes.push(() =>
          typeof prepared === "string"
            ? exit === undefined || Exit.isSuccess(exit)
              ? this.settleValue(task, exit, asked)
              : this.settle(task.slot, exit, Infinity)
            // A failure that cannot be cached is still the failure.
            : this.settle(task.slot, Exit.isFailure(exit!) ? exit : Exit.fail(prepared.left), Infinity)
        )
      }
      if (displaced.length > 0) {
        // What was there must not outlive a newer value that is not stored: a marker takes its place, and is released.
        yield* this.write(
          displaced,
          this.runtime.driver.fill(
            displaced.map(({ redisKey, token }) => ({ key: redisKey, token, bytes: Entry.marker(token, 0), life: 1 }))
          )
        )
      }
      yield* this.release(unstored)
      for (const settle of outcomes) settle()
      if (ready.length === 0) return
      const sent = ++this.runtime.sequence
      const filled = yield* this.write(
        ready.map(({ task }) => task),
        this.runtime.driver.fill(
          ready.map(({ bytes, life, task }) => ({ key: task.redisKey, token: task.token, bytes, life }))
        )
      )
      for (const [i, { exit, tagged, task }] of ready.entries()) {
        task.claimed = false
        if (filled[i] === true) this.binding.recorder.write()
        else this.binding.recorder.refusedFill()
        // Tags are not compared by the fill: an invalidation meanwhile left an entry that is absent to all who look.
        this.settle(task.slot, exit, filled[i] === true && !tagged ? sent : asked)
      }
    })
    return Effect.catchAll(fill, (error) => this.notStored(computed, error, asked, tasks))
  }

  /** A write of a load: near copies of what was there are not served any more. */
  private write<A>(
    tasks: ReadonlyArray<Task<Key>>,
    effect: Effect.Effect<A, RedisError>
  ): Effect.Effect<A, RedisError> {
    return evicting(this.runtime, tasks.map((task) => task.redisKey), effect)
  }

  /** Whether something stands there that a reader could still be given. */
  private mayReplace(task: Task<Key>): boolean {
    return this.mode === "Force" || Entry.identity(task.seen, this.binding.model.kind).length > 0
  }

  /** The store failed at the last step, so it is unknown whether the value is there. */
  private notStored(
    computed: ReadonlyArray<{ readonly task: Task<Key>; readonly exit: Exit.Exit<Value, E> | undefined }>,
    error: RedisError,
    asked: number,
    tasks: ReadonlyArray<Task<Key>>
  ): Effect.Effect<void> {
    const { bypass } = this.policy
    if (bypass) this.binding.recorder.bypass()
    return Effect.zipRight(this.report(Cause.fail(error), tasks), this.releaseBehind(tasks)).pipe(
      Effect.map(() => {
        for (const { exit, task } of computed) {
          // A failure that could not be cached is still the failure.
          if (exit !== undefined && Exit.isFailure(exit)) this.settle(task.slot, exit, Infinity)
          else if (bypass) this.settleValue(task, exit, asked)
          else this.settle(task.slot, Exit.fail(error), Infinity)
        }
      })
    )
  }

  /** The entry to be stored; an error where it cannot be, `Changed` where it may not, `Unwanted` where it is not to be. */
  private prepare(
    task: Task<Key>,
    exit: Exit.Exit<Value, E>,
    millis: number,
    clock: Clock.Clock
  ): Effect.Effect<
    Either.Either<Ready, CodecError> | "Unwanted" | "Changed",
    RedisError
  > {
    return Effect.gen(this, function*() {
      const life = yield* this.binding.jittered(this.lifeOf(task, exit))
      if (life === 0) return "Unwanted"
      const payload = Exit.isSuccess(exit)
        ? this.binding.payload(exit.value, task.redisKey)
        : this.binding.failurePayload(Option.getOrUndefined(Cause.failureOption(exit.cause)), task.redisKey)
      if (Either.isLeft(payload)) return Either.left(payload.left)
      const whole = wholeLife(this.policy, life)
      const more = this.valueTags(task, exit)
      // Before any epoch is made for them.
      const refused = this.binding.refuseTags([...task.tags, ...more])
      if (refused !== undefined) return Either.left(refused)
      const tags = yield* this.tagsOf(task, exit, more, whole)
      if (tags === "Changed") return tags
      const bytes = this.binding.entry(
        payload.right,
        this.binding.freshUntil(life, clock),
        millis,
        tags,
        Exit.isFailure(exit)
      )
      return Either.right({ bytes, life: whole, tagged: tags.length > 0 })
    })
  }

  private lifeOf(task: Task<Key>, exit: Exit.Exit<Value, E>): number | undefined {
    if (Exit.isFailure(exit)) return this.policy.failureLife?.(exit)
    const life = this.options.life ?? this.policy.life
    return life._tag === "Fixed" ? life.millis : life.of(exit.value, task.key)
  }

  /** The tags that the value names, beside those that were known before. */
  private valueTags(task: Task<Key>, exit: Exit.Exit<Value, E>): ReadonlyArray<string> {
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
    exit: Exit.Exit<Value, E>,
    names: ReadonlyArray<string>,
    life: number | undefined
  ): Effect.Effect<ReadonlyArray<Entry.StoredTag> | "Changed", RedisError> {
    const known = this.epochs.filter((tag) => task.tags.includes(tag.name))
    const lifeIsKnown = (this.options.life ?? this.policy.life)._tag === "Fixed" && Exit.isSuccess(exit)
    const prolonged = lifeIsKnown || known.length === 0
      ? Effect.void
      // An epoch that is another by now is not taken: the entry is born absent, as it must be.
      : Effect.asVoid(this.binding.epochs(task.tags, life))
    if (names.length === 0) return Effect.as(prolonged, known)
    return prolonged.pipe(
      Effect.zipRight(this.binding.epochs(names, life)),
      Effect.flatMap((more) =>
        Effect.map(
          this.binding.generation(this.policy.leaseMaxDuration),
          (generation) =>
            this.generation !== undefined && Entry.sameBytes(generation, this.generation)
              ? [...known, ...more]
              : "Changed" as const
        )
      )
    )
  }
}

const monotonicMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6
