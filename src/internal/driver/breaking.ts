/** A driver behind its breaker, if it has one. While the breaker is closed, a hot operation pays for an increment. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Breaker } from "./breaker.js"
import { decorate, type Hot, type Operation } from "./decorate.js"
import type { Driver, Reply } from "./driver.js"

export const breaking = (driver: Driver): Driver =>
  driver.breaker === undefined ? driver : behind(driver.breaker, driver)

const behind = (breaker: Breaker, driver: Driver): Driver => {
  const mayProbe = (clock: Clock.Clock): boolean =>
    breaker.mayProbe(driver.unsafeMonotonic(clock), driver.unsafeConnections())

  const failed = (error: RedisError): Effect.Effect<void> =>
    Effect.clockWith((clock) => {
      breaker.failed(error, driver.unsafeMonotonic(clock), driver.unsafeConnections())
      return Effect.void
    })

  const succeeded = (): Effect.Effect<void> => breaker.open ? Effect.sync(() => breaker.succeeded()) : Effect.void

  /** A hot operation while the breaker is open: a probe, or refused at once. */
  const probe = <Input, Answer, A, E, R>(
    { keys, name }: Operation<Input>,
    send: Hot<Input, Answer>,
    input: Input,
    reply: Reply<Answer, A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.clockWith((clock) =>
      mayProbe(clock)
        ? send(input, {
          onSuccess: (answer, now, key) => {
            breaker.succeeded()
            return reply.onSuccess(answer, now, key)
          },
          onFailure: (error, key) => Effect.zipRight(failed(error), reply.onFailure(error, key))
        })
        : reply.onFailure(breaker.refusal(name), keys(input)[0] ?? "")
    )

  /** Runs `effect` if the operation may be sent: each of its answers shows whether the store is back. */
  const admitted = <A>({ name }: Operation<never>, admit: () => A): Effect.Effect<A, RedisError> =>
    Effect.clockWith((clock) => {
      if (!breaker.open) breaker.attempt()
      else if (!mayProbe(clock)) return Effect.fail(breaker.refusal(name))
      return Effect.succeed(admit())
    })

  return {
    ...decorate(driver, {
      hot: (operation, send) => (input, reply) => {
        if (breaker.open) return probe(operation, send, input, reply)
        breaker.attempt()
        return send(input, new Watched(reply, failed))
      },
      cold: (operation, send) => (...input) =>
        operation.urgent
          ? send(...input)
          : Effect.flatten(
            admitted(operation, () => Effect.tapBoth(send(...input), { onFailure: failed, onSuccess: succeeded }))
          ),
      paged: (operation, send) => (prefix) =>
        // Each page is an answer, and only an answer shows whether the store is back.
        Stream.unwrap(
          admitted(operation, () => Stream.tap(Stream.tapError(send(prefix), failed), succeeded))
        )
    }),
    breaker: undefined
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
