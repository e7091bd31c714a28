/** How long one call waits for a load: until it accepts a stale value, and until it fails. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { Empty } from "../../CacheError.js"
import { toMillis } from "./lives.js"

/**
 * Two limits of one call. Both count from the call, and the load goes on after either.
 */
export interface Timeouts {
  /** After this time a stale value inside one of its windows is served. If there is none, the call waits on. */
  readonly soft?: Duration.DurationInput | undefined
  /** After this time the call fails with `Empty`, if there is no stale value. Longer than `soft`. Default: no limit. */
  readonly hard?: Duration.DurationInput | undefined
}

/**
 * How long a call waits: `"2 seconds"` is short for `{ hard: "2 seconds" }`.
 */
export type TimeoutInput = Duration.DurationInput | Timeouts

interface SoftAlone {
  readonly soft: Duration.DurationInput | undefined
  readonly hard?: undefined
}

/**
 * `Empty` where a `timeout` ends the call: the plain form, and one with `hard`.
 */
export type TimeoutError<Timeout extends TimeoutInput | undefined> = [Timeout] extends [SoftAlone | undefined] ? never
  : Empty

/** In ms; `undefined`: no such limit. */
export interface Deadlines {
  readonly soft: number | undefined
  readonly hard: number | undefined
}

/** What is wrong with an option: its name, what was expected, and what was given. */
export interface BadOption {
  readonly option: string
  readonly expected: string
  readonly got: unknown
}

export const noDeadlines: Deadlines = { soft: undefined, hard: undefined }

const isTimeouts = (input: TimeoutInput): input is Timeouts =>
  typeof input === "object" && input !== null && !Duration.isDuration(input) && !Array.isArray(input)

const limit = (option: string, input: Duration.DurationInput | undefined): Either.Either<number, BadOption> => {
  if (input === undefined) return Either.right(Infinity)
  const millis = toMillis(input)
  return millis > 0
    ? Either.right(millis)
    : Either.left({ option, expected: "a duration longer than zero", got: input })
}

/** An endless wait is a wait without a limit. */
const finite = (millis: number): number | undefined => millis === Infinity ? undefined : millis

/** Checks and decodes how long a caller may wait. */
export const decode = (input: TimeoutInput | undefined): Either.Either<Deadlines, BadOption> => {
  if (input === undefined) return Either.right(noDeadlines)
  if (!isTimeouts(input)) {
    return Either.map(limit("timeout", input), (hard) => ({ soft: undefined, hard: finite(hard) }))
  }
  const soft = limit("timeout.soft", input.soft)
  if (Either.isLeft(soft)) return Either.left(soft.left)
  const hard = limit("timeout.hard", input.hard)
  if (Either.isLeft(hard)) return Either.left(hard.left)
  return input.soft === undefined || input.hard === undefined || soft.right < hard.right
    ? Either.right({ soft: finite(soft.right), hard: finite(hard.right) })
    : Either.left({
      option: "timeout.soft",
      expected: `shorter than timeout.hard, ${Duration.format(Duration.millis(hard.right))}`,
      got: input.soft
    })
}
