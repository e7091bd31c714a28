/** How a load that failed ends its span. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"

const nameOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return "_OTHER"
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : "_OTHER"
}

/** OpenTelemetry's `error.type`: few different words, whatever failures say. `_OTHER` is its word for unnamed ones. */
const errorType = (cause: Cause.Cause<unknown>): string =>
  Cause.isInterruptedOnly(cause) ? "interrupted" : nameOf(Cause.squash(cause))

/** The failure as the outcome of this span. */
export const failing = <E>(span: Tracer.Span, cause: Cause.Cause<E>): Exit.Exit<never, E> => {
  span.attribute("error.type", errorType(cause))
  return Exit.failCause(cause)
}
