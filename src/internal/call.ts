/**
 * One caller of a load, from its look into Redis to its value: what it joins, what it leads, what it may be given.
 * Why, is told at the top of `load.ts`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type CodecError, Empty, type RedisError } from "../CacheError.js"
import type { Binding } from "./binding.js"
import * as Entry from "./entry.js"
import { EntryReply } from "./entryReply.js"
import { Flight, type Outcome, type Slot } from "./flight.js"
import { type Compute, Loader, type LoadOptions, type Mode, type Task } from "./load.js"
import type { Copy } from "./near/copies.js"
import type { NearRead } from "./near/near.js"
import { maxRefreshes } from "./runtime.js"

/** One caller of a load, from its look into Redis to its value. */
export class Call<Key, Value, E, R> extends EntryReply<
  Value,
  E | RedisError | CodecError | Empty,
  Exclude<R, Scope.Scope>
> {
  readonly began: number
  private readonly started: bigint | undefined
  /** What may be served until then if the load fails or takes too long; it was in Redis after this call began. */
  private stale: { readonly value: Value; readonly until: number } | undefined
  private counted = false

  constructor(
    readonly reader: Binding<Key, Value>,
    private readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    readonly key: Key,
    readonly redisKey: string,
    private readonly compute: Compute<Key, Value, E, R>,
    private readonly options: LoadOptions<Key, Value>
  ) {
    super()
    this.began = ++reader.runtime.sequence
    this.started = options.timeout === undefined ? undefined : this.clock.unsafeCurrentTimeNanos()
  }

  private get clock(): Clock.Clock {
    return Context.unsafeGet(this.fiber.currentDefaultServices, Clock.Clock)
  }

  private get flights() {
    return this.reader.runtime.flights
  }

  get recorder() {
    return this.reader.recorder
  }

  /** What it was waiting for has come to nothing: there may be a copy by now. */
  private again(): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    const copy = this.reader.findNear(this.redisKey, this.fiber)
    return copy === undefined ? this.begin() : this.near(copy)
  }

  /** For a key that there is no near copy of. */
  begin(): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    const slot = this.flights.joinable(this.redisKey)
    return slot === undefined ? this.look() : this.join(slot)
  }

  private near(copy: Copy): Exit.Exit<Value> {
    this.recorder.nearHit()
    return Exit.succeed(copy.value as Value) // it was read through a cache of the same codec
  }

  private look(): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    return this.reader.read(this.redisKey, this.key, this)
  }

  onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    redisKey: string,
    invalidated: boolean,
    reading?: NearRead
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    const state = this.reader.state(bytes, now, invalidated)
    if (state === "Absent" || bytes === undefined) return this.absent(bytes)
    if (state === "Failure") {
      const failure = this.reader.decodeFailure(bytes, redisKey)
      if (Either.isLeft(failure)) return this.unreadable(bytes, redisKey, failure.left, now)
      this.recorder.hit()
      // The failure's codec is the one that stored this load's failures.
      return Exit.fail(failure.right as E)
    }
    const value = this.reader.decode(bytes, redisKey)
    if (Either.isLeft(value)) return this.unreadable(bytes, redisKey, value.left, now)
    const { staleIfError, staleWhileRevalidate } = this.reader.model.policy
    if (state === "Fresh") {
      this.recorder.hit()
      reading?.keep(bytes, value.right)
      const answer = Exit.succeed(value.right)
      return mayEndEarly(this.reader, bytes, now)
        ? Effect.zipRight(
          Effect.flatMap(endsEarly(this.reader, bytes, now), (ends) => ends ? this.refreshBehind(bytes) : Effect.void),
          answer
        )
        : answer
    }
    const late = now - Entry.freshUntil(bytes)
    if (late < staleWhileRevalidate) {
      this.recorder.hit()
      this.recorder.stale()
      return Entry.isHeld(bytes, now) ? Exit.succeed(value.right) : Effect.as(this.refreshBehind(bytes), value.right)
    }
    this.stale = late < staleIfError
      ? { value: value.right, until: Entry.freshUntil(bytes) + staleIfError }
      : undefined
    return this.absent(bytes)
  }

  private unreadable(bytes: Uint8Array, redisKey: string, issue: { path: string; detail: string }, now: number) {
    return Effect.zipRight(this.reader.undecodable(redisKey, issue, now), Effect.suspend(() => this.absent(bytes)))
  }

  onFailure(
    error: RedisError
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    const copy = this.reader.near?.whileAway(this.redisKey, true, this.clock)
    if (copy !== undefined) return this.near(copy)
    if (!this.reader.model.policy.bypass) return Exit.fail(error)
    this.recorder.bypass()
    this.miss()
    return this.lead(undefined, "Local")
  }

  private miss(): void {
    if (!this.counted) this.recorder.miss()
    this.counted = true
  }

  private absent(seen: Uint8Array | undefined) {
    this.miss()
    return this.lead(seen, "Lead")
  }

  /** Loads now, whatever is stored, and joins nobody. */
  refresh(): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    if (this.reader.model.kind === "entry") return this.lead(undefined, "Force")
    // A counter has no place for a lease: what is there now is what the load may replace.
    return this.reader.runtime.driver.get(this.redisKey, {
      onSuccess: (count) => this.lead(count, "Force"),
      onFailure: (error) => this.onFailure(error)
    })
  }

  private lead(
    seen: Uint8Array | undefined,
    mode: Mode
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      // Looked up here and no sooner: of many who were answered at once the first opens the slot, the others join it.
      const there = this.underWay(mode)
      return there === undefined ? this.open(seen, mode) : this.join(there)
    })
  }

  /** The load that this one is to join. */
  private underWay(mode: Mode): Slot | undefined {
    return mode === "Force" ? undefined : this.flights.get(this.redisKey)
  }

  private open(
    seen: Uint8Array | undefined,
    mode: Mode
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    return Effect.uninterruptibleMask((restore) => {
      // Once more: the runtime may have let others run in between.
      const there = this.underWay(mode)
      if (there !== undefined) return restore(this.join(there))
      // Before the slot is there: they are the user's function, which may throw.
      const tags = this.tags()
      const refused = this.reader.refuseTags(tags)
      if (refused !== undefined) return Effect.fail(refused)
      const slot = this.flights.open(this.redisKey, this.identity, new Flight(), false)
      return this.fly(slot, tags, seen, mode).pipe(
        Effect.zipRight(restore(this.await(slot, true))),
        Effect.onInterrupt(() => this.flights.forsake(slot))
      )
    })
  }

  private get identity(): unknown {
    return this.reader.model.codec.identity
  }

  private tags(): ReadonlyArray<string> {
    return [...new Set([...this.reader.keyTags(this.key), ...this.options.tags])]
  }

  private fly(slot: Slot, tags: ReadonlyArray<string>, seen: Uint8Array | undefined, mode: Mode) {
    const { key, reader, redisKey } = this
    const task: Task<Key> = {
      key,
      redisKey,
      slot,
      tags,
      seen,
      token: reader.runtime.random.make(Entry.tokenSize),
      claimed: false
    }
    return new Loader(reader, slot.flight, this.compute, this.options, mode).start([task])
  }

  private join(slot: Slot): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    this.miss()
    this.recorder.join()
    slot.flight.link(this.fiber.currentSpan)
    return this.await(slot, false)
  }

  private await(
    slot: Slot,
    opened: boolean
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    const { timeout } = this.options
    const wait = this.flights.wait(slot, opened)
    if (timeout === undefined) return Effect.flatMap(wait, (outcome) => this.settled(slot, outcome))
    const left = timeout - Number(this.clock.unsafeCurrentTimeNanos() - this.started!) / 1e6
    const waiting = Effect.raceFirst(
      wait,
      Effect.map(Effect.sleep(Math.max(0, left)), () => {
        // Before the wait is interrupted: the load goes on, and its value is stored.
        slot.keep = true
        return undefined
      })
    )
    return Effect.flatMap(
      waiting,
      (outcome) => outcome === undefined ? this.timedOut(timeout) : this.settled(slot, outcome)
    )
  }

  private settled(
    slot: Slot,
    outcome: Outcome
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    // A value of another codec is another value: look at what is stored now.
    if (outcome._tag !== "Done" || !Equal.equals(slot.identity, this.identity)) return this.again()
    // The slot's load was one of this cache's, and its identity says through which codec.
    const exit = outcome.exit as Exit.Exit<Value, E | RedisError | CodecError>
    if (Exit.isFailure(exit)) return this.failed(exit.cause)
    return this.began < outcome.validBefore ? exit : this.again()
  }

  private failed(
    cause: Cause.Cause<E | RedisError | CodecError>
  ): Effect.Effect<Value, E | RedisError | CodecError | Empty, Exclude<R, Scope.Scope>> {
    if (this.reader.model.policy.staleIfError === 0 || Cause.isInterruptedOnly(cause)) return Exit.failCause(cause)
    return this.serveStale(
      (value) => Effect.as(logServed(cause, this.reader.model.name, this.redisKey), value),
      () => Exit.failCause(cause)
    )
  }

  private timedOut(timeout: number) {
    return this.serveStale(
      Effect.succeed,
      () => Exit.fail(new Empty({ reason: "TimedOut", key: this.redisKey, waited: Duration.millis(timeout) }))
    )
  }

  /** A stale value inside its windows, if there is one that this call may be given. */
  private serveStale<E2>(
    serve: (value: Value) => Effect.Effect<Value>,
    otherwise: () => Effect.Effect<Value, E2>
  ): Effect.Effect<Value, E2> {
    if (this.stale !== undefined) {
      if (this.reader.runtime.driver.unsafeNow(this.clock) >= this.stale.until) return otherwise()
      this.recorder.stale()
      return serve(this.stale.value)
    }
    const { staleIfError, staleWhileRevalidate } = this.reader.model.policy
    const window = Math.max(staleIfError, staleWhileRevalidate)
    if (window === 0) return otherwise()
    // This call joined a load and has not looked yet: what others found before it began may be gone since.
    return this.reader.read(this.redisKey, this.key, new StaleReply(this.reader, window, serve, otherwise))
  }

  // ---- background refreshes

  /** One refresh in the background, unless one is under way, here or (as the lease tells) anywhere. */
  private refreshBehind(seen: Uint8Array): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        // Looked up here and no sooner, as in `lead`.
        if (this.flights.get(this.redisKey) !== undefined || this.reader.runtime.refreshes >= maxRefreshes) {
          return Effect.void
        }
        const tags = this.tags()
        return this.fly(this.flights.open(this.redisKey, this.identity, new Flight(), true), tags, seen, "Refresh")
      })
    )
  }
}

/** Whether chance decides if a fresh entry is refreshed already: it has an end, and nobody loads it yet. */
export const mayEndEarly = <Key, Value>(binding: Binding<Key, Value>, bytes: Uint8Array, now: number): boolean =>
  binding.model.policy.earlyRefresh !== 0 && binding.model.kind === "entry" && Entry.freshUntil(bytes) !== 0 &&
  !Entry.isHeld(bytes, now)

/** XFetch (Vattani, Chierichetti, Lowenstein, VLDB 2015): the closer to its end, the likelier a refresh. */
export const endsEarly = <Key, Value>(
  binding: Binding<Key, Value>,
  bytes: Uint8Array,
  now: number
): Effect.Effect<boolean> =>
  Effect.map(Random.next, (random) => {
    const ahead = -Entry.loadMillis(bytes) * binding.model.policy.earlyRefresh * Math.log(1 - random)
    return now + ahead >= Entry.freshUntil(bytes)
  })

export const logServed = (cause: Cause.Cause<unknown>, cache: string, key: string): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWarning("A load failed, and a stale value is served", cause), { cache, key })

/** Serves what is there: fresh by now, or stale and inside the window. */
export class StaleReply<Key, Value, E2> extends EntryReply<Value, E2, never> {
  constructor(
    readonly reader: Binding<Key, Value>,
    private readonly window: number,
    private readonly serve: (value: Value) => Effect.Effect<Value>,
    private readonly otherwise: () => Effect.Effect<Value, E2>
  ) {
    super()
  }

  onEntry(bytes: Uint8Array | undefined, now: number, redisKey: string, invalidated: boolean) {
    const state = this.reader.state(bytes, now, invalidated)
    const usable = bytes !== undefined &&
      (state === "Fresh" || (state === "Stale" && now - Entry.freshUntil(bytes) < this.window))
    const value = usable ? this.reader.decode(bytes, redisKey) : undefined
    if (value === undefined || Either.isLeft(value)) return this.otherwise()
    if (state === "Stale") this.reader.recorder.stale()
    return this.serve(value.right)
  }

  onFailure() {
    return this.otherwise()
  }
}
