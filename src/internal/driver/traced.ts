/**
 * A driver whose round trips are spans, by OpenTelemetry's conventions for database clients: named after the commands,
 * with the user's operation and the cache as attributes. A failed one has the reason as its `error.type`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { RedisError } from "../../CacheError.js"
import { decorate, type Hot, type Operation } from "./decorate.js"
import type { Driver, Reply } from "./driver.js"
import { type UserOperation, userOperation } from "./operation.js"
import { purposeOf } from "./purpose.js"

const optionsOf = (
  driver: Driver,
  { commands, name }: Operation<never>,
  keys: ReadonlyArray<string>,
  operation: UserOperation | undefined
): Tracer.SpanOptions => {
  const place = driver.unsafePlace?.(keys[0])
  return {
    kind: "client",
    // Keys and values are not for traces: they may be personal, and there may be many.
    attributes: {
      "db.system.name": "redis",
      "db.operation.name": operation?.name ?? purposeOf(name),
      "db.query.summary": commands,
      ...(operation === undefined ? {} : { cache: operation.cache }),
      ...(keys.length > 1 ? { "db.operation.batch.size": keys.length } : {}),
      ...(place === undefined ? {} : { "db.namespace": String(place.database) }),
      ...(place?.address === undefined ? {} : { "server.address": place.address }),
      ...(place?.port === undefined ? {} : { "server.port": place.port })
    },
    captureStackTrace: false
  }
}

const noteReason = ({ reason }: RedisError): Effect.Effect<void> => Effect.annotateCurrentSpan("error.type", reason)

/** The span ends when the answer is here, before it is handled. */
const spanned = <Input, Answer, A, E, R>(
  around: <B>(sent: Effect.Effect<B, RedisError>) => Effect.Effect<B, RedisError>,
  name: string,
  send: Hot<Input, Answer>,
  input: Input,
  reply: Reply<Answer, A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let next: Effect.Effect<A, E, R> = Effect.dieMessage(`${name} was not answered`)
    const sent = send<void, RedisError, never>(input, {
      onSuccess: (answer, now, key) => {
        next = reply.onSuccess(answer, now, key)
        return Exit.void
      },
      onFailure: (error, key) => {
        next = reply.onFailure(error, key)
        return Exit.fail(error)
      }
    })
    return Effect.matchEffect(around(sent), { onSuccess: () => next, onFailure: () => next })
  })

export const traced = (driver: Driver): Driver => {
  const around =
    <Input>(operation: Operation<Input>, input: Input) =>
    <A>(sent: Effect.Effect<A, RedisError>): Effect.Effect<A, RedisError> =>
      Effect.withFiberRuntime((fiber) =>
        Effect.withSpan(
          Effect.tapError(sent, noteReason),
          operation.commands,
          optionsOf(driver, operation, operation.keys(input), fiber.getFiberRef(userOperation))
        )
      )

  return {
    ...decorate(driver, {
      hot: (operation, send) => (input, reply) => spanned(around(operation, input), operation.name, send, input, reply),
      cold: (operation, send) => (first, ...rest) => around(operation, first)(send(first, ...rest)),
      paged: (operation, send) => (prefix) =>
        Stream.unwrap(Effect.map(FiberRef.get(userOperation), (user) =>
          Stream.withSpan(
            Stream.tapError(send(prefix), noteReason),
            operation.commands,
            optionsOf(driver, operation, operation.keys(prefix), user)
          )))
    }),
    traced: true
  }
}
