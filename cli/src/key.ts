/** The key that a command is about: a string, or the arguments of a memoized function. */
import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import type { CacheError } from "effect-redis-cache"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import { type Ended, usage } from "./exit.js"

export const cache = Args.text({ name: "cache" }).pipe(
  Args.withDescription("The cache's name; for a memoized function, the function's name"),
  Args.mapTryCatch(
    (name) => {
      if (name === "") throw new Error("The cache's name is empty")
      if (name.includes(":")) {
        const [cacheName, ...rest] = name.split(":")
        throw new Error(
          `A cache's name has no ":". Give cache and key as two arguments: ${cacheName} ${rest.join(":")}. ` +
            `If ${cacheName}: is the prefix of your layer: --prefix ${cacheName}:`
        )
      }
      return name
    },
    (error) => HelpDoc.p(error instanceof Error ? error.message : String(error))
  )
)

const key = Args.text({ name: "key" }).pipe(
  Args.withDescription("The key, as `keys` prints it. For a memoized function: --args"),
  Args.optional
)

const args = Options.text("args").pipe(
  Options.withDescription("A memoized function's arguments as JSON, instead of a key: --args '[42, {\"deep\": true}]'"),
  Options.optional
)

const keyJson = Options.text("key-json").pipe(
  Options.withDescription(
    "A typed cache's key as JSON, in its encoded form, or the result of a function's `key` option"
  ),
  Options.optional
)

const captures = Options.text("captures").pipe(
  Options.withDescription("With --args: the captures of the memoized function, as JSON"),
  Options.optional
)

const stored = Options.boolean("stored").pipe(
  Options.withDescription("The key is what follows <prefix><cache>: in Redis, including escapes")
)

export const keyArgs = { cache, key }

export const keyOptions = { args, keyJson, captures, stored }

interface Chosen {
  readonly cache: string
  readonly key: Option.Option<string>
  readonly args: Option.Option<string>
  readonly keyJson: Option.Option<string>
  readonly captures: Option.Option<string>
  readonly stored: boolean
}

const parse = (option: string, text: string): Effect.Effect<unknown, Ended> =>
  Effect.try({
    try: () => JSON.parse(text) as unknown,
    catch: () => usage(`${option} takes JSON, and this is not JSON: ${text}`)
  })

const parseArray = (option: string, text: string): Effect.Effect<ReadonlyArray<unknown>, Ended> =>
  Effect.filterOrFail(
    parse(option, text),
    (value) => Array.isArray(value),
    () => usage(`${option} takes a JSON array, e.g. '[42]', got ${text}`)
  )

/** The stored text of the key. */
export const storedKey = (chosen: Chosen): Effect.Effect<string, Ended | CacheError.CodecError> =>
  Effect.gen(function*() {
    const ways = [chosen.key, chosen.args, chosen.keyJson].filter(Option.isSome).length
    if (ways !== 1) {
      return yield* usage(
        ways === 0
          ? "Which key? Give it after the cache's name, or a memoized function's arguments: --args '[42]'"
          : "Give one of: a key, --args, --key-json"
      )
    }
    if (Option.isSome(chosen.captures) && Option.isNone(chosen.args)) {
      return yield* usage("--captures requires --args")
    }
    if (Option.isSome(chosen.key)) {
      return chosen.stored ? chosen.key.value : yield* Fleet.stringKey(chosen.cache, chosen.key.value)
    }
    if (Option.isSome(chosen.keyJson)) {
      return yield* typedKey(chosen.cache, yield* parse("--key-json", chosen.keyJson.value))
    }
    const given = yield* parseArray("--args", Option.getOrElse(chosen.args, () => "[]"))
    const captured = yield* parseArray("--captures", Option.getOrElse(chosen.captures, () => "[]"))
    return yield* Effect.try({
      try: () => Fleet.structuredKey(chosen.cache, given, captured),
      catch: (error) => usage(error instanceof Error ? error.message : String(error))
    }).pipe(Effect.flatten)
  })

/** A typed key whose encoded form is a string is stored as that string. */
const typedKey = (name: string, value: unknown): Either.Either<string, CacheError.CodecError> =>
  typeof value === "string" ? Fleet.stringKey(name, value) : Fleet.structuredKey(name, value)
