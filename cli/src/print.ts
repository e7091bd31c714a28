/** The output of commands: JSON for scripts, or text for people. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { printableLines } from "./text/printable.js"
import { Screen, type ScreenService } from "./text/style.js"

/** One document, or one of many. */
export const json = (value: unknown, indent = 0): Effect.Effect<void> =>
  Console.log(JSON.stringify(value, undefined, indent === 0 ? undefined : indent))

export const text = (show: (screen: ScreenService) => string): Effect.Effect<void, never, Screen> =>
  Effect.flatMap(Screen, (screen) => Console.log(show(screen)))

/** For people, besides the output. */
export const note = (message: string): Effect.Effect<void> => Console.error(printableLines(message))

const longest = 10_000

/** A value from a cache, on as many lines as it takes. */
export const value = (found: unknown, columns: number): string =>
  printableLines(
    typeof found === "string" && found.length <= longest ? JSON.stringify(found) : inspect(found, {
      depth: 20,
      maxArrayLength: 200,
      maxStringLength: longest,
      breakLength: Math.max(40, columns - 4)
    })
  )
