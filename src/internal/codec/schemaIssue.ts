/**
 * What a schema says about a value that does not fit it, in one line and with one path.
 *
 * Effect's own formatters print the value that they met. It may be a secret, and issues are logged, so this one says
 * what was expected and of which type the value was, never the value.
 */
import type * as ParseResult from "effect/ParseResult"
import type { CodecIssue } from "./codec.js"
import * as refusal from "./refusal.js"

const longest = 160

const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, " ")
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

const kind = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  switch (typeof value) {
    case "undefined":
      return "undefined"
    case "object":
      return "an object"
    default:
      return `a ${typeof value}`
  }
}

const segment = (key: PropertyKey): string =>
  typeof key === "number" ? refusal.index(key) : typeof key === "string" ? refusal.field(key) : `[${String(key)}]`

const first = (issues: ParseResult.SingleOrNonEmpty<ParseResult.ParseIssue>): ParseResult.ParseIssue =>
  "_tag" in issues ? issues : issues[0]

export const fromParseIssue = (cause: ParseResult.ParseIssue): CodecIssue => {
  const segments: Array<string> = []
  const found = (detail: string): CodecIssue => ({ path: refusal.path(segments), detail: oneLine(detail) })
  let issue = cause
  for (;;) {
    switch (issue._tag) {
      case "Pointer":
        for (const key of [issue.path].flat()) segments.push(segment(key))
        issue = issue.issue
        break
      case "Composite":
        issue = first(issue.issues)
        break
      case "Refinement":
      case "Transformation":
        issue = issue.issue
        break
      case "Type":
        return found(`expected ${issue.ast}, got ${kind(issue.actual)}`)
      case "Missing":
        return found("is missing")
      case "Unexpected":
        return found("is unexpected")
      case "Forbidden":
        return found("the schema is asynchronous or effectful here; a codec's schema cannot be")
    }
  }
}
