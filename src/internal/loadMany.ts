/** `Cache.getOrSetMany`: one batched load for all keys that are absent, each under a lease of its own. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { CodecError, Empty, RedisError } from "../CacheError.js"
import type { Reply } from "../Driver.js"
import type { Binding, Judged } from "./binding.js"
import { endsEarly, logServed, mayEndEarly, StaleReply } from "./call.js"
import * as Entry from "./entry.js"
import { Flight, type Outcome, type Slot } from "./flight.js"
import { type Compute, Loader, type LoadOptions, type Mode, type Task } from "./load.js"
import type { Copy } from "./near/copies.js"
import { maxRefreshes } from "./runtime.js"

/** One key of the call, and what it came to. */
interface Wanted<Key, Value> {
  readonly key: Key
  readonly redisKey: string
  readonly tags: ReadonlyArray<string>
  counted: boolean
  /** What may be served until then if the load fails; it was in Redis after this call began. */
  stale: { readonly found: Value; readonly until: number } | undefined
  value: { readonly found: Value } | "Nothing" | undefined
}

const none: ReadonlyArray<Slot> = []

type Failure<E> = E | RedisError | CodecError | Empty

export class ManyCall<Key, Value, E, R> implements
  Reply<
    ReadonlyArray<Judged>,
    void,
    E | RedisError | CodecError | Empty,
    Exclude<R, Scope.Scope>
  >
{
  private readonly began: number
  private readonly wanted = new Map<string, Wanted<Key, Value>>()
  /** The keys of the read that is under way. */
  private reading: ReadonlyArray<Wanted<Key, Value>> = []

  constructor(
    private readonly binding: Binding<Key, Value>,
    private readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    private readonly compute: Compute<Key, Value, E, R>,
    private readonly options: LoadOptions<Key, Value>
  ) {
    this.began = ++binding.runtime.sequence
  }

  private get flights() {
    return this.binding.runtime.flights
  }

  /** The values by key, in the order asked for; keys without a value are left out. */
  run(
    keys: Iterable<Key>
  ): Effect.Effect<ReadonlyMap<Key, Value>, Failure<E>, Exclude<R, Scope.Scope>> {
    for (const key of keys) {
      const redisKey = this.binding.redisKey(key)
      if (Either.isLeft(redisKey)) return Effect.fail(redisKey.left)
      if (this.wanted.has(redisKey.right)) continue
      const tags = this.binding.keyTags(key)
      const refused = this.binding.refuseTags(tags)
      if (refused !== undefined) return Effect.fail(refused)
      this.wanted.set(redisKey.right, {
        key,
        redisKey: redisKey.right,
        tags,
        counted: false,
        stale: undefined,
        value: undefined
      })
    }
    return Effect.map(this.resolve(), () => {
      const values = new Map<Key, Value>()
      for (const { key, value } of this.wanted.values()) {
        if (typeof value === "object") values.set(key, value.found)
      }
      return values
    })
  }

  private resolve(): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    const open = [...this.wanted.values()].filter((wanted) => wanted.value === undefined)
    if (open.length === 0) return Effect.void
    // What this process loads already is joined without a look.
    const joined: Array<readonly [Wanted<Key, Value>, Slot]> = []
    const unread: Array<Wanted<Key, Value>> = []
    for (const wanted of open) {
      const copy = this.binding.findNear(wanted.redisKey, this.fiber)
      if (copy !== undefined) {
        this.serve(wanted, copy)
        continue
      }
      const slot = this.flights.joinable(wanted.redisKey)
      if (slot === undefined) unread.push(wanted)
      else joined.push(this.join(wanted, slot))
    }
    this.reading = unread
    // Both at once: what is joined is waited for from now on, or its load might end for want of anyone who waits.
    const both = joined.length + unread.length === 0
      ? Effect.void
      : joined.length === 0
      ? this.binding.readManyFilling(unread, this)
      : unread.length === 0
      ? this.awaitAll(joined, none)
      : Effect.zipRight(this.awaitAll(joined, none), this.binding.readManyFilling(unread, this), { concurrent: true })
    return Effect.zipRight(both, Effect.suspend(() => this.resolve()))
  }

  private serve(wanted: Wanted<Key, Value>, copy: Copy): void {
    this.binding.recorder.nearHit()
    wanted.value = { found: copy.value as Value } // it was read through a cache of the same codec
  }

  onSuccess(entries: ReadonlyArray<Judged>, now: number) {
    const absent: Array<readonly [Wanted<Key, Value>, Uint8Array | undefined]> = []
    const refresh: Array<readonly [Wanted<Key, Value>, Uint8Array]> = []
    const fresh: Array<readonly [Wanted<Key, Value>, Uint8Array]> = []
    const logs: Array<Effect.Effect<void>> = []
    const { recorder } = this.binding
    const { staleIfError, staleWhileRevalidate } = this.binding.model.policy
    for (const [i, { bytes, invalidated, reading }] of entries.entries()) {
      const wanted = this.reading[i]!
      const state = this.binding.state(bytes, now, invalidated)
      if (bytes === undefined || state === "Absent" || state === "Failure") {
        absent.push([wanted, bytes])
        continue
      }
      const value = this.binding.decode(bytes, wanted.redisKey)
      if (Either.isLeft(value)) {
        logs.push(this.binding.undecodable(wanted.redisKey, value.left, now))
        absent.push([wanted, bytes])
        continue
      }
      const late = state === "Stale" ? now - Entry.freshUntil(bytes) : -1
      if (late >= staleWhileRevalidate) {
        wanted.stale = late < staleIfError
          ? { found: value.right, until: Entry.freshUntil(bytes) + staleIfError }
          : undefined
        absent.push([wanted, bytes])
        continue
      }
      recorder.hit()
      if (state === "Fresh") reading?.keep(bytes, value.right)
      if (state === "Stale") {
        recorder.stale()
        if (!Entry.isHeld(bytes, now)) refresh.push([wanted, bytes])
      } else if (mayEndEarly(this.binding, bytes, now)) fresh.push([wanted, bytes])
      wanted.value = { found: value.right }
    }
    return Effect.all(logs, { discard: true }).pipe(
      Effect.zipRight(Effect.filter(fresh, ([, bytes]) => endsEarly(this.binding, bytes, now))),
      Effect.flatMap((early) => this.refreshBehind([...refresh, ...early])),
      Effect.zipRight(this.load(absent, "Lead"))
    )
  }

  onFailure(error: RedisError) {
    return Effect.clockWith((clock) => {
      const unknown = this.reading.filter((wanted) => {
        const copy = this.binding.near?.whileAway(wanted.redisKey, true, clock)
        if (copy !== undefined) this.serve(wanted, copy)
        return copy === undefined
      })
      if (unknown.length === 0) return Effect.void
      if (!this.binding.model.policy.bypass) return Exit.fail(error)
      this.binding.recorder.bypass()
      return this.load(unknown.map((wanted) => [wanted, undefined] as const), "Local")
    })
  }

  /** Joins what is being loaded here by now, and loads the rest in one flight. */
  private load(
    absent: ReadonlyArray<readonly [Wanted<Key, Value>, Uint8Array | undefined]>,
    mode: Mode
  ): Effect.Effect<void, Failure<E>, Exclude<R, Scope.Scope>> {
    if (absent.length === 0) return Effect.void
    for (const [wanted] of absent) {
      this.miss(wanted)
    }
    return Effect.uninterruptibleMask((restore) => {
      const flight = new Flight()
      const tasks: Array<Task<Key>> = []
      const waits: Array<readonly [Wanted<Key, Value>, Slot]> = []
      for (const [wanted, seen] of absent) {
        const joined = this.flights.get(wanted.redisKey)
        if (joined !== undefined) {
          waits.push(this.join(wanted, joined))
          continue
        }
        const task = this.open(wanted, seen, flight, false)
        tasks.push(task)
        waits.push([wanted, task.slot])
      }
      const started = tasks.length === 0
        ? Effect.void
        : new Loader(this.binding, flight, this.compute, this.options, mode).start(tasks)
      return started.pipe(
        Effect.zipRight(restore(this.awaitAll(waits, tasks.map((task) => task.slot)))),
        Effect.onInterrupt(() => Effect.forEach(tasks, (task) => this.flights.forsake(task.slot), { discard: true }))
      )
    })
  }

  private open(
    wanted: Wanted<Key, Value>,
    seen: Uint8Array | undefined,
    flight: Flight,
    background: boolean
  ): Task<Key> {
    return {
      key: wanted.key,
      redisKey: wanted.redisKey,
      slot: this.flights.open(wanted.redisKey, this.binding.model.codec.identity, flight, background),
      tags: [...new Set([...wanted.tags, ...this.options.tags])],
      seen,
      token: this.binding.runtime.random.make(Entry.tokenSize),
      claimed: false
    }
  }

  private miss(wanted: Wanted<Key, Value>): void {
    if (!wanted.counted) this.binding.recorder.miss()
    wanted.counted = true
  }

  private join(wanted: Wanted<Key, Value>, slot: Slot): readonly [Wanted<Key, Value>, Slot] {
    this.miss(wanted)
    this.binding.recorder.join()
    slot.flight.link(this.fiber.currentSpan)
    return [wanted, slot]
  }

  private awaitAll(
    waits: ReadonlyArray<readonly [Wanted<Key, Value>, Slot]>,
    opened: ReadonlyArray<Slot>
  ): Effect.Effect<void, Failure<E>> {
    if (waits.length === 0) return Effect.void
    return Effect.flatMap(
      this.flights.waitAll(waits.map(([, slot]) => slot), opened),
      (outcomes) =>
        Effect.forEach(waits, ([wanted, slot], i) => this.settled(wanted, slot, outcomes[i]!), { discard: true })
    )
  }

  private settled(
    wanted: Wanted<Key, Value>,
    slot: Slot,
    outcome: Outcome
  ): Effect.Effect<void, Failure<E>> {
    if (outcome._tag === "Again" || !Equal.equals(slot.identity, this.binding.model.codec.identity)) return Effect.void
    if (outcome._tag === "Nothing") {
      if (this.began < outcome.validBefore) wanted.value = "Nothing"
      return Effect.void
    }
    // The slot's load was one of this cache's, and its identity says through which codec.
    const exit = outcome.exit as Exit.Exit<Value, E | RedisError | CodecError>
    if (Exit.isFailure(exit)) {
      return Effect.map(this.served(wanted, exit.cause), (found) => {
        wanted.value = { found }
      })
    }
    if (this.began < outcome.validBefore) wanted.value = { found: exit.value }
    return Effect.void
  }

  /** A stale value inside `staleIfError`, instead of the failure. */
  private served(
    wanted: Wanted<Key, Value>,
    cause: Cause.Cause<E | RedisError | CodecError>
  ): Effect.Effect<Value, Failure<E>> {
    const { model, recorder, runtime } = this.binding
    const { staleIfError, staleWhileRevalidate } = model.policy
    if (staleIfError === 0 || Cause.isInterruptedOnly(cause)) return Exit.failCause(cause)
    const { redisKey, stale } = wanted
    const serve = (value: Value) => Effect.as(logServed(cause, model.name, redisKey), value)
    const otherwise = () => Exit.failCause(cause)
    if (stale === undefined) {
      // It joined a load and has not looked yet.
      const window = Math.max(staleIfError, staleWhileRevalidate)
      return this.binding.read(redisKey, wanted.key, new StaleReply(this.binding, window, serve, otherwise))
    }
    return Effect.flatMap(Effect.clock, (clock): Effect.Effect<Value, Failure<E>> => {
      if (runtime.driver.unsafeNow(clock) >= stale.until) return otherwise()
      recorder.stale()
      return serve(stale.found)
    })
  }

  private refreshBehind(
    stale: ReadonlyArray<readonly [Wanted<Key, Value>, Uint8Array | undefined]>
  ): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    if (stale.length === 0) return Effect.void
    return Effect.uninterruptible(Effect.suspend(() => {
      // Looked up here and no sooner: of many who were answered at once the first opens the slot.
      const free = stale.filter(([wanted]) => this.flights.get(wanted.redisKey) === undefined)
      if (free.length === 0 || this.binding.runtime.refreshes >= maxRefreshes) return Effect.void
      const flight = new Flight()
      const tasks = free.map(([wanted, seen]) => this.open(wanted, seen, flight, true))
      return new Loader(this.binding, flight, this.compute, this.options, "Refresh").start(tasks)
    }))
  }
}
