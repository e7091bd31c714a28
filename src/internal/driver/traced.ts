/** A driver whose round trips are spans, by OpenTelemetry's conventions for database clients. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { RedisError } from "../../CacheError.js"
import type { Driver, Reply } from "./driver.js"

const options = (operation: string, count: number): Tracer.SpanOptions => ({
  kind: "client",
  // Keys and values are not for traces: they may be personal, and there may be many.
  attributes: { "db.system.name": "redis", "db.operation.name": operation, "db.operation.batch.size": count },
  captureStackTrace: false
})

/** The span ends when the answer is here; what is done with it comes after. */
const hot = <Answer, A, E, R>(
  operation: string,
  count: number,
  reply: Reply<Answer, A, E, R>,
  send: (reply: Reply<Answer, void, RedisError, never>) => Effect.Effect<void, RedisError>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let next: Effect.Effect<A, E, R> = Effect.dieMessage(`redis.${operation} was not answered`)
    const sent = send({
      onSuccess: (answer, now, key) => {
        next = reply.onSuccess(answer, now, key)
        return Exit.void
      },
      onFailure: (error, key) => {
        next = reply.onFailure(error, key)
        return Exit.fail(error)
      }
    })
    return Effect.matchEffect(Effect.withSpan(sent, `redis.${operation}`, options(operation, count)), {
      onSuccess: () => next,
      onFailure: () => next
    })
  })

const cold = <A>(
  operation: string,
  count: number,
  effect: Effect.Effect<A, RedisError>
): Effect.Effect<A, RedisError> => Effect.withSpan(effect, `redis.${operation}`, options(operation, count))

export const make = (driver: Driver): Driver => ({
  prefix: driver.prefix,
  unsafeNow: driver.unsafeNow,
  unsafeMonotonic: driver.unsafeMonotonic,
  unsafeConnections: driver.unsafeConnections,
  hasBreakers: driver.hasBreakers,
  get: (key, reply) => hot("get", 1, reply, (traced) => driver.get(key, traced)),
  getMany: (keys, reply) => hot("getMany", keys.length, reply, (traced) => driver.getMany(keys, traced)),
  set: (write, reply) => hot("set", 1, reply, (traced) => driver.set(write, traced)),
  setMany: (writes, reply) => hot("setMany", writes.length, reply, (traced) => driver.setMany(writes, traced)),
  take: (keys) => cold("take", keys.length, driver.take(keys)),
  lease: (requests, kind) => cold("lease", requests.length, driver.lease(requests, kind)),
  fill: (requests) => cold("fill", requests.length, driver.fill(requests)),
  release: (requests) => cold("release", requests.length, driver.release(requests)),
  renew: (requests) => cold("renew", requests.length, driver.renew(requests)),
  swap: (request, kind) => cold("swap", 1, driver.swap(request, kind)),
  touch: (request, kind) => cold("touch", 1, driver.touch(request, kind)),
  increment: (request) => cold("increment", 1, driver.increment(request)),
  ensureEpochs: (requests) => cold("ensureEpochs", requests.length, driver.ensureEpochs(requests)),
  replaceEpochs: (requests) => cold("replaceEpochs", requests.length, driver.replaceEpochs(requests)),
  scan: (prefix) => Stream.withSpan(driver.scan(prefix), "redis.scan", options("scan", 1)),
  clear: (prefix) => cold("clear", 1, driver.clear(prefix)),
  heads: (keys, size) => cold("heads", keys.length, driver.heads(keys, size)),
  watch: driver.watch,
  inspect: (key) => cold("inspect", 1, driver.inspect(key))
})
