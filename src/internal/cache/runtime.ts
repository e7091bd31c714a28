/** The state of one `Redis` instance in this process. It ends with its scope. */
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
import { Timers } from "../inFlight/timers.js"
import { NearTier } from "../near/tier.js"
import { Claims } from "./claims.js"
import { CacheLabels } from "./labels.js"
import { type Mode, whole } from "./mode.js"
import type { Tally } from "./tally.js"

export interface Runtime {
  /** The driver behind its breaker, wrapped so that changes that it has missed are made good. */
  readonly driver: Driver
  /** How values are treated in the region of the program that has this runtime. */
  readonly mode: Mode
  /** The service that this one is derived from, for another mode; `undefined` if it is not derived. */
  readonly base: Service | undefined
  /** The services derived from this one, made when they are first needed. */
  readonly derived: Map<string, Service>
  /** Where values are read from. */
  readonly reader: Pick<Driver, "get" | "getMany">
  /** Changes that the store has missed, to be made good. */
  readonly recovery: Recovery
  /** Loads, and other work in the background. It ends before the driver's connections do. */
  readonly background: Background
  /** How long background work may go on when the layer closes, in ms. */
  readonly grace: number
  readonly flights: InFlightTable
  /** What is to happen if a load runs for long. */
  readonly timers: Timers
  /** The reports of changes in the store. */
  readonly feed: Feed
  readonly near: NearTier
  readonly random: RandomBytes
  /** The instances of caches here; weak, so that caches made on the fly leave nothing behind. */
  readonly instances: WeakMap<object, unknown>
  readonly claims: Claims
  /** The figures of this process, if they are published. */
  readonly tally: Tally | undefined
  /** The labels of the metrics of caches. */
  readonly labels: CacheLabels
  readonly permits: SharedPermits
  /** How many background refreshes are under way. */
  refreshes: number
  /** Orders events in this process: when callers began, when leases were requested, when values were stored. */
  sequence: number
}

export interface Service {
  readonly driver: Driver
  readonly runtime: Runtime
}

/** The options of `makeService`. */
export interface ServiceOptions {
  readonly tally?: Tally | undefined
  readonly maxRemembered?: number | undefined
  /** In ms. Default: none. */
  readonly grace?: number | undefined
}

/**
 * Makes the service over a driver. When the scope closes, loads and background refreshes that still run may end within
 * the grace. After that, the remaining ones are interrupted, and then the driver's resources are released.
 */
export const makeService = (
  driver: Driver,
  { grace = 0, maxRemembered = defaultMaxRemembered, tally }: ServiceOptions = {}
): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const parent = yield* Effect.scope
    const random = new RandomBytes()
    const labels = new CacheLabels()
    const recovery = new Recovery(breaking(driver), maxRemembered, (cache) => labels.of(cache).redis)
    const guarded = recovery.driver
    const feed = new Feed(guarded, random)
    const near = new NearTier(guarded, feed, random)
    const flights = new InFlightTable()
    tally?.watch(flights)
    yield* Effect.forkIn(Effect.interruptible(feed.run), parent)
    yield* Effect.addFinalizer(() => Effect.sync(() => near.close()))
    yield* Effect.forkIn(Effect.interruptible(recovery.run), parent)
    const timers = new Timers()
    yield* Effect.addFinalizer(() => Effect.sync(() => timers.close()))
    // Loads end side by side: each may wait for an answer to its release.
    const loads = yield* Scope.fork(parent, ExecutionStrategy.parallel)
    const background = new Background(loads)
    // A load that is interrupted and takes time to end gives its lease up meanwhile.
    yield* Scope.addFinalizer(loads, Effect.zipRight(Effect.yieldNow(), Effect.sync(() => timers.goOff())))
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
      timers,
      feed,
      near,
      random,
      instances: new WeakMap(),
      claims: new Claims(),
      tally,
      labels,
      permits: new SharedPermits(),
      refreshes: 0,
      sequence: 0
    }
    return { driver, runtime }
  })

/** The same; if `within` is not `undefined`, the store must begin to report changes within this many ms. */
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
