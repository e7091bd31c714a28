/** Records what one process does and sees on one target, until it is reported to the soak. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { CodecError, Empty, RedisError } from "../../src/CacheError.js"
import type { Redis } from "../../src/Redis.js"
import type { Window } from "../support/cluster/lossWindows.js"
import { now } from "../support/processes/now.js"
import type { Lag } from "./lag.js"
import {
  commandTimeout,
  type Failures,
  type Gone,
  type RegisterKind,
  type Seen,
  type Served,
  type Told
} from "./protocol.js"
import type { Invariant } from "./verdicts.js"

/** What a noisy machine may add to a bound beyond the measured delays, in ms. */
const slack = 100

/** The errors that Redis may give while it is disturbed. */
const expectedReasons = new Set(["Connection", "Timeout", "CircuitOpen", "OutOfMemory", "Conflict"])

export interface Done<A> extends Window {
  readonly value: A
}

export type Failure = RedisError | CodecError | Empty

/** The data that draining reports. */
type Draft<A> = { -readonly [K in keyof A]: A[K] }

export class Recorder {
  private told = fresh()
  private readonly seenDrafts = new Map<string, Draft<Seen>>()
  private readonly servedDrafts = new Map<string, Draft<Served>>()
  private readonly failureDrafts = new Map<string, Draft<Failures>>()
  private readonly lastWrites = new Map<string, number>()

  constructor(private readonly lag: Lag) {}

  /** Runs an operation that may take this many ms; gives how it ended, and its window. */
  run<A>(
    kind: string,
    bound: number | (() => number),
    operation: Effect.Effect<A, Failure, Redis>
  ): Effect.Effect<Either.Either<Done<A>, Failure>, never, Redis> {
    return Effect.suspend(() => {
      const from = now()
      const lagBefore = this.lag.total
      const starvedBefore = this.lag.starved
      return Effect.map(Effect.exit(operation), (exit) => {
        const to = now()
        const lag = this.lag.total - lagBefore
        const millis = typeof bound === "number" ? bound : bound()
        this.told.operations[kind] = (this.told.operations[kind] ?? 0) + 1
        const starved = this.lag.starved - starvedBefore
        this.check("inTime", true, () => "")
        const over = to - from - millis - Math.max(lag, starved) - slack
        if (over > 0) {
          const reason = Exit.isSuccess(exit) ? "success" : Cause.pretty(exit.cause).split("\n")[0]!
          this.told.late.push({ kind, bound: millis, over, lag, starved, ending: reason, from, to })
        }
        if (Exit.isSuccess(exit)) return Either.right({ value: exit.value, from, to })
        const failure = Cause.failureOption(exit.cause)
        const error: unknown = failure._tag === "Some" ? failure.value : undefined
        const known = error instanceof RedisError || error instanceof CodecError || error instanceof Empty
        this.check(
          "typed",
          known && !(error instanceof RedisError && !expectedReasons.has(error.reason) && !kind.startsWith("bad ")),
          () => `${kind}: ${Cause.pretty(exit.cause)}`
        )
        if (!known) return Either.left(new RedisError({ reason: "Command", operation: kind }))
        // An error reply to an invalid request is not a failure of Redis.
        if (error instanceof RedisError && error.reason !== "Command") this.failed(kind, error.reason, from, to)
        return Either.left(error)
      })
    })
  }

  check(invariant: Invariant, holds: boolean, detail: () => string): void {
    this.told.checks[invariant] = (this.told.checks[invariant] ?? 0) + 1
    if (!holds) this.told.violations.push({ invariant, detail: detail() })
  }

  badInput(kind: string): void {
    this.told.badInputs[kind] = (this.told.badInputs[kind] ?? 0) + 1
  }

  /** A write by its only writer, which is about to attempt it for the `n`th time. */
  attempt(kind: RegisterKind | "shared", key: string, n: number): void {
    this.told.attempts.push({ kind, key, n })
  }

  acknowledged(kind: RegisterKind, key: string, n: number, { from, to }: Window): void {
    this.told.acknowledged.push({ kind, key, n, from, to })
    if (kind !== "version") return // those are written all the time
    this.told.longestGap = Math.max(this.told.longestGap, to - (this.lastWrites.get(key) ?? to))
    this.lastWrites.set(key, to)
  }

  seen(kind: RegisterKind | "shared", key: string, n: number, { from, to }: Window): void {
    const draft = this.seenDrafts.get(`${kind} ${key} ${n}`)
    if (draft === undefined) this.seenDrafts.set(`${kind} ${key} ${n}`, { kind, key, n, from, to })
    else if (from > draft.from) Object.assign(draft, { from, to })
  }

  gone(how: Gone["how"], key: string, { from, to }: Window): void {
    this.told.gone.push({ how, key, from, to })
  }

  served(how: Gone["how"], key: string, started: number, { from, to }: Window): void {
    const draft = this.servedDrafts.get(`${how} ${key} ${started}`)
    if (draft === undefined) this.servedDrafts.set(`${how} ${key} ${started}`, { how, key, started, from, to })
    else if (from > draft.from) Object.assign(draft, { from, to })
  }

  executed(key: string, by: number, asked: number, from: number): void {
    this.told.executions.push({ key, by, asked, from, to: now() })
  }

  won(what: "claim" | "prize", key: string, by: number, { from, to }: Window): void {
    this.told.won.push({ what, key, by, from, to })
  }

  tooOld(age: number, { from, to }: Window): void {
    this.told.tooOld.push({ age, from, to })
  }

  private failed(kind: string, reason: string, from: number, to: number): void {
    const draft = this.failureDrafts.get(`${kind} ${reason}`)
    if (draft === undefined) {
      this.failureDrafts.set(`${kind} ${reason}`, { kind, reason, count: 1, from, to, lag: this.lag.recent })
    } else Object.assign(draft, { count: draft.count + 1, to })
  }

  /** Everything since the last call. */
  drain(nearHits: number): Told {
    const told = {
      ...this.told,
      nearHits,
      seen: [...this.seenDrafts.values()],
      served: [...this.servedDrafts.values()],
      failures: [...this.failureDrafts.values()]
    }
    this.told = fresh()
    this.seenDrafts.clear()
    this.servedDrafts.clear()
    this.failureDrafts.clear()
    return told
  }
}

const fresh = () => ({
  operations: {} as Record<string, number>,
  badInputs: {} as Record<string, number>,
  acknowledged: new Array<Told["acknowledged"][number]>(),
  attempts: new Array<Told["attempts"][number]>(),
  gone: new Array<Told["gone"][number]>(),
  executions: new Array<Told["executions"][number]>(),
  late: new Array<Told["late"][number]>(),
  won: new Array<Told["won"][number]>(),
  tooOld: new Array<Told["tooOld"][number]>(),
  checks: {} as Record<string, number>,
  violations: new Array<Told["violations"][number]>(),
  longestGap: 0
})

/** The time for this many commands in a row. */
export const commands = (count: number): number => count * commandTimeout

/** The time for a call that may wait for a load: the contract's bound. */
export const loading = (loadMillis: number, leaseWait: number): number => commands(4) + leaseWait + loadMillis
