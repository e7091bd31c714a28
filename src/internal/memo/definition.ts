/** The definition behind a memoized function: its keys are the arguments, and what is captured. */
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type { Codec } from "../codec/codec.js"
import { json } from "../codec/json/json.js"
import { structural } from "../codec/structural/structural.js"
import { CacheDefinition } from "../definition/definition.js"
import { positive, toComputedLife, toLife } from "../definition/lives.js"
import { decode } from "../definition/policy.js"
import { checkName } from "../definition/refuse.js"
import * as Key from "../key/encode.js"
import type { KeySpace } from "../key/keySpace.js"
import type { Args, Fn, Options } from "./options.js"

/** Checks the options. `owner` is what the name belongs to, if it is compared at all. */
export const define = (name: string, options: Options, owner: object | string | undefined) => {
  const { errors, timeToLive } = options
  return new CacheDefinition<Args, unknown>(
    name,
    "entry",
    keysOf(name, options),
    options.schema !== undefined ? json(options.schema) : options.codec ?? structural<unknown>(),
    errors === undefined ? undefined : failureCodec(name, errors, options.codec !== undefined),
    decode(
      name,
      {
        ...options,
        timeToLive: typeof timeToLive === "function" ? (value) => timeToLive(Exit.succeed(value)) : timeToLive
      },
      errors === undefined ? undefined : failureLife(name, errors.timeToLive, timeToLive)
    ),
    owner
  )
}

/** The name under which a function is memoized: its own, or that of the options. */
export const nameOf = (fn: Fn, { name }: Options): string => {
  const ownName = name ?? fn.name
  if (ownName === "") {
    throw new RangeError("A memoized function needs a name: name the function, or pass the option `name`")
  }
  if (name === undefined && Function.prototype.toString.call(fn).includes("[native code]")) {
    throw new RangeError(
      `The function "${ownName}" is bound, so it looks like every other bound function: pass the option \`name\``
    )
  }
  return checkName(ownName)
}

const keysOf = (name: string, { captures, key }: Options): KeySpace<Args> => {
  const parts = (args: Args): unknown => key === undefined ? args : key(...args)
  const encode = captures === undefined || captures.length === 0 ? Key.encode : Key.encodeWith(name, captures)
  return { encode: (args) => encode(parts(args)), text: (stored) => stored }
}

const failureCodec = (
  name: string,
  { codec, schema }: NonNullable<Options["errors"]>,
  resultsHaveOne: boolean
): Codec<unknown> => {
  if (codec !== undefined) return codec
  if (schema === undefined) throw new RangeError(`Cache "${name}": the option errors needs a schema or a codec`)
  if (!resultsHaveOne) return json(schema)
  throw new RangeError(
    `Cache "${name}": results have a codec, so the option errors needs one too: its schema alone would store failures as plain JSON`
  )
}

/** How long a typed failure is kept: its own time, or that of results. */
const failureLife = (
  name: string,
  own: Duration.DurationInput | undefined,
  timeToLive: Options["timeToLive"]
): (exit: Exit.Exit<unknown, unknown>) => number | undefined => {
  const chosen = own ?? timeToLive
  if (typeof chosen === "function") return (exit) => toComputedLife(name, chosen(exit))
  const life = positive(name, "errors.timeToLive", chosen, Infinity)
  return () => toLife(life)
}
