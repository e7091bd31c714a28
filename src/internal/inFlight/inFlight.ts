/**
 * What is in flight in this process: an `InFlight` stands for one key that is being loaded, a `LoadRun` for the fiber
 * that loads it, or (for a batch) several.
 */
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as FiberId from "effect/FiberId"
import type * as Tracer from "effect/Tracer"

export type Mode =
  /** Takes the lease, or waits for the load that has it. */
  | "Lead"
  /** Takes the lease from any load that has it. */
  | "Force"
  /** Takes the lease only if it is free: a background refresh. */
  | "Refresh"
  /** Computes, and stores nothing: Redis is unreachable, or nothing can be stored. */
  | "Local"
  /**
   * The same inside an update of the source: it may read uncommitted data, so only its own caller gets its value.
   */
  | "Apart"

/**
 * How the load of a key ended.
 *
 * - `Done`: with this exit, which is valid for callers that began before `validBefore`; later ones read again
 * - `Nothing`: a batched load returned no value for this key; the same holds
 * - `Again`: the stored value has changed: every caller reads again
 */
export type Outcome =
  | {
    readonly _tag: "Done"
    readonly exit: Exit.Exit<unknown, unknown>
    readonly validBefore: number
    /** A failure that the policy caches, stored or not: an answer like a value. */
    readonly isAnswer?: boolean
  }
  | { readonly _tag: "Nothing"; readonly validBefore: number }
  | { readonly _tag: "Again" }

export const again: Outcome = { _tag: "Again" }

/** A bound on how many loads run at once, as the loads see it. */
export interface Bound {
  /** The loads that count. */
  readonly holders: ReadonlySet<LoadRun>
  /** Whether a load waits for its turn. */
  isQueued(run: LoadRun): boolean
  /** Lets it in at once. */
  admit(run: LoadRun): void
}

/** One running load. */
export class LoadRun {
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  readonly keys = new Set<InFlight>()
  /** The loads inside which this one began, outermost first. */
  inside: ReadonlyArray<LoadRun> = []
  /** What the computation is waiting for, each as often as it waits. */
  readonly waitsFor: Array<InFlight> = []
  /** The bound that it counts in, or waits for its turn in. */
  bound: Bound | undefined
  /** While it computes: called when it is interrupted, since a computation may take time to end. */
  onInterrupted: (() => void) | undefined
  private span: Tracer.Span | undefined
  private links: Array<Tracer.SpanLink> = []

  /** @param isShared a forced load that others join as they join any: in its region of the program no read finds anything */
  constructor(readonly mode: Mode, readonly isShared = false) {}

  /** Whether no caller waits for any of it, and it is not one that goes on by itself. */
  get abandoned(): boolean {
    for (const key of this.keys) if (key.wanted) return false
    return true
  }

  /** No caller needs it any more. */
  interrupt(by: FiberId.FiberId): void {
    this.fiber?.unsafeInterruptAsFork(by)
    this.onInterrupted?.()
  }

  /** The load's span has begun. */
  begin(span: Tracer.Span): void {
    this.span = span
    if (this.links.length > 0) span.addLinks(this.links)
    this.links = []
  }

  /** Links the load's span to that of a caller that waits for it. */
  link(waiter: Tracer.AnySpan | undefined): void {
    if (waiter === undefined) return
    const link: Tracer.SpanLink = { _tag: "SpanLink", span: waiter, attributes: {} }
    if (this.span === undefined) this.links.push(link)
    else this.span.addLinks([link])
  }
}

/** One key that is being loaded. */
export class InFlight {
  /** Call it when there is an outcome. */
  readonly waiters = new Set<() => void>()
  outcome: Outcome | undefined
  /** It goes on without waiting callers: a background refresh, or a load whose waiter ran out of time. */
  keep: boolean
  /** The caller that opened it is about to wait for it, and counts as waiting. */
  expected: boolean

  constructor(
    readonly key: string,
    /** The codec of its value: a value is only passed to callers with the same codec. */
    readonly identity: unknown,
    public run: LoadRun
  ) {
    this.keep = this.background
    this.expected = !this.background
    run.keys.add(this)
  }

  /** Whether no caller asked to wait for it: the stored value can be served meanwhile. */
  get background(): boolean {
    return this.run.mode === "Refresh"
  }

  /**
   * A background refresh or a forced load: the stored value can be served meanwhile, so a caller joins it only after it
   * has read Redis, and does not get its failure.
   */
  get aside(): boolean {
    return this.background || (this.run.mode === "Force" && !this.run.isShared)
  }

  get wanted(): boolean {
    return this.keep || this.expected || this.waiters.size > 0
  }

  /** Passes this key on to another load. */
  handOver(run: LoadRun): void {
    this.run.keys.delete(this)
    run.keys.add(this)
    this.run = run
  }
}
