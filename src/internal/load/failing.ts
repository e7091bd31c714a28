/** How a load that failed ends its span. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const nameOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return "_OTHER"
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : "_OTHER"
}

/** OpenTelemetry's `error.type`: few different words, whatever failures say. `_OTHER` is its word for unnamed ones. */
const errorType = (cause: Cause.Cause<unknown>): string =>
  Cause.isInterruptedOnly(cause) ? "interrupted" : nameOf(Cause.squash(cause))

/** Fails, and records the error in the span. */
export const failing = <E>(cause: Cause.Cause<E>): Effect.Effect<never, E> =>
  Effect.zipRight(Effect.annotateCurrentSpan("error.type", errorType(cause)), Exit.failCause(cause))
