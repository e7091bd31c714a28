/** The command line: from its arguments to its exit code. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import type { CacheError } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { stripVTControlCharacters } from "node:util"
import { del, expire, flush, invalidate } from "./commands/acts.js"
import { doctor } from "./commands/doctor.js"
import { explain, get } from "./commands/explain.js"
import { inspect } from "./commands/inspect.js"
import { keys } from "./commands/keys.js"
import { ls } from "./commands/ls.js"
import { top } from "./commands/top.js"
import { watch } from "./commands/watch.js"
import { flags } from "./connection.js"
import { Code, Ended } from "./exit.js"
import * as Print from "./print.js"
import { Screen, withoutColour } from "./text/style.js"
import { version } from "./version.js"

const description = HelpDoc.blocks([
  HelpDoc.p("Shows and changes the caches of effect-redis-cache in a Redis, without their definitions."),
  HelpDoc.p(
    "Where Redis is: --url or REDIS_URL, --prefix or REDIS_PREFIX; --cluster; --sentinel host:port. " +
      "For scripts: --json, --yes, and exit codes: 0 done or found; 1 the answer is no; 2 invalid; 3 Redis failed."
  ),
  HelpDoc.p(
    "On call: `doctor` for Redis, `top` for the processes, `ls` for the caches, `explain <cache> <key>` for one key; " +
      "`inspect` shows all of it as a page."
  )
])

const root = Command.make("effect-redis-cache").pipe(
  Command.withDescription(description),
  Command.withSubcommands([ls, keys, explain, get, del, expire, flush, invalidate, top, watch, inspect, doctor])
)

const cli = Command.run(root, { name: "effect-redis-cache", version: version(), executable: "effect-redis-cache" })

/**
 * Moves options before arguments, as the parser requires: people write `explain users 42 --url …`, too. Everything
 * after a `--` is an argument.
 */
export const optionsFirst = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [command, ...rest] = args
  if (command === undefined || command.startsWith("-")) return args
  const end = rest.indexOf("--")
  const given = end < 0 ? rest : rest.slice(0, end)
  const options: Array<string> = []
  const others: Array<string> = []
  for (let i = 0; i < given.length; i++) {
    const each = given[i]!
    if (!/^-./.test(each)) {
      others.push(each)
      continue
    }
    options.push(each)
    const takesValue = !each.includes("=") && !flags.includes(each)
    if (takesValue && i + 1 < given.length) options.push(given[++i]!)
  }
  const arguments_ = end < 0 ? others : [...others, ...rest.slice(end + 1)]
  return arguments_.length > 0 ? [command, ...options, "--", ...arguments_] : [command, ...options]
}

const failed = (error: Ended | CacheError.RedisError | CacheError.CodecError | ValidationError.ValidationError) => {
  // The parser has said what it did not understand.
  if (ValidationError.isValidationError(error)) return Effect.succeed<number>(Code.Usage)
  const code = error instanceof Ended ? error.code : error._tag === "CodecError" ? Code.Usage : Code.Redis
  return error.message === "" ? Effect.succeed(code) : Effect.as(Print.note(error.message), code)
}

const quietly = Layer.mergeAll(
  // Standard output is for pipes; what the library logs is for people.
  Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger)),
  CliConfig.layer({ showBuiltIns: false })
)

/** The parser writes its help in colour, wherever it goes. */
const inItsColours = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Screen> =>
  Effect.flatMap(Screen, ({ style }) =>
    style !== withoutColour ? effect : Effect.consoleWith((console) => {
      const plain =
        (print: (...args: ReadonlyArray<any>) => Effect.Effect<void>) => (...args: ReadonlyArray<unknown>) =>
          print(...args.map((text) => typeof text === "string" ? stripVTControlCharacters(text) : text))
      return Effect.withConsole(effect, { ...console, log: plain(console.log), error: plain(console.error) })
    }))

/** The exit code of the process. */
export const main = (args: ReadonlyArray<string>) =>
  cli(["node", "effect-redis-cache", ...optionsFirst(args)]).pipe(
    Effect.as<number>(Code.Ok),
    Effect.catchAll(failed),
    inItsColours,
    Effect.provide(quietly)
  )
