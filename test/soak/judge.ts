/**
 * Compares what the processes did and saw with what servers may lose. It judges while they work: it keeps their reports
 * until all of them have reported up to a time, then judges and drops them, so that a soak of any length needs little
 * memory.
 *
 * A write or delete takes place between its call and its answer; both times come from one clock, the machine's. So a
 * read must see every write that was acknowledged before the read was called, unless Redis has lost it:
 *
 * - *wiped*: a restart, `FLUSHALL`, evictions. Everything written before may be absent; nothing older may be there
 *   instead
 * - *replicated*: a master is replaced. Writes that it acknowledged within `replicationWindow` before may be undone, so
 *   an older value, or a deleted one, may be back
 */
import type { Window } from "../support/cluster/lossWindows.js"
import {
  type Acknowledged,
  type Attempts,
  type Batch,
  type Execution,
  type Failures,
  type HowGone,
  lease,
  maxStaleness,
  type RegisterKind,
  type Seen,
  type Served,
  type TargetName,
  type Told,
  type Won
} from "./protocol.js"
import type { Invariant, Verdicts } from "./verdicts.js"

/** Windows of one target, ordered by when they began. An open one ends at `Infinity`. */
export interface Windows {
  readonly wiped: Array<Window>
  readonly replicated: Array<Window>
  /** A server or the network is disturbed, or was a moment ago. */
  readonly trouble: Array<Window & { readonly name?: string }>
}

export const noWindows = (): Windows => ({ wiped: [], replicated: [], trouble: [] })

/** How long data that may still be compared is kept, in ms. */
const memory = 20_000

const overlaps = (windows: ReadonlyArray<Window>, { from, to }: Window): boolean => {
  // Few windows are as late as the events under judgement.
  for (let i = windows.length - 1; i >= 0; i--) {
    const window = windows[i]!
    if (window.from <= to && window.to >= from) return true
    if (window.to < from - memory) return false
  }
  return false
}

/** By kind: how stale a read may be, and whether lost data starts again from nothing. */
const registers: Readonly<Record<RegisterKind, { readonly staleness: number; readonly restarts: boolean }>> = {
  version: { staleness: maxStaleness, restarts: false },
  batch: { staleness: 0, restarts: false },
  count: { staleness: 0, restarts: true },
  part: { staleness: 0, restarts: true }
}

const comesBack: Readonly<Record<HowGone, Invariant>> = {
  delete: "deleted",
  invalidate: "invalidated",
  flush: "flushed"
}

const show = (value: object): string => JSON.stringify(value)

/** Events of one key that are compared with later ones. */
class Recent<A extends Window> {
  private readonly byKey = new Map<string, Array<A>>()

  of(key: string): ReadonlyArray<A> {
    return this.byKey.get(key) ?? []
  }

  add(key: string, one: A): void {
    const all = this.byKey.get(key)
    if (all === undefined) this.byKey.set(key, [one])
    else all.push(one)
  }

  /** Of older ones, the last one for which `keeps` holds stays. */
  forget(before: number, keeps: (one: A) => boolean = () => false): void {
    for (const [key, all] of this.byKey) {
      const old = all.findIndex((one) => one.to >= before)
      const count = old < 0 ? all.length : old
      if (count === 0) continue
      const last = all.slice(0, count).findLast(keeps)
      all.splice(0, count, ...(last === undefined ? [] : [last]))
      if (all.length === 0) this.byKey.delete(key)
    }
  }
}

/** Judges one target. */
export class Judge {
  private readonly acknowledged = new Recent<Acknowledged>()
  private readonly gone = new Recent<Window>()
  private readonly executions = new Recent<Execution>()
  private readonly won = new Recent<Won>()
  private readonly attempts = new Map<string, Map<number, number>>()
  private due: Array<{ readonly at: number; readonly judge: () => void }> = []
  /** By whole ms: how stale the last reads of replaced versions were. */
  readonly staleness: Array<number> = []

  constructor(
    readonly target: TargetName,
    private readonly verdicts: Verdicts,
    private readonly windows: Windows,
    /** When processes stood still. */
    private readonly stops: ReadonlyArray<Window>,
    /** The time that `one load at a time` permits, in ms. */
    private readonly loadLife: number
  ) {}

  /** Call it with what each process reports, in any order. */
  hear(by: number, told: Told): void {
    for (const one of told.acknowledged) this.acknowledged.add(`${one.kind} ${one.key}`, one)
    for (const one of told.gone) this.gone.add(`${one.how} ${one.key}`, one)
    for (const one of told.attempts) this.tried(by, one)
    const later = <A extends Window>(all: ReadonlyArray<A>, judge: (one: A) => void) => {
      for (const one of all) this.due.push({ at: one.to, judge: () => judge(one) })
    }
    later(told.seen, (one) => this.judgeSeen(one))
    later(told.served, (one) => this.judgeServed(one))
    later(told.executions, (one) => this.judgeExecution(one))
    later(told.won, (one) => this.judgeWon(one))
    later(told.failures, (one) => this.judgeFailures(one))
    later(told.late, (one) => this.check("inTime", false, () => `${show(one)}; ${this.around(one)}`))
    later(
      told.tooOld,
      (one) =>
        this.check(
          "staleWindow",
          this.troubled({ from: one.to - one.age, to: one.to }),
          () => `a value was served ${one.age.toFixed(0)} ms after its load began: ${show(one)}`
        )
    )
  }

  /**
   * Judges everything that ended before. Call it once every process has reported up to then, and every window that
   * began before is known.
   */
  judge(horizon: number): void {
    const ready = this.due.filter(({ at }) => at <= horizon)
    if (ready.length === 0) return
    this.due = this.due.filter(({ at }) => at > horizon)
    for (const { judge } of ready) judge()
    const before = horizon - memory
    const solid = (one: Window) => !overlaps(this.windows.replicated, one)
    this.acknowledged.forget(before, solid)
    this.gone.forget(before, solid)
    this.executions.forget(before)
    this.won.forget(before)
  }

  private check(invariant: Invariant, holds: boolean, detail: () => string): void {
    this.verdicts.check(invariant, holds, () => `${this.target}: ${detail()}`)
  }

  private tried(by: number, { key, kind, n }: Attempts): void {
    const name = `${kind} ${key}`
    const each = this.attempts.get(name) ?? new Map<number, number>()
    this.attempts.set(name, each)
    each.set(by, Math.max(n, each.get(by) ?? 0))
  }

  private troubled(window: Window): boolean {
    return overlaps(this.windows.trouble, window) || overlaps(this.stops, window)
  }

  /** Disturbances in the seconds before, in ms from then. */
  private around(window: Window): string {
    const near = (one: Window) => one.to > window.from - memory && one.from < window.to + memory
    const relative = (one: Window) => `${(one.from - window.from).toFixed(0)} to ${(one.to - window.from).toFixed(0)}`
    const troubles = this.windows.trouble.filter(near).map((one) => `${one.name} ${relative(one)}`)
    const lossy = [...this.windows.wiped, ...this.windows.replicated].filter(near).map(relative)
    return `troubles, in ms from then: ${troubles.join(", ")}; Redis may forget: ${lossy.join(", ")}`
  }

  private judgeSeen(seen: Seen): void {
    const { key, kind, n } = seen
    const name = `${kind} ${key}`
    let attempts = 0
    for (const count of this.attempts.get(name)?.values() ?? []) attempts += count
    this.check("invented", n <= attempts, () => `${show(seen)}, where ${attempts} is the most that was tried`)
    // While two servers both believe that they are the master, either may answer with what it has.
    if (kind === "shared" || overlaps(this.windows.replicated, seen)) return
    const { restarts, staleness } = registers[kind]
    const all = this.acknowledged.of(name)
    if (n > 0 && !restarts) {
      const next = all.find((one) => one.n > n && !overlaps(this.windows.replicated, one))
      if (next !== undefined) {
        const late = Math.max(0, seen.from - next.to)
        if (kind === "version") {
          this.staleness[Math.floor(late)] = (this.staleness[Math.floor(late)] ?? 0) + 1
        }
        this.check(
          "stale",
          late <= staleness,
          () =>
            `${show(seen)}, where ${show(next)} had been acknowledged; ${this.around(seen)}; writes: ${
              show(all.slice(-8))
            }`
        )
        return
      }
      this.check("stale", true, () => "")
      return
    }
    const last = all.findLast((one) =>
      one.to + staleness < seen.from && !overlaps(this.windows.replicated, one) && !this.wipedBetween(one, seen)
    )
    this.check(
      "lost",
      last === undefined || n >= last.n,
      () => `${show(seen)}, where ${show(last!)} had been acknowledged; ${this.around(seen)}`
    )
  }

  /** Whether everything written by then may be absent by now. */
  private wipedBetween(write: Window, read: Window): boolean {
    return overlaps(this.windows.wiped, { from: write.from, to: read.to })
  }

  private judgeServed(served: Served): void {
    if (overlaps(this.windows.replicated, served)) return
    const last = this.gone.of(`${served.how} ${served.key}`).find((one) =>
      served.started < one.from && one.to < served.from && !overlaps(this.windows.replicated, one)
    )
    this.check(
      comesBack[served.how],
      last === undefined,
      () => `${show(served)}, where it had gone at ${show(last!)}; ${this.around(served)}`
    )
  }

  private judgeExecution(one: Execution): void {
    for (const other of this.executions.of(one.key)) {
      const [first, second] = one.from < other.from ? [one, other] as const : [other, one] as const
      const span: Window = { from: Math.min(first.asked, second.asked), to: second.from }
      // A lease is lost with the data, and the lease of a process that stands still for too long passes to another. A
      // caller that has waited for `lease.wait` loads by itself.
      const excused = overlaps(this.windows.wiped, span) || overlaps(this.windows.replicated, span) ||
        overlaps(this.stops, span) || second.from - second.asked >= lease.wait
      if (!excused) {
        this.check("oneLoad", second.from >= first.to, () => `${show(first)} and ${show(second)}`)
      }
      if (!this.troubled(span)) {
        this.check(
          "loadsPerLife",
          second.from >= first.to + this.loadLife * 0.8,
          () => `${show(first)} and ${show(second)}; ${this.around(span)}`
        )
      }
    }
    this.executions.add(one.key, one)
  }

  private judgeWon(one: Won): void {
    const name = `${one.what} ${one.key}`
    const others = [...this.won.of(name)]
    this.won.add(name, one)
    for (const other of others) {
      const span: Window = { from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) }
      if (overlaps(this.windows.wiped, span) || overlaps(this.windows.replicated, span)) continue
      this.check(one.what === "claim" ? "claimed" : "taken", false, () => `${show(other)} and ${show(one)}`)
    }
    if (others.length === 0) this.check(one.what === "claim" ? "claimed" : "taken", true, () => "")
  }

  private judgeFailures(failures: Failures): void {
    const { from, lag, to } = failures
    this.check(
      "calm",
      this.troubled({ from: from - lag, to }),
      () => `${show(failures)}; ${this.around(failures)}`
    )
  }
}

/** The horizon of all processes: the time up to which all have reported. */
export class Horizon {
  private readonly upTo = new Map<number, number>()

  hear({ by, upTo }: Pick<Batch, "by" | "upTo">): void {
    this.upTo.set(by, upTo)
  }

  of(workers: number): number {
    return this.upTo.size < workers ? -Infinity : Math.min(...this.upTo.values())
  }
}
