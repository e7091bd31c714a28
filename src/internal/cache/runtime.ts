/** What lives in this process for one `Redis` instance, and ends with its scope. */
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Scope from "effect/Scope"
import { RedisError } from "../../CacheError.js"
import { RandomBytes } from "../bytes/randomBytes.js"
import { Feed } from "../changes/feed.js"
import { breaking } from "../driver/breaking.js"
import type { Driver } from "../driver/driver.js"
import { defaultMaxRemembered, Recovery } from "../driver/recovery/makeGood.js"
import { Background } from "../inFlight/background.js"
import { SharedPermits } from "../inFlight/sharedPermits.js"
import { InFlightTable } from "../inFlight/table.js"
import { NearTier } from "../near/tier.js"
import { Claims } from "./claims.js"
import { CacheLabels } from "./labels.js"
import { type Mode, whole } from "./mode.js"
import type { Tally } from "./tally.js"

export interface Runtime {
  /** The driver behind its breaker, and before what it has missed is made good. */
  readonly driver: Driver
  /** What is done with values, in the region of the program that has this runtime. */
  readonly mode: Mode
  /** The service that this one is derived from, for another mode; `undefined`: it is none of those. */
  readonly base: Service | undefined
  /** Those derived from this one, made when they are first asked for. */
  readonly derived: Map<string, Service>
  /** What reads of values ask. */
  readonly reader: Pick<Driver, "get" | "getMany">
  /** What the store has missed, and is to be made good. */
  readonly recovery: Recovery
  /** Loads, and what else runs behind. It ends before the driver's connections do. */
  readonly background: Background
  /** How long that has when the layer closes, in ms. */
  readonly grace: number
  readonly flights: InFlightTable
  /** What this process hears of changes in the store. */
  readonly feed: Feed
  readonly near: NearTier
  readonly random: RandomBytes
  /** What belongs to one cache here; weak, so that caches made on the fly leave nothing behind. */
  readonly instances: WeakMap<object, unknown>
  readonly claims: Claims
  /** What is counted here, if it is published. */
  readonly tally: Tally | undefined
  /** What metrics of caches are tagged with. */
  readonly labels: CacheLabels
  readonly permits: SharedPermits
  /** How many background refreshes are under way. */
  refreshes: number
  /** Orders what happens in this process: when callers began, when leases were asked for, when values were stored. */
  sequence: number
}

export interface Service {
  readonly driver: Driver
  readonly runtime: Runtime
}

/** How a service is made. */
export interface ServiceOptions {
  readonly tally?: Tally | undefined
  readonly maxRemembered?: number | undefined
  /** In ms. Default: none. */
  readonly grace?: number | undefined
}

/**
 * The service over a driver. When the scope closes, the loads and background refreshes that still run have the grace to
 * end. What is left of them ends then, and after that what the driver is made of.
 */
export const makeService = (
  driver: Driver,
  { grace = 0, maxRemembered = defaultMaxRemembered, tally }: ServiceOptions = {}
): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const parent = yield* Effect.scope
    const random = new RandomBytes()
    const recovery = new Recovery(breaking(driver), maxRemembered)
    const guarded = recovery.driver
    const feed = new Feed(guarded, random)
    const near = new NearTier(guarded, feed, random)
    const flights = new InFlightTable()
    tally?.watch(flights)
    yield* Effect.forkIn(Effect.interruptible(feed.run), parent)
    yield* Effect.addFinalizer(() => Effect.sync(() => near.close()))
    yield* Effect.forkIn(Effect.interruptible(recovery.run), parent)
    // Loads end side by side: each may wait for an answer to its release.
    const background = new Background(yield* Scope.fork(parent, ExecutionStrategy.parallel))
    yield* Effect.addFinalizer(() => background.drainedWithin(grace))
    const runtime: Runtime = {
      driver: guarded,
      mode: whole,
      base: undefined,
      derived: new Map(),
      reader: guarded,
      recovery,
      background,
      grace,
      flights,
      feed,
      near,
      random,
      instances: new WeakMap(),
      claims: new Claims(),
      tally,
      labels: new CacheLabels(),
      permits: new SharedPermits(),
      refreshes: 0,
      sequence: 0
    }
    return { driver, runtime }
  })

/** The same; unless it is `undefined`, changes must be told within so many ms. */
export const makeTracking = (
  driver: Driver,
  within: number | undefined,
  options: ServiceOptions
): Effect.Effect<Service, RedisError, Scope.Scope> =>
  Effect.tap(
    makeService(driver, options),
    ({ runtime }) =>
      within === undefined ? Effect.void : Effect.timeoutFail(runtime.near.feed.start, {
        duration: within,
        onTimeout: () =>
          new RedisError({ reason: "Timeout", operation: "watch", cause: new Error(`no answer within ${within} ms`) })
      })
  )
