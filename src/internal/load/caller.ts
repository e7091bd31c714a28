/**
 * One caller of a load, of one key or many, from its read of Redis to its values: which loads it joins, which it leads,
 * and which values it may get. The reasons are at the top of `leader.ts`.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import { checkTags } from "../cache/prepare.js"
import { makeToken } from "../cache/token.js"
import type { TagState } from "../entry/tags.js"
import { judge } from "../entry/verdict.js"
import { InFlight, LoadRun, type Mode } from "../inFlight/inFlight.js"
import { isUpdating } from "../inFlight/updating.js"
import type { Copy } from "../near/copies.js"
import type { NearRead } from "../near/view.js"
import { readManyFilling, targetOf } from "../read/many.js"
import { EntryReply, readEntry } from "../read/one.js"
import { Answers, type Failure, type Failures, type Wait } from "./answers.js"
import { Leader } from "./leader.js"
import { Look } from "./look.js"
import { keptOf } from "./previous.js"
import type { Compute, LoadOptions, Task } from "./task.js"
import { Waiting } from "./waiting.js"
import { Wanted } from "./wanted.js"

type Absent<Key, Value> = readonly [Wanted<Key, Value>, seen: Uint8Array | undefined]

const none: ReadonlySet<InFlight> = new Set()

export class Caller<Key, Value, E, R> {
  private readonly answers: Answers<Key, Value, E>
  private readonly waiting: Waiting<Key, Value, E>

  constructor(
    readonly instance: CacheInstance<Key, Value>,
    private readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    private readonly compute: Compute<Key, Value, E, R>,
    private readonly options: LoadOptions<Key, Value>,
    /** The operation that its failures name. */
    operation: string,
    failures: Failures = "First"
  ) {
    this.answers = new Answers(instance, this.clock, ++instance.runtime.sequence, operation, failures)
    this.waiting = new Waiting(this.flights, this.answers, this.clock, options.timeout)
  }

  get clock(): Clock.Clock {
    return Context.unsafeGet(this.fiber.currentDefaultServices, Clock.Clock)
  }

  private get flights() {
    return this.instance.runtime.flights
  }

  private get recorder() {
    return this.instance.recorder
  }

  private get policy() {
    return this.instance.definition.policy
  }

  private get monotonic(): number {
    return this.instance.runtime.driver.unsafeMonotonic(this.clock)
  }

  /** It runs inside an update of the source: its loads are its own. Evaluated only if something has to be loaded. */
  private get isApart(): boolean {
    return isUpdating(this.fiber)
  }

  /** Its loads replace what is stored: its region of the program reads nothing, but stores. */
  private get isReloading(): boolean {
    const { reads, stores } = this.instance.runtime.mode
    return stores && !reads
  }

  /** The mode of a load of its own. */
  private modeOf(wish: Mode): Mode {
    if (this.isApart) return "Apart"
    if (!this.instance.runtime.mode.stores) return "Local"
    return wish === "Lead" && this.isReloading ? "Force" : wish
  }

  /** The load that this caller may join without reading Redis. */
  private joinable(redisKey: string): InFlight | undefined {
    const there = this.flights.joinable(redisKey)
    return there === undefined || this.isApart ? undefined : there
  }

  // ---- one key

  /** The value of a key that has no near copy. */
  one(key: Key, redisKey: string): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    const wanted = new Wanted<Key, Value>(key, redisKey)
    const there = this.joinable(redisKey)
    return there === undefined
      ? this.lookAt(wanted)
      : this.answered(wanted, this.waiting.all([this.join(wanted, there)], none))
  }

  private lookAt(wanted: Wanted<Key, Value>): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    return readEntry(wanted.redisKey, wanted.key, new OneReply(this, wanted))
  }

  /** The caller's answer when a step is done, or the next step. */
  answered(
    wanted: Wanted<Key, Value>,
    step: Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>>
  ): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    return Effect.flatMap(step, () => {
      if (wanted.value !== undefined) return Exit.succeed(wanted.value.value)
      // A batch that it joined had no value for it, but its own load may have one.
      wanted.answer = undefined
      const copy = this.instance.findNear(wanted.redisKey, this.fiber)
      if (copy !== undefined) return Exit.succeed(this.near(copy))
      const there = this.joinable(wanted.redisKey)
      return there === undefined
        ? this.lookAt(wanted)
        : this.answered(wanted, this.waiting.all([this.join(wanted, there)], none))
    })
  }

  /** It is absent. If many callers looked at once, all but the first find its load in the table by now. */
  absent(
    wanted: Wanted<Key, Value>,
    seen: Uint8Array | undefined
  ): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    const there = this.flights.get(wanted.redisKey)
    return this.answered(
      wanted,
      there === undefined || this.hasTags || this.isApart || !this.mayJoin(wanted, there)
        ? this.leadBatches([[wanted, seen]], "Lead")
        : this.waiting.all([this.join(wanted, there)], none)
    )
  }

  near(copy: Copy): Value {
    this.recorder.nearHit()
    return copy.value as Value // it was read through a cache of the same codec
  }

  /** Loads now, whatever is stored, and joins no other load. */
  refresh(key: Key, redisKey: string): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    const wanted = new Wanted<Key, Value>(key, redisKey)
    return this.answered(
      wanted,
      this.instance.definition.kind === "entry"
        ? this.lead([[wanted, undefined]], "Force")
        : this.replaceCount(wanted, "Force")
    )
  }

  /** A counter has no place for a lease: the load may replace the count that is there now. */
  private replaceCount(
    wanted: Wanted<Key, Value>,
    wish: Mode
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    const { redisKey } = wanted
    return this.instance.runtime.driver.get(redisKey, {
      onSuccess: (count, now) => {
        wanted.kept = keptOf(count, judge(this.instance.definition, count, now, "Hold", redisKey))
        return this.lead([[wanted, count]], wish)
      },
      // It has no near copies, and cannot go on without Redis.
      onFailure: (error) => this.answers.fail(wanted, Cause.fail(error))
    })
  }

  // ---- many keys

  /** The outcome of each key, in the order of the request. */
  many(
    keys: Iterable<Key>
  ): Effect.Effect<ReadonlyArray<Wanted<Key, Value>>, Failure<E>, Exclude<R, Scope.Scope>> {
    const all = new Map<string, Wanted<Key, Value>>()
    for (const key of keys) {
      const redisKey = this.instance.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      if (!all.has(redisKey.right)) all.set(redisKey.right, new Wanted(key, redisKey.right))
    }
    const wanted = [...all.values()]
    return Effect.as(this.resolve(wanted), wanted)
  }

  private resolve(
    all: ReadonlyArray<Wanted<Key, Value>>
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    const open = all.filter((wanted) => wanted.answer === undefined)
    if (open.length === 0) return Effect.void
    // Keys that this process loads already are joined without reading Redis.
    const joined: Array<Wait<Key, Value>> = []
    const unread: Array<Wanted<Key, Value>> = []
    for (const wanted of open) {
      const copy = this.instance.findNear(wanted.redisKey, this.fiber)
      if (copy !== undefined) {
        wanted.answer = { value: this.near(copy) }
        continue
      }
      const there = this.joinable(wanted.redisKey)
      if (there === undefined) unread.push(wanted)
      else joined.push(this.join(wanted, there))
    }
    // Both at once: the joined loads must have this waiter from now on, or they might end for want of waiters.
    const both = joined.length + unread.length === 0
      ? Effect.void
      : joined.length === 0
      ? this.lookAtAll(unread)
      : unread.length === 0
      ? this.waiting.all(joined, none)
      : Effect.zipRight(this.waiting.all(joined, none), this.lookAtAll(unread), { concurrent: true })
    return Effect.zipRight(both, Effect.suspend(() => this.resolve(open)))
  }

  private lookAtAll(
    unread: ReadonlyArray<Wanted<Key, Value>>
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    const targets = unread.map(({ key, redisKey }) => targetOf(this.instance, key, redisKey))
    return readManyFilling(this.instance, targets, {
      onSuccess: (entries, now) => {
        const look = new Look(this.instance, now)
        for (const [i, { bytes, tagState, reading }] of entries.entries()) {
          look.at(unread[i]!, bytes, tagState, reading)
        }
        return this.proceed(look)
      },
      onFailure: (error) => this.withoutLook(unread, error)
    })
  }

  // ---- what a look leads to

  /** Refreshes stale values that are served in the background, and loads absent ones. */
  proceed(look: Look<Key, Value>): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    return Effect.all(look.logs, { discard: true }).pipe(
      // The failure's codec is the one that stored this load's failures.
      Effect.zipRight(
        Effect.forEach(look.failed, ([wanted, failure]) => this.answers.fail(wanted, Cause.fail(failure as E)), {
          discard: true
        })
      ),
      Effect.zipRight(look.toRefresh),
      Effect.flatMap((stale) => this.refreshBehind(stale)),
      Effect.zipRight(this.leadBatches(look.absent, "Lead"))
    )
  }

  /** The store did not answer. */
  withoutLook(
    wanted: ReadonlyArray<Wanted<Key, Value>>,
    error: RedisError
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    const unknown = wanted.filter((one) => {
      const copy = this.instance.near?.whileAway(one.redisKey, true, this.clock)
      if (copy !== undefined) one.answer = { value: this.near(copy) }
      return copy === undefined
    })
    if (unknown.length === 0) return Effect.void
    if (!this.policy.bypass) {
      return Effect.forEach(unknown, (one) => this.answers.fail(one, Cause.fail(error)), { discard: true })
    }
    return Effect.zipRight(
      this.instance.warnings.bypassed(error, unknown[0]!.redisKey),
      this.leadBatches(unknown.map((one) => [one, undefined] as const), "Local")
    )
  }

  // ---- loading

  private miss(wanted: Wanted<Key, Value>): void {
    if (wanted.countMiss()) this.recorder.miss()
  }

  private join(wanted: Wanted<Key, Value>, there: InFlight): Wait<Key, Value> {
    this.miss(wanted)
    this.recorder.join()
    there.run.link(this.fiber.currentSpan)
    return [wanted, there]
  }

  private isExhausted(wanted: Wanted<Key, Value>): boolean {
    return wanted.isExhausted(this.monotonic, this.policy.leaseWait)
  }

  private mayJoin(wanted: Wanted<Key, Value>, there: InFlight): boolean {
    return wanted.mayJoin(there, this.isExhausted(wanted))
  }

  /** Its tags must be checked before it joins or leads: they may be refused. */
  private get hasTags(): boolean {
    return this.policy.tags !== undefined || this.options.tags.length > 0
  }

  private tagsOf({ key }: Wanted<Key, Value>): ReadonlyArray<string> {
    return [...new Set([...this.instance.definition.keyTags(key), ...this.options.tags])]
  }

  /** Loads what is absent: all at once, or in batches of the caller's size. */
  private leadBatches(
    absent: ReadonlyArray<Absent<Key, Value>>,
    mode: Mode
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    const { batchSize, concurrency } = this.options
    if (this.isReloading && this.instance.definition.kind === "counter") {
      return Effect.forEach(absent, ([wanted]) => this.replaceCount(wanted, mode), { concurrency, discard: true })
    }
    if (absent.length <= batchSize) return this.lead(absent, mode)
    return Effect.forEach(Arr.chunksOf(absent, batchSize), (batch) => this.lead(batch, mode), {
      concurrency,
      discard: true
    })
  }

  /** Joins the keys that are being loaded here by now, and loads the rest at once. */
  private lead(
    absent: ReadonlyArray<Absent<Key, Value>>,
    wish: Mode
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    if (absent.length === 0) return Effect.void
    return Effect.uninterruptibleMask((restore) => {
      const mode = this.modeOf(wish)
      const joinsNone = wish === "Force" || mode === "Apart"
      // Before any key is opened: tags come from the user's function, which may throw.
      const tags = absent.map(([wanted]) => this.tagsOf(wanted))
      for (const named of tags) {
        const refused = checkTags(this.instance.definition, named)
        if (refused !== undefined) return Effect.fail(refused)
      }
      // Looked up and opened in one step: if many callers were answered at once, the first opens the key.
      const waits: Array<Wait<Key, Value>> = []
      const led: Array<Task<Key>> = []
      const alone: Array<Task<Key>> = []
      const run = new LoadRun(mode, wish !== "Force")
      const local = new LoadRun("Local")
      for (const [i, [wanted, seen]] of absent.entries()) {
        if (wish !== "Force") this.miss(wanted)
        const exhausted = !joinsNone && this.isExhausted(wanted)
        const there = joinsNone ? undefined : this.flights.get(wanted.redisKey)
        if (there !== undefined && wanted.mayJoin(there, exhausted)) {
          waits.push(this.join(wanted, there))
          continue
        }
        const task = this.open(wanted, seen, tags[i]!, exhausted ? local : run)
        waits.push([wanted, task.inFlight])
        if (exhausted) alone.push(task)
        else led.push(task)
      }
      const opened = new Set([...led, ...alone].map((task) => task.inFlight))
      return this.start(run, led).pipe(
        Effect.zipRight(this.start(local, alone)),
        Effect.zipRight(restore(this.waiting.all(waits, opened))),
        // Also if the wait was refused: then no caller waits for the keys that were opened.
        Effect.onError(() => Effect.forEach(opened, (key) => this.flights.forsake(key), { discard: true }))
      )
    })
  }

  private open(
    wanted: Wanted<Key, Value>,
    seen: Uint8Array | undefined,
    tags: ReadonlyArray<string>,
    run: LoadRun
  ): Task<Key> {
    const { definition, runtime } = this.instance
    return {
      key: wanted.key,
      redisKey: wanted.redisKey,
      inFlight: run.mode === "Apart"
        ? new InFlight(wanted.redisKey, definition.codec.identity, run)
        : this.flights.open(wanted.redisKey, definition.codec.identity, run),
      tags,
      seen,
      yields: run.mode === "Refresh" || wanted.stale !== undefined,
      token: makeToken(runtime),
      claimed: false,
      barred: false,
      kept: wanted.kept,
      previous: undefined,
      grant: undefined,
      heldUntil: 0
    }
  }

  private start(run: LoadRun, tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return tasks.length === 0
      ? Effect.void
      : new Leader(this.instance, run, this.compute, this.options).start(tasks)
  }

  /** One refresh in the background for all of them, except those under way, here or (as the lease shows) anywhere. */
  private refreshBehind(
    stale: ReadonlyArray<Absent<Key, Value>>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (stale.length === 0) return Effect.void
    return Effect.uninterruptible(Effect.suspend(() => {
      const { refreshes } = this.instance
      const free = stale.filter(([wanted]) => this.flights.get(wanted.redisKey) === undefined)
      // A refresh that is not stored is useless.
      if (free.length === 0 || this.isApart || !this.instance.runtime.mode.stores) return Effect.void
      if (!refreshes.mayBegin(this.monotonic)) return Effect.void
      if (!refreshes.hasPlace) {
        this.recorder.skippedRefresh()
        return Effect.void
      }
      const tags = free.map(([wanted]) => this.tagsOf(wanted))
      const run = new LoadRun("Refresh")
      return this.start(run, free.map(([wanted, seen], i) => this.open(wanted, seen, tags[i]!, run)))
    }))
  }
}

/** How a caller of one key handles the entry: a hit is answered synchronously. */
class OneReply<Key, Value, E, R> extends EntryReply<Key, Value, Value, Failure<E>, Exclude<R, Scope.Scope>> {
  constructor(private readonly caller: Caller<Key, Value, E, R>, private readonly wanted: Wanted<Key, Value>) {
    super(caller.instance)
  }

  onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    _redisKey: string,
    tagState: TagState,
    reading?: NearRead
  ): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    const { caller, wanted } = this
    const { instance } = this
    const verdict = judge(instance.definition, bytes, now, tagState, wanted.redisKey)
    if (verdict._tag === "Fresh" && instance.definition.policy.earlyRefresh === 0) {
      instance.recorder.hit()
      reading?.keep(bytes!, verdict.value)
      return Exit.succeed(verdict.value)
    }
    if (verdict._tag === "Absent") {
      wanted.kept = keptOf(bytes, verdict)
      return caller.absent(wanted, bytes)
    }
    const look = new Look(instance, now)
    look.take(wanted, verdict, bytes, reading)
    return caller.answered(wanted, caller.proceed(look))
  }

  onFailure(error: RedisError): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    return this.caller.answered(this.wanted, this.caller.withoutLook([this.wanted], error))
  }
}
