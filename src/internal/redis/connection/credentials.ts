/**
 * Credentials that are fetched anew whenever a connection is made: passwords that are rotated, tokens that expire. If a
 * client kept the first ones for good, the server would refuse them at the first reconnection after a change.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../../CacheError.js"
import { credentialsError } from "../errors.js"
import { refused } from "./options.js"

export interface Credentials {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted | string
}

/** Credentials as they are sent to the server. */
export interface Revealed {
  readonly username: string | undefined
  readonly password: string
}

/** Rejects with a `credentialsError`. */
export type Ask = () => Promise<Revealed>

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const reveal = (given: Credentials | undefined): Revealed | string => {
  const username = given?.username
  const password: unknown = Redacted.isRedacted(given?.password) ? Redacted.value(given.password) : given?.password
  if (!isText(password)) return "they must have a password: a non-empty string, or a Redacted one"
  if (username !== undefined && !isText(username)) return "their username must be a non-empty string"
  return { username, password }
}

const because = (cause: Cause.Cause<unknown>): Error => {
  const error = Cause.squash(cause)
  const message = error instanceof Error && error.message !== "" ? error.message : Cause.pretty(cause)
  return credentialsError(Cause.isInterruptedOnly(cause) ? "the layer was closed" : message, error)
}

/**
 * Runs the effect with the services, the loggers and the annotations of where this is run. If the scope closes
 * meanwhile, the effect is interrupted.
 *
 * @param millis how long the effect may take: until it ends, the client counts as connecting
 */
export const askingFor = <R>(
  credentials: Effect.Effect<Credentials, unknown, R> | undefined,
  millis: number
): Effect.Effect<Ask | undefined, never, R | Scope.Scope> =>
  credentials === undefined ? Effect.succeed(undefined) : Effect.gen(function*() {
    const runtime = yield* Effect.runtime<R>()
    const scope = yield* Effect.scope
    const asked = credentials.pipe(
      Effect.timeoutFail({ duration: millis, onTimeout: () => new Error(`no answer within ${millis} ms`) }),
      // A server waits in real time, whatever a test does with its clock.
      Effect.withClock(Clock.make())
    )
    return () =>
      new Promise((resolve, reject) => {
        Runtime.runFork(runtime)(asked, { scope }).addObserver((exit) => {
          if (Exit.isFailure(exit)) return reject(because(exit.cause))
          const revealed = reveal(exit.value)
          if (typeof revealed === "string") reject(credentialsError(revealed))
          else resolve(revealed)
        })
      })
  })

/** Refuses credentials that are given in two places. */
export const checkAlone = (
  credentials: unknown,
  ...targets: ReadonlyArray<object>
): Effect.Effect<void, RedisError> => {
  if (credentials === undefined) return Effect.void
  if (!Effect.isEffect(credentials)) {
    return Effect.fail(refused("credentials must be an Effect of { username, password }"))
  }
  const others = targets.some((target) => Object.entries(target).some(isCredential))
  return others
    ? Effect.fail(
      refused("credentials replace username and password: leave these out of the other options and the url")
    )
    : Effect.void
}

const isCredential = ([option, value]: readonly [option: string, value: unknown]): boolean =>
  (option === "username" || option === "password") && value !== undefined
