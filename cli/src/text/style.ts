/** Colours, if the terminal shows them (https://no-color.org). */
import * as Context from "effect/Context"

export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly warn: (text: string) => string
  readonly bad: (text: string) => string
}

const plain = (text: string): string => text

const sgr = (code: number, end: number) => (text: string): string => `\u001b[${code}m${text}\u001b[${end}m`

export const withoutColour: Style = { bold: plain, dim: plain, good: plain, warn: plain, bad: plain }

export const withColour: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  warn: sgr(33, 39),
  bad: sgr(31, 39)
}

/** The target of the output: in colour or not, and how wide. */
export interface ScreenService {
  readonly style: Style
  /** Whether a person watches, so that the output may be redrawn. */
  readonly isTerminal: boolean
  readonly columns: number
}

export class Screen extends Context.Tag("effect-redis-cache-cli/Screen")<Screen, ScreenService>() {}
