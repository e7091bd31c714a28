/**
 * Fleets of processes, in memory with a clock that tests control, and on a real Redis: for behaviour that must hold on
 * both.
 */
import { it } from "@effect/vitest"
import { Context, type Duration, Effect, Layer, Logger, LogLevel, type Scope, TestClock } from "effect"
import { Redis, RedisLayer } from "effect-redis-cache"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"
import { instances, Origin, type Service } from "./memoryInstances.js"

export interface Processes {
  readonly services: ReadonlyArray<Service>
  /** Runs an effect in process number `i`. */
  readonly at: (i: number) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Redis.Redis>>
}

export interface Fleet {
  readonly name: string
  readonly test: typeof it.scopedLive
  /** As many processes as there are faults given. They end with the scope. */
  readonly processes: (
    ...faults: ReadonlyArray<RedisLayer.FaultyOptions | undefined>
  ) => Effect.Effect<Processes, never, Scope.Scope>
  readonly pass: (time: Duration.DurationInput) => Effect.Effect<void>
  /** Waits for something that takes only the time of a round trip to Redis. */
  readonly until: (holds: () => boolean) => Effect.Effect<void>
  readonly origin: () => Origin
}

const memory: Fleet = {
  name: "memory",
  test: it.scoped,
  processes: (...faults) => instances(...faults),
  pass: (time) => TestClock.adjust(time),
  until: (holds) =>
    Effect.flatMap(TestClock.adjust(0), () => holds() ? Effect.void : Effect.dieMessage("it did not come to pass")),
  origin: () => new Origin()
}

const redis: Fleet = {
  name: "Redis",
  test: it.scopedLive,
  processes: (...faults) =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const services = yield* Effect.forEach(faults, (options) => {
        const real = Layer.orDie(RedisLayer.layer({ url: sharedRedisUrl(), prefix }))
        const layer = options === undefined ? real : RedisLayer.layerFaulty(options).pipe(Layer.provide(real))
        return Effect.map(Layer.build(layer), (context) => Context.get(context, Redis.Redis))
      })
      return {
        services,
        at: (i: number) => (effect) =>
          Logger.withMinimumLogLevel(Effect.provideService(effect, Redis.Redis, services[i]!), LogLevel.None)
      }
    }),
  pass: (time) => Effect.sleep(time),
  until: (holds) =>
    Effect.suspend(() => holds() ? Effect.void : Effect.fail("not yet")).pipe(
      Effect.retry({ while: () => Effect.as(Effect.sleep("2 millis"), true) }),
      Effect.timeout("5 seconds"),
      Effect.orDie
    ),
  origin: () => new Origin(Effect.void)
}

export const fleets: ReadonlyArray<Fleet> = [memory, redis]
