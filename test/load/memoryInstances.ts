/** Shared by the tests of loads: `Redis` instances over one server, and an origin whose loads end when told to. */
import { Context, Deferred, Effect, Exit, Layer, Logger, TestClock } from "effect"
import { type CacheError, Redis, RedisLayer } from "effect-redis-cache"
import type { Driver } from "../../src/internal/driver/driver.js"
import * as Entry from "../../src/internal/entry/format.js"
import { leaseRequest } from "../support/driverRequests.js"

export type Service = Context.Tag.Service<typeof Redis.Redis>

/** `Redis` instances over one server, as many as there are faults given. They end with the scope. */
export const instances = (...faults: ReadonlyArray<RedisLayer.FaultyOptions | undefined>) =>
  Effect.gen(function*() {
    const server = RedisLayer.memoryServer()
    const services: Array<Service> = []
    for (const options of faults) {
      const memory = RedisLayer.layerMemoryServer(server)
      const layer = options === undefined ? memory : RedisLayer.layerFaulty(options).pipe(Layer.provide(memory))
      services.push(Context.get(yield* Layer.build(layer), Redis.Redis))
    }
    const at = (i: number) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.provideService(effect, Redis.Redis, services[i]!)
    return { server, services, at, first: at(0), second: at(1) }
  })

/** Records the logs, each with its level and annotations. */
export const logs = () => {
  const messages: Array<string> = []
  const annotated: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ annotations, logLevel, message }) => {
    messages.push(`${logLevel.label} ${String(message)}`)
    annotated.push(Object.fromEntries(annotations))
  })
  return { messages, annotated, layer: Logger.replace(Logger.defaultLogger, logger) }
}

/** Lets everything run that can run without time passing. */
export const settle: Effect.Effect<void> = TestClock.adjust(0)

/** The source of values: each load waits until it is told how to end. */
export class Origin {
  /** @param settle lets the fibers run that wait for a load which has been told to end */
  constructor(private readonly settle: Effect.Effect<void> = TestClock.adjust(0)) {}

  runs = 0
  interrupted = 0
  private readonly ends = new Map<number, Deferred.Deferred<string, string>>()

  private end(run: number): Deferred.Deferred<string, string> {
    if (!this.ends.has(run)) this.ends.set(run, Effect.runSync(Deferred.make<string, string>()))
    return this.ends.get(run)!
  }

  /** Run number `n` returns `v<n>`. */
  readonly load: Effect.Effect<string, string> = Effect.suspend(() =>
    Effect.onInterrupt(Deferred.await(this.end(++this.runs)), () =>
      Effect.sync(() => {
        this.interrupted++
      }))
  )

  succeed(run: number): Effect.Effect<void> {
    return Effect.zipRight(Deferred.succeed(this.end(run), `v${run}`), this.settle)
  }

  fail(run: number): Effect.Effect<void> {
    return Effect.zipRight(Deferred.fail(this.end(run), `e${run}`), this.settle)
  }

  die(run: number): Effect.Effect<void> {
    return Effect.zipRight(Deferred.done(this.end(run), Exit.die(`d${run}`)), this.settle)
  }
}

/**
 * What is stored under a key: `value`, `marker`, `leased value`, `value left alone` after a failed load, or nothing.
 */
export const stored = (driver: Driver, key: string): Effect.Effect<string, CacheError.RedisError> =>
  Effect.map(driver.inspect(key), (found) => {
    if (found === undefined) return "nothing"
    if (!Entry.isEntry(found.bytes)) return "foreign"
    if (Entry.isMarker(found.bytes)) return "marker"
    const lease = Entry.lease(found.bytes)
    if (lease === undefined) return "value"
    return Entry.sameBytes(lease.token, Entry.noToken) ? "value left alone" : "leased value"
  })

/** Nothing of a load is left: no lease, no slot, no waiting fiber. */
export const nothingLeft = ({ driver, runtime }: Service, key: string) =>
  Effect.map(stored(driver, key), (state) => ({
    lease: state === "marker" || state === "leased value",
    flights: runtime.flights.size,
    fibers: runtime.background.size,
    refreshes: runtime.refreshes
  }))

export const clean = { lease: false, flights: 0, fibers: 0, refreshes: 0 }

/** Takes the lease of a key like another process that then dies with it. */
export const leaseAndDie = (driver: Driver, key: string, duration: number) =>
  Effect.map(
    driver.lease([leaseRequest({ key, token: new Uint8Array(8).fill(7), duration })], "entry"),
    ([reply]) => reply?._tag
  )
