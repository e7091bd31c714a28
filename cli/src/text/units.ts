/** Numbers as people read them. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

export const count = (n: number): string => n.toLocaleString("en", { maximumFractionDigits: 0 })

const sizes = ["B", "kB", "MB", "GB", "TB"]

export const bytes = (size: number): string => {
  const power = Math.min(sizes.length - 1, size < 1 ? 0 : Math.floor(Math.log2(size) / 10))
  const scaled = size / 1024 ** power
  return `${scaled.toFixed(power > 0 && scaled < 10 ? 1 : 0)} ${sizes[power]!}`
}

/** At most two units: `1d 4h`, `9m 58s`, `450ms`. */
export const duration = (input: Duration.DurationInput): string => {
  const decoded = Duration.decode(input)
  if (!Duration.isFinite(decoded)) return "forever"
  const millis = Duration.toMillis(decoded)
  if (millis < 1) return `${millis.toFixed(1)}ms`
  if (millis < 1_000) return `${Math.round(millis)}ms`
  if (millis < 10_000) return `${(millis / 1_000).toFixed(1)}s`
  const parts: ReadonlyArray<readonly [number, string]> = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "m"], [
    1_000,
    "s"
  ]]
  const first = parts.findIndex(([size]) => millis >= size)
  const [size, unit] = parts[first]!
  const rest = parts[first + 1]
  const whole = Math.floor(millis / size)
  const left = rest === undefined ? 0 : Math.floor(millis % size / rest[0])
  return left === 0 || rest === undefined ? `${whole}${unit}` : `${whole}${unit} ${left}${rest[1]}`
}

export const percent = (part: number): string => `${(100 * part).toFixed(part > 0.995 && part < 1 ? 2 : 1)} %`

/** A dash for an unknown number: never an old one, and never 0. */
export const orDash = <A>(value: Option.Option<A>, show: (value: A) => string): string =>
  Option.match(value, { onNone: () => "–", onSome: show })

export const rate = (perSecond: number): string =>
  perSecond === 0 ? "0" : perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)
