/** A driver whose round trips are spans, by OpenTelemetry's conventions for database clients. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { RedisError } from "../../CacheError.js"
import { decorate, every, type Hot, type Operation } from "./decorate.js"
import type { Driver, Reply } from "./driver.js"

interface Span {
  readonly name: string
  readonly options: Tracer.SpanOptions
}

const spanOf = <Input>({ keys, name }: Operation<Input>, input: Input): Span => {
  const of = keys(input)
  return {
    name: `redis.${name}`,
    options: {
      kind: "client",
      // Keys and values are not for traces: they may be personal, and there may be many.
      attributes: {
        "db.system.name": "redis",
        "db.operation.name": name,
        "db.operation.batch.size": of === every ? 1 : of.length
      },
      captureStackTrace: false
    }
  }
}

/** The span ends when the answer is here; what is done with it comes after. */
const spanned = <Input, Answer, A, E, R>(
  { name, options }: Span,
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
    return Effect.matchEffect(Effect.withSpan(sent, name, options), { onSuccess: () => next, onFailure: () => next })
  })

export const traced = (driver: Driver): Driver =>
  decorate(driver, {
    hot: (operation, send) => (input, reply) => spanned(spanOf(operation, input), send, input, reply),
    cold: (operation, send) => (first, ...rest) => {
      const { name, options } = spanOf(operation, first)
      return Effect.withSpan(send(first, ...rest), name, options)
    },
    paged: (operation, send) => (prefix) => {
      const { name, options } = spanOf(operation, prefix)
      return Stream.withSpan(send(prefix), name, options)
    }
  })
