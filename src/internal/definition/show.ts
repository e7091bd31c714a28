/** How things print: in logs, in consoles, in the differences that tests show. */
import * as Duration from "effect/Duration"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { schemaName } from "../codec/schemaName.js"

const units = ["days", "hours", "minutes", "seconds", "millis"] as const

const count = (amount: number, unit: string): string => `${amount} ${amount === 1 ? unit.slice(0, -1) : unit}`

/** A duration in words: `10 minutes`, `1 hour 30 minutes`. */
export const duration = (input: Duration.Duration): string => {
  if (!Duration.isFinite(input)) return "infinity"
  const millis = Duration.toMillis(input)
  if (millis < 1_000) return count(Number(millis.toPrecision(3)), "millis")
  const parts = Duration.parts(input)
  return units.flatMap((unit) => parts[unit] === 0 ? [] : [count(parts[unit], unit)]).join(" ")
}

/** Options whose numbers are milliseconds. */
const durations = new Set([
  "duration",
  "hard",
  "maxDuration",
  "maxStaleness",
  "refreshTimeout",
  "retain",
  "retryAfter",
  "soft",
  "staleIfError",
  "staleWhileRevalidate",
  "timeToLive",
  "timeout",
  "wait"
])

/** What a function closes over may be anything, and is not shown. */
const hidden = new Set(["captures", "name"])

/** Options as they were given. */
export const options = (given: object): Record<string, unknown> => {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || hidden.has(name)) continue
    shown[name] = durations.has(name) && (typeof value === "number" || Array.isArray(value))
      // They have been checked.
      ? duration(Duration.decode(value as Duration.DurationInput))
      : isRecord(value)
      ? options(value)
      : plain(value)
  }
  return shown
}

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** A value in plain data, durations in words. What is not plain data says so by itself. */
export const plain = (value: unknown): unknown => {
  if (Schema.isSchema(value)) return schemaName(value)
  if (typeof value === "function") return "[Function]"
  if (typeof value !== "object" || value === null) return value
  if (Duration.isDuration(value)) return duration(value)
  if (Option.isOption(value)) return Option.isSome(value) ? plain(value.value) : null
  if (Array.isArray(value)) return value.map(plain)
  if ("toJSON" in value && typeof value.toJSON === "function") return value.toJSON()
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]))
}

/** The same object, which prints as plain data. It compares as before: the added properties are not enumerable. */
export const printing = <A extends object>(self: A): A => {
  const print = () => Object.fromEntries(Object.entries(self).map(([key, field]) => [key, plain(field)]))
  return Object.defineProperties(self, {
    toJSON: { value: print, enumerable: false },
    [NodeInspectSymbol]: { value: print, enumerable: false }
  })
}
