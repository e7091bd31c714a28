/**
 * Loads in flight in this process, by Redis key: who waits for which, and when one may be joined.
 *
 * A slot stands for one key that is being loaded; a flight is the fiber that does it, for one slot or (for a batched
 * load) several. A slot is in the table from when it is opened until it is settled, detached by a local write, or
 * abandoned by its last waiter, whichever comes first; what is not in the table cannot be joined.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type * as Tracer from "effect/Tracer"

/**
 * How a slot ended.
 *
 * - `Done`: with this exit, which holds for those who began before `validBefore`; later ones look again
 * - `Nothing`: a batched load gave no value for this key; the same holds
 * - `Again`: what is in Redis has changed: everyone looks again
 */
export type Outcome =
  | { readonly _tag: "Done"; readonly exit: Exit.Exit<unknown, unknown>; readonly validBefore: number }
  | { readonly _tag: "Nothing"; readonly validBefore: number }
  | { readonly _tag: "Again" }

export const again: Outcome = { _tag: "Again" }

export class Flight {
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  readonly slots = new Set<Slot>()
  private span: Tracer.Span | undefined
  private links: Array<Tracer.SpanLink> = []

  /** Nobody waits for any of it, and it is not one that goes on by itself. */
  get abandoned(): boolean {
    for (const slot of this.slots) if (slot.wanted) return false
    return true
  }

  /** The load's span has begun. */
  begin(span: Tracer.Span): void {
    this.span = span
    if (this.links.length > 0) span.addLinks(this.links)
    this.links = []
  }

  /** Links the load's span to that of somebody who waits for it. */
  link(waiter: Tracer.AnySpan | undefined): void {
    if (waiter === undefined) return
    const link: Tracer.SpanLink = { _tag: "SpanLink", span: waiter, attributes: {} }
    if (this.span === undefined) this.links.push(link)
    else this.span.addLinks([link])
  }
}

export class Slot {
  readonly waiters = new Set<(outcome: Outcome) => void>()
  outcome: Outcome | undefined
  /** It goes on when nobody waits: a background refresh, or a load whose waiter ran out of time. */
  keep: boolean
  /** Who opened it is about to wait for it, and counts as waiting. */
  expected: boolean

  constructor(
    readonly key: string,
    /** Which codec its value goes through: a value is handed on to callers of the same codec only. */
    readonly identity: unknown,
    public flight: Flight,
    /** Nobody asked to wait for it: what is stored can be served meanwhile. */
    readonly background: boolean
  ) {
    this.keep = background
    this.expected = !background
    flight.slots.add(this)
  }

  get wanted(): boolean {
    return this.keep || this.expected || this.waiters.size > 0
  }
}

/** The slots whose loads this fiber is running inside of: to wait for one of them would be to wait for itself. */
export const loading: FiberRef.FiberRef<ReadonlyArray<Slot>> = globalValue(
  "effect-redis-cache/loading",
  () => FiberRef.unsafeMake<ReadonlyArray<Slot>>([])
)

const notInside = <A>(slots: ReadonlyArray<Slot>, wait: () => Effect.Effect<A>): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) => {
    const inside = fiber.getFiberRef(loading)
    const own = inside.length === 0 ? undefined : slots.find((slot) => inside.includes(slot))
    return own === undefined ? wait() : Effect.dieMessage(`The load of ${own.key} waits for itself`)
  })

export class FlightTable {
  private readonly slots = new Map<string, Slot>()

  get(key: string): Slot | undefined {
    return this.slots.size === 0 ? undefined : this.slots.get(key)
  }

  /** The load under way that one who has not looked yet may join: not a background refresh, which makes nobody wait. */
  joinable(key: string): Slot | undefined {
    const slot = this.get(key)
    return slot === undefined || slot.background ? undefined : slot
  }

  get size(): number {
    return this.slots.size
  }

  /** Opens a slot. One that is there already is detached: `Cache.refresh` joins nobody. */
  open(key: string, identity: unknown, flight: Flight, background: boolean): Slot {
    const slot = new Slot(key, identity, flight, background)
    this.slots.set(key, slot)
    return slot
  }

  /** A local write: whoever asks from now on starts anew. Those who wait already are told what the load comes to. */
  detach(key: string): void {
    if (this.slots.size !== 0) this.slots.delete(key)
  }

  detachAll(prefix: string): void {
    for (const key of this.slots.keys()) if (key.startsWith(prefix)) this.slots.delete(key)
  }

  settle(slot: Slot, outcome: Outcome): void {
    if (slot.outcome !== undefined) return
    slot.outcome = outcome
    this.remove(slot)
    slot.flight.slots.delete(slot)
    for (const waiter of slot.waiters) waiter(outcome)
    slot.waiters.clear()
  }

  /**
   * Waits for the outcome. Interruption ends this wait alone, and the load if it was the last. `opened`: the waiter has
   * opened the slot.
   */
  wait(slot: Slot, opened: boolean): Effect.Effect<Outcome> {
    return notInside([slot], () =>
      Effect.async((resume) => {
        const waiter = (outcome: Outcome): void => resume(Exit.succeed(outcome))
        this.enter(slot, waiter)
        if (opened) slot.expected = false
        return Effect.suspend(() => {
          slot.waiters.delete(waiter)
          return this.abandon(slot)
        })
      }))
  }

  /** The same for many, having entered at all of them at once. `opened` are those of them that the waiter opened. */
  waitAll(slots: ReadonlyArray<Slot>, opened: ReadonlyArray<Slot>): Effect.Effect<ReadonlyArray<Outcome>> {
    return notInside(slots, () =>
      Effect.async((resume) => {
        const outcomes: Array<Outcome> = []
        let open = slots.length
        const waiters = slots.map((slot, index) => {
          const waiter = (outcome: Outcome): void => {
            outcomes[index] = outcome
            if (--open === 0) resume(Exit.succeed(outcomes))
          }
          this.enter(slot, waiter)
          return waiter
        })
        for (const slot of opened) slot.expected = false
        return Effect.suspend(() => {
          for (const [index, slot] of slots.entries()) slot.waiters.delete(waiters[index]!)
          return Effect.forEach(slots, (slot) => this.abandon(slot), { discard: true })
        })
      }))
  }

  private enter(slot: Slot, waiter: (outcome: Outcome) => void): void {
    if (slot.outcome === undefined) slot.waiters.add(waiter)
    else waiter(slot.outcome)
  }

  /** Who opened the slot will not wait for it. */
  forsake(slot: Slot): Effect.Effect<void> {
    slot.expected = false
    return this.abandon(slot)
  }

  /**
   * If nobody waits for the slot any longer it can no longer be joined, and a flight that nobody needs is ended. One who
   * has found the slot and is about to wait for it is told to look again.
   */
  abandon(slot: Slot): Effect.Effect<void> {
    if (slot.outcome !== undefined || slot.wanted) return Effect.void
    const { flight } = slot
    this.settle(slot, again)
    return flight.abandoned && flight.fiber !== undefined ? Fiber.interruptFork(flight.fiber) : Effect.void
  }

  private remove(slot: Slot): void {
    if (this.slots.get(slot.key) === slot) this.slots.delete(slot.key)
  }
}
