/** Numbers and times as people read them. An unknown one is a dash, never 0 or an old number. */
export const unknown = "–"

export const number = (value: number | null | undefined, digits = 0): string =>
  value === null || value === undefined || !Number.isFinite(value)
    ? unknown
    : value.toLocaleString("en", { maximumFractionDigits: digits })

/** A rate per second: more digits for small numbers. */
export const rate = (value: number | null | undefined): string =>
  value === null || value === undefined
    ? unknown
    : value === 0
    ? "0"
    : value < 0.1
    ? "<0.1"
    : number(value, value < 10 ? 1 : 0)

export const percent = (ratio: number | null | undefined): string =>
  ratio === null || ratio === undefined ? unknown : `${(100 * ratio).toFixed(ratio > 0.9995 || ratio === 0 ? 0 : 1)} %`

export const bytes = (size: number | null | undefined): string => {
  if (size === null || size === undefined) return unknown
  if (size < 1_000) return `${Math.round(size)} B`
  const units = ["kB", "MB", "GB", "TB"]
  let amount = size / 1_000
  let unit = 0
  while (amount >= 1_000 && unit < units.length - 1) {
    amount /= 1_000
    unit++
  }
  return `${amount.toFixed(amount < 100 ? 1 : 0)} ${units[unit]}`
}

const steps: ReadonlyArray<readonly [millis: number, name: string]> = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"]
]

/** `3 min 12 s`; the two largest units. `-1`: never ends. */
export const duration = (millis: number | null | undefined): string => {
  if (millis === null || millis === undefined) return unknown
  if (millis < 0) return "for ever"
  if (millis < 1_000) return `${millis < 10 ? Number(millis.toFixed(1)) : Math.round(millis)} ms`
  if (millis < 10_000) return `${(millis / 1_000).toFixed(1)} s`
  const first = steps.findIndex(([size]) => millis >= size)
  const [size, name] = steps[first]!
  const whole = Math.floor(millis / size)
  const next = steps[first + 1]
  const rest = next === undefined ? 0 : Math.floor((millis - whole * size) / next[0])
  return rest === 0 || next === undefined ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[1]}`
}

const two = (value: number): string => String(value).padStart(2, "0")

export const clock = (at: number, seconds = true): string => {
  const date = new Date(at)
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  return seconds ? `${time}:${two(date.getSeconds())}` : time
}

/** The time, and the day if it is not today. */
export const instant = (at: number): string => {
  const days = Math.round((new Date(at).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86_400_000)
  return days === 0 ? clock(at) : `${clock(at, false)} ${days > 0 ? "+" : "−"}${Math.abs(days)} d`
}

export const plural = (count: number, thing: string): string => `${number(count)} ${thing}${count === 1 ? "" : "s"}`
