/** How long things live: durations as users give them, and milliseconds as everything inside has them. */
import * as Duration from "effect/Duration"
import { refuse } from "./refuse.js"

/** How long a value lives: a duration, or a function of value and key. Without it, a value never expires. */
export type TimeToLive<Key, Value> =
  | Duration.DurationInput
  | ((value: Value, key: Key) => Duration.DurationInput)

/** The fresh life of a loaded or written value, in ms. `undefined`: it never expires; zero or less: not stored. */
export type Life<Key, Value> =
  | { readonly _tag: "Fixed"; readonly millis: number | undefined }
  | { readonly _tag: "Computed"; readonly of: (value: Value, key: Key) => number | undefined }

/** Milliseconds, rounded up; `NaN` if it is not a duration. `Duration.decode` would make NaN and negatives zero. */
export const toMillis = (input: Duration.DurationInput): number => {
  if (typeof input === "number") return input > 0 ? Math.ceil(input) : input
  if (Array.isArray(input) && input.some(Number.isNaN)) return NaN
  try {
    return Math.ceil(Duration.toMillis(Duration.decode(input)))
  } catch {
    return NaN
  }
}

/** A longer life (4,459 years) never expires: an entry's end has 48 bits, and Redis takes no infinite life. */
export const endless = 2 ** 47

export const orEndless = (millis: number): number | undefined => millis >= endless ? undefined : millis

/** Fresh life of one entry, in ms. `undefined`: it never expires; zero: it is not stored. */
export const toLife = (input: Duration.DurationInput): number | undefined => {
  const millis = toMillis(input)
  return millis > 0 ? orEndless(millis) : 0
}

/** Fresh life from the result of a function: a mistake in it must not look like "do not store". */
export const toComputedLife = (cache: string, input: Duration.DurationInput): number | undefined => {
  if (!Number.isNaN(toMillis(input))) return toLife(input)
  return refuse(cache, "timeToLive", "a function that returns durations (zero or less: do not store)", input)
}

export const positive = (
  cache: string,
  option: string,
  input: Duration.DurationInput | undefined,
  otherwise: number
): number => {
  if (input === undefined) return otherwise
  const millis = toMillis(input)
  return millis > 0 ? millis : refuse(cache, option, "a duration longer than zero", input)
}

export const decodeLife = <Key, Value>(
  cache: string,
  option: string,
  input: TimeToLive<Key, Value> | undefined
): Life<Key, Value> => {
  if (input === undefined) return { _tag: "Fixed", millis: undefined }
  if (typeof input === "function") {
    return {
      _tag: "Computed",
      of: (value, key) => toComputedLife(cache, input(value, key))
    }
  }
  return { _tag: "Fixed", millis: orEndless(positive(cache, option, input, 0)) }
}
