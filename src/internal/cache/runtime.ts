/** What lives in this process for one `Redis` instance, and ends with its scope. */
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Scope from "effect/Scope"
import type { Driver } from "../../Driver.js"
import { RandomBytes } from "../bytes/randomBytes.js"
import { Breaker } from "../driver/breaker.js"
import { guard } from "../driver/guard.js"
import type { Permits } from "../inFlight/permits.js"
import { InFlightTable } from "../inFlight/table.js"
import { NearTier } from "../near/tier.js"
import { Claims } from "./claims.js"

export interface Runtime {
  /** The driver behind the breaker. */
  readonly driver: Driver
  /** Loads run in it. It closes before the driver's connections do. */
  readonly scope: Scope.Scope
  readonly flights: InFlightTable
  readonly near: NearTier
  readonly random: RandomBytes
  readonly breaker: Breaker
  /** What belongs to one cache here; weak, so that caches made on the fly leave nothing behind. */
  readonly instances: WeakMap<object, unknown>
  lastInstance: { readonly definition: object } | undefined
  readonly claims: Claims
  /** What bounds the loads of caches that have a bound, by name and bound. */
  readonly permits: Map<string, Permits>
  /** How many background refreshes are under way. */
  refreshes: number
  /** Orders what happens in this process: when callers began, when leases were asked for, when values were stored. */
  sequence: number
}

export const makeRuntime = (
  driver: Driver
): Effect.Effect<{ readonly driver: Driver; readonly runtime: Runtime }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const parent = yield* Effect.scope
    const random = new RandomBytes()
    const breaker = new Breaker(() => random.fraction())
    const guarded = guard(driver, breaker)
    const near = new NearTier(guarded, random)
    yield* Effect.forkIn(Effect.interruptible(near.feed.run), parent)
    const runtime: Runtime = {
      driver: guarded,
      // Loads end side by side: each may wait for an answer to its release.
      scope: yield* Scope.fork(parent, ExecutionStrategy.parallel),
      flights: new InFlightTable(),
      near,
      random,
      breaker,
      instances: new WeakMap(),
      lastInstance: undefined,
      claims: new Claims(),
      permits: new Map(),
      refreshes: 0,
      sequence: 0
    }
    return { driver, runtime }
  })
