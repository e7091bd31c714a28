/** What is behind `Memo`: functions over a definition whose keys are arguments. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as PrimaryKey from "effect/PrimaryKey"
import type * as Schema from "effect/Schema"
import type { CodecError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bind } from "../cache/bind.js"
import type { Codec } from "../codec/codec.js"
import { json } from "../codec/json/json.js"
import { structural } from "../codec/structural/structural.js"
import { CacheDefinition } from "../definition/definition.js"
import { positive, toLife } from "../definition/lives.js"
import { decode, type PolicyOptions } from "../definition/policy.js"
import { checkName } from "../definition/refuse.js"
import * as Key from "../key/encode.js"
import * as Reads from "../ops/get.js"
import * as Loads from "../ops/load.js"
import * as Deletes from "../ops/remove/remove.js"
import { PendingImpl } from "./pending.js"

type Args = ReadonlyArray<unknown>

/** `Memo.Options` with the types that do not matter here left out. */
interface Options extends Omit<PolicyOptions<Args, unknown, "fail" | "bypass">, "timeToLive"> {
  readonly name?: string | undefined
  readonly key?: ((...args: Args) => unknown) | undefined
  readonly schema?: Schema.Schema<unknown, any> | undefined // what a result is encoded to does not matter here
  readonly codec?: Codec<unknown> | undefined
  readonly timeToLive?:
    | Duration.DurationInput
    | ((exit: Exit.Exit<unknown, unknown>) => Duration.DurationInput)
    | undefined
  readonly errors?: {
    readonly schema?: Schema.Schema<unknown, any> | undefined // as above
    readonly codec?: Codec<unknown> | undefined
    readonly timeToLive?: Duration.DurationInput | undefined
  } | undefined
  readonly timeout?: Duration.DurationInput | undefined
}

type Fn = (...args: Args) => Effect.Effect<unknown, unknown, unknown>

const isDuration = (u: Duration.DurationInput | Options): u is Duration.DurationInput =>
  typeof u !== "object" || Duration.isDuration(u) || Array.isArray(u)

/** The definition behind a memoized function. Its keys are the arguments, its name is checked now. */
const modelOf = (fn: Fn, options: Options): CacheDefinition<Args, unknown> => {
  const ownName = options.name ?? fn.name
  if (ownName === "") {
    throw new RangeError("A memoized function needs a name: name the function, or pass `name`")
  }
  if (options.name === undefined && fn.toString().includes("[native code]")) {
    throw new RangeError(`The memoized function "${ownName}" is bound, and like any other bound one: pass \`name\``)
  }
  const name = checkName(ownName)
  const { errors, key, timeToLive } = options
  return new CacheDefinition<Args, unknown>(
    name,
    "entry",
    { encode: (args) => Key.encode(key === undefined ? args : key(...args)), text: (stored) => stored },
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
    fn.toString()
  )
}

const failureCodec = (
  name: string,
  { codec, schema }: NonNullable<Options["errors"]>,
  resultsHaveOne: boolean
): Codec<unknown> => {
  if (codec !== undefined) return codec
  if (schema === undefined) throw new RangeError(`Cache "${name}": errors needs a schema or a codec`)
  if (!resultsHaveOne) return json(schema)
  throw new RangeError(
    `Cache "${name}": errors needs a codec too where results have one, or failures would be stored as plain JSON`
  )
}

/** How long a typed failure is kept: its own time, or what holds for results. */
const failureLife = (
  name: string,
  own: Duration.DurationInput | undefined,
  timeToLive: Options["timeToLive"]
): (exit: Exit.Exit<unknown, unknown>) => number | undefined => {
  const chosen = own ?? timeToLive
  if (typeof chosen === "function") return (exit) => toLife(chosen(exit))
  const life = positive(name, "errors.timeToLive", chosen, Infinity)
  return () => toLife(life)
}

/** What every memoized function has beside its call. */
const members = (fn: Fn, definition: CacheDefinition<Args, unknown>) => ({
  bust: (...args: Args) => Effect.map(Deletes.deleteMany(definition, [args]), (count) => count > 0),
  refresh: (...args: Args) => Loads.refresh(definition, args, () => fn(...args)),
  peek: (...args: Args) => Reads.get(definition, args),
  key: (...args: Args) =>
    Effect.withFiberRuntime((fiber): Effect.Effect<string, CodecError, Redis> =>
      bind(fiber, definition).redisKey(args)
    ),
  cache: definition
})

/** A call: computes where nothing fresh is stored. */
const call = (fn: Fn, definition: CacheDefinition<Args, unknown>, options: Options) => {
  const loadOptions = options.timeout === undefined ? undefined : { timeout: options.timeout }
  if (options.timeout !== undefined) positive(definition.name, "timeout", options.timeout, 0)
  return (...args: Args) => Loads.getOrSet(definition, args, () => fn(...args), loadOptions)
}

const toOptions = (input: Duration.DurationInput | Options): Options =>
  isDuration(input) ? { timeToLive: input } : input

/** Puts the members on the call, which keeps the function's name. */
const define = (
  fn: Fn,
  input: Duration.DurationInput | Options,
  wrap: (run: Fn, definition: CacheDefinition<Args, unknown>) => Fn
) => {
  const options = toOptions(input)
  const definition = modelOf(fn, options)
  const wrapped = Object.defineProperty(wrap(call(fn, definition, options), definition), "name", { value: fn.name })
  return Object.assign(wrapped, members(fn, definition))
}

// The types of the front doors are the public module's; inside, arguments and results are unknown.
export const cached = (fn: Fn, input: Duration.DurationInput | Options): any => define(fn, input, (run) => run)

export const cachedAsync = (fn: Fn, input: Duration.DurationInput | Options): any =>
  // as above
  define(fn, input, (run, definition) => (...args) =>
    Effect.withFiberRuntime((fiber) => {
      const instance = bind(fiber, definition)
      const key = Either.getOrElse(instance.redisKey(args), () => instance.prefix)
      return Effect.map(
        Effect.forkIn(Effect.interruptible(run(...args)), instance.runtime.scope),
        (running) => new PendingImpl(running, key)
      )
    }))

class Property extends Effectable.Class<unknown, unknown, unknown> {
  constructor(
    private readonly run: () => Effect.Effect<unknown, unknown, unknown>,
    readonly bust: Effect.Effect<unknown, unknown, unknown>,
    readonly refresh: Effect.Effect<unknown, unknown, unknown>,
    readonly peek: Effect.Effect<unknown, unknown, unknown>,
    readonly key: Effect.Effect<unknown, unknown, unknown>
  ) {
    super()
  }

  commit() {
    return this.run()
  }
}

export const cachedProperty = <Self>(
  self: Self,
  options: Omit<Options, "key" | "tags" | "valueTags" | "timeout"> & {
    readonly key?: ((self: Self) => unknown) | undefined
    readonly tags?: ((self: Self) => ReadonlyArray<string>) | undefined
    readonly valueTags?: ((value: unknown, self: Self) => ReadonlyArray<string>) | undefined
  },
  compute: (self: Self) => Effect.Effect<unknown, unknown, unknown>
): any => { // as above
  // Read when it is used: when a field is defined the ones after it are not there yet.
  const { key = (instance: Self) => (instance as PrimaryKey.PrimaryKey)[PrimaryKey.symbol](), tags, valueTags } =
    options
  const run: Fn = () => compute(self)
  Object.defineProperty(run, "toString", { value: () => compute.toString() })
  const property = define(
    run,
    {
      ...options,
      key: () => key(self),
      tags: tags === undefined ? undefined : () => tags(self),
      valueTags: valueTags === undefined ? undefined : (value) => valueTags(value, self)
    },
    (call) => call
  )
  const later = <A, E, R>(effect: () => Effect.Effect<A, E, R>) => Effect.suspend(effect)
  return new Property(
    () => property(),
    later(() => property.bust()),
    later(() => property.refresh()),
    later(() => property.peek()),
    later(() => property.key())
  )
}
