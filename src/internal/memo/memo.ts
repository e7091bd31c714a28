/** What is behind `Memo`: functions over a definition whose keys are arguments. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { CodecError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bind } from "../cache/bind.js"
import type { CacheDefinition } from "../definition/definition.js"
import { describe, refuse } from "../definition/refuse.js"
import { decode as decodeTimeouts } from "../definition/timeouts.js"
import type { Previous } from "../load/previous.js"
import * as Reads from "../ops/get.js"
import * as Updates from "../ops/invalidating/invalidating.js"
import type { InvalidatingOptions } from "../ops/invalidating/options.js"
import * as Loads from "../ops/load.js"
import * as Deletes from "../ops/remove/remove.js"
import { define, nameOf } from "./definition.js"
import { type Args, type Fn, type Options, toOptions } from "./options.js"
import { PendingImpl } from "./pending.js"
import { running } from "./run.js"

/** The computation: a function if it receives the previous value. */
type Computed =
  | Effect.Effect<unknown, unknown, unknown>
  | ((args: Args, previous: Option.Option<Previous<unknown>>) => Effect.Effect<unknown, unknown, unknown>)

/** The members of every memoized function. */
const members = (load: (args: Args) => Computed, definition: CacheDefinition<Args, unknown>) => ({
  bust: (...args: Args) => Deletes.delete_(definition, args),
  busting: (
    args: Args | ((result: unknown) => Args),
    { store, ...options }: InvalidatingOptions & { readonly store?: ((result: unknown) => unknown) | undefined } = {}
  ) =>
  <A, E, R>(update: Effect.Effect<A, E, R>) =>
    Updates.invalidating(
      update,
      definition,
      typeof args === "function" ? (result: unknown) => [args(result)] : [args],
      // If the result determines the arguments, there are no holds that a stored value could replace.
      store === undefined || typeof args === "function"
        ? options
        : { ...options, store: (result: unknown) => [[args, store(result)]] }
    ),
  refresh: (...args: Args) => Loads.refresh(definition, args, load(args)),
  peek: (...args: Args) => Reads.get(definition, args),
  key: (...args: Args) =>
    Effect.withFiberRuntime((fiber): Effect.Effect<string, CodecError, Redis> =>
      bind(fiber, definition, "key").redisKey(args)
    ),
  cache: definition
})

export type Memoized = Fn & ReturnType<typeof members>

/** A call that computes if no fresh value is stored, and its members. `wrap` is applied to the call. */
export const memoize = (
  fn: Fn,
  definition: CacheDefinition<Args, unknown>,
  { revalidate, timeout }: Pick<Options, "revalidate" | "timeout">,
  wrap: (call: Fn) => Fn = (call) => call
): Memoized => {
  const run = running(fn, definition.name)
  const bad = Either.getLeft(decodeTimeouts(timeout))
  if (bad._tag === "Some") refuse(definition.name, bad.value.option, bad.value.expected, bad.value.got)
  const loadOptions = timeout === undefined ? undefined : { timeout }
  // Its first argument is a result, and its others are the function's.
  const load = loading(run, revalidate === undefined ? undefined : running(revalidate as Fn, definition.name))
  const call = wrap((...args) => Loads.getOrSet(definition, args, load(args), loadOptions))
  // It keeps the function's name.
  return Object.assign(Object.defineProperty(call, "name", { value: fn.name }), members(load, definition))
}

const loading = (run: Fn, revalidate: Fn | undefined) => (args: Args): Computed =>
  revalidate === undefined
    ? Effect.suspend(() => run(...args))
    : (_, previous) => Option.isSome(previous) ? revalidate(previous.value, ...args) : run(...args)

const ofFunction = (
  fn: Fn,
  input: Duration.DurationInput | Options,
  wrap?: (definition: CacheDefinition<Args, unknown>) => (call: Fn) => Fn
): Memoized => {
  if (typeof fn !== "function") {
    throw new TypeError(`Memo takes a function that returns an Effect, got ${describe(fn)}`)
  }
  const options = toOptions(input)
  // What a function closes over may differ from object to object, unless it is declared.
  const owner = options.captures === undefined ? fn : undefined
  const definition = define(nameOf(fn, options), options, owner)
  return memoize(fn, definition, options, wrap?.(definition))
}

// The public module has the precise types; inside, arguments and results are unknown.
export const cached = (fn: Fn, input: Duration.DurationInput | Options): any => ofFunction(fn, input)

export const cachedAsync = (fn: Fn, input: Duration.DurationInput | Options): any =>
  // as above
  ofFunction(fn, input, (definition) => (call) => (...args) =>
    Effect.withFiberRuntime((fiber) => {
      const instance = bind(fiber, definition, "cachedAsync")
      const key = Either.getOrElse(instance.redisKey(args), () => instance.prefix)
      return Effect.map(
        instance.runtime.background.fork(Effect.interruptible(call(...args))),
        (running) => new PendingImpl(running, key)
      )
    }))
