/** A driver behind a breaker, unless it has some of its own. While the breaker is closed a hot operation pays for an increment. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { RedisError } from "../../CacheError.js"
import type { Driver, Reply } from "../../Driver.js"
import type { Breaker } from "./breaker.js"

const monotonicMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  Number(Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos() / 1_000_000n)

export const guard = (driver: Driver, breaker: Breaker): Driver => {
  if (driver.hasBreakers === true) return driver
  const circuitOpen = (operation: string) => new RedisError({ reason: "CircuitOpen", operation })

  const failed = (error: RedisError): Effect.Effect<void> =>
    Effect.withFiberRuntime((fiber) => {
      breaker.failed(error, monotonicMillis(fiber), driver.unsafeConnections())
      return Effect.void
    })

  /** A hot operation while the breaker is open: a probe, or refused at once. */
  const probe = <Answer, A, E, R>(
    operation: string,
    key: string,
    reply: Reply<Answer, A, E, R>,
    send: (reply: Reply<Answer, A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.withFiberRuntime((fiber) =>
      breaker.mayProbe(monotonicMillis(fiber), driver.unsafeConnections())
        ? send({
          onSuccess: (answer, now, answeredKey) => {
            breaker.succeeded()
            return reply.onSuccess(answer, now, answeredKey)
          },
          onFailure: (error, failedKey) => Effect.zipRight(failed(error), reply.onFailure(error, failedKey))
        })
        : reply.onFailure(circuitOpen(operation), key)
    )

  const cold = <A>(operation: string, effect: Effect.Effect<A, RedisError>): Effect.Effect<A, RedisError> =>
    Effect.withFiberRuntime((fiber) => {
      if (!breaker.open) breaker.attempt()
      else if (!breaker.mayProbe(monotonicMillis(fiber), driver.unsafeConnections())) {
        return Effect.fail(circuitOpen(operation))
      }
      return Effect.tapBoth(effect, {
        onFailure: failed,
        onSuccess: () => breaker.open ? Effect.sync(() => breaker.succeeded()) : Effect.void
      })
    })

  return {
    prefix: driver.prefix,
    unsafeNow: driver.unsafeNow,
    unsafeMonotonic: driver.unsafeMonotonic,
    unsafeConnections: driver.unsafeConnections,
    get: (key, reply) => {
      if (breaker.open) return probe("get", key, reply, (probing) => driver.get(key, probing))
      breaker.attempt()
      return driver.get(key, new Watched(reply, failed))
    },
    getMany: (keys, reply) => {
      if (breaker.open) return probe("getMany", keys[0] ?? "", reply, (probing) => driver.getMany(keys, probing))
      breaker.attempt()
      return driver.getMany(keys, new Watched(reply, failed))
    },
    set: (write, reply) => {
      if (breaker.open) return probe("set", write.key, reply, (probing) => driver.set(write, probing))
      breaker.attempt()
      return driver.set(write, new Watched(reply, failed))
    },
    setMany: (writes, reply) => {
      if (breaker.open) {
        return probe("setMany", writes[0]?.key ?? "", reply, (probing) => driver.setMany(writes, probing))
      }
      breaker.attempt()
      return driver.setMany(writes, new Watched(reply, failed))
    },
    take: (keys) => cold("take", driver.take(keys)),
    lease: (requests, kind) => cold("lease", driver.lease(requests, kind)),
    fill: (requests) => cold("fill", driver.fill(requests)),
    // Never held back: an interrupted load's lease goes as soon as can be.
    release: driver.release,
    renew: (requests) => cold("renew", driver.renew(requests)),
    swap: (request, kind) => cold("swap", driver.swap(request, kind)),
    touch: (request, kind) => cold("touch", driver.touch(request, kind)),
    increment: (request) => cold("increment", driver.increment(request)),
    ensureEpochs: (requests) => cold("ensureEpochs", driver.ensureEpochs(requests)),
    replaceEpochs: (requests) => cold("replaceEpochs", driver.replaceEpochs(requests)),
    scan: (prefix) =>
      Stream.unwrap(Effect.withFiberRuntime((fiber) => {
        if (!breaker.open) breaker.attempt()
        else if (!breaker.mayProbe(monotonicMillis(fiber), driver.unsafeConnections())) {
          return Effect.fail(circuitOpen("scan"))
        }
        // Each page is an answer: only that tells whether the store is back.
        return Effect.succeed(
          driver.scan(prefix).pipe(
            Stream.tapError(failed),
            Stream.tap(() => breaker.open ? Effect.sync(() => breaker.succeeded()) : Effect.void)
          )
        )
      })),
    clear: (prefix) => cold("clear", driver.clear(prefix)),
    heads: (keys, size) => cold("heads", driver.heads(keys, size)),
    watch: driver.watch,
    inspect: (key) => cold("inspect", driver.inspect(key))
  }
}

/** A reply whose failures are counted; a class, so that a hit allocates one small object of a stable shape. */
class Watched<Answer, A, E, R> implements Reply<Answer, A, E, R> {
  constructor(
    private readonly reply: Reply<Answer, A, E, R>,
    private readonly failed: (error: RedisError) => Effect.Effect<void>
  ) {}

  onSuccess(answer: Answer, now: number, key: string): Effect.Effect<A, E, R> {
    return this.reply.onSuccess(answer, now, key)
  }

  onFailure(error: RedisError, key: string): Effect.Effect<A, E, R> {
    return Effect.zipRight(this.failed(error), this.reply.onFailure(error, key))
  }
}
