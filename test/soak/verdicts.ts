/** The invariants of the soak: how often each was checked, and the violations. */

export const invariants = {
  stale: "no read is staler than its bound",
  lost: "nothing that was acknowledged is lost, but by Redis",
  invented: "nothing is read that was never written, and no count exceeds its attempts",
  deleted: "no load that began before an acknowledged delete is read after it",
  invalidated: "no load that began before an acknowledged invalidation is read after it",
  flushed: "what was flushed is gone",
  oneLoad: "one load of a key at a time in the fleet",
  loadsPerLife: "one load of a key in its life, while nothing is wrong",
  staleWindow: "no value is served after its stale window",
  claimed: "what may be set once is set once",
  taken: "what is taken is taken once",
  itsOwn: "a value belongs to its key",
  inTime: "calls end in their time",
  typed: "errors are typed, with known reasons",
  calm: "nothing fails while nothing is wrong",
  badKeys: "what cannot be a key is refused",
  badValues: "what cannot be stored is refused",
  foreign: "foreign bytes are absent, and are written over",
  oddKeys: "odd keys are kept apart",
  neighbours: "bad input changes nothing else",
  unhandled: "no rejection and no exception that nobody handled",
  heap: "the heap of workers is flat",
  leftovers: "no load, read or refresh is left in a process",
  leases: "no lease is held when all work has ended",
  lives: "every key has a time to live where one is due",
  connections: "no connection is left",
  workers: "workers live, and end when they are asked"
} as const

export type Invariant = keyof typeof invariants

const mostTold = 5

export interface Verdict {
  checks: number
  wrong: number
  /** The first violations. */
  readonly told: Array<string>
}

export class Verdicts {
  readonly all = new Map<Invariant, Verdict>()

  /** The first violation of an invariant is also printed at once. */
  constructor(private readonly tell: (violation: string) => void = () => {}) {
    for (const invariant of Object.keys(invariants) as Array<Invariant>) { // they are its keys
      this.all.set(invariant, { checks: 0, wrong: 0, told: [] })
    }
  }

  checked(invariant: Invariant, times: number): void {
    this.all.get(invariant)!.checks += times
  }

  violated(invariant: Invariant, detail: string): void {
    const verdict = this.all.get(invariant)!
    verdict.wrong++
    if (verdict.told.length === mostTold) return
    verdict.told.push(detail)
    this.tell(`${invariants[invariant]}: VIOLATED: ${detail}`)
  }

  check(invariant: Invariant, holds: boolean, detail: () => string): void {
    this.checked(invariant, 1)
    if (!holds) this.violated(invariant, detail())
  }

  /** An invariant that was never checked has not passed. */
  passes(invariant: Invariant): boolean {
    const { checks, wrong } = this.all.get(invariant)!
    return checks > 0 && wrong === 0
  }

  get wrong(): number {
    let sum = 0
    for (const { wrong } of this.all.values()) sum += wrong
    return sum
  }
}
