/** How commands are built: what they have in common. */
import type * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import type * as Options from "@effect/cli/Options"
import type { CacheError, Redis } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import { type Connection, connection, layer } from "../connection.js"
import type { Ended } from "../exit.js"
import type { Screen } from "../text/style.js"

type Config = Readonly<Record<string, Options.Options<any> | Args.Args<any>>> // whatever each gives

type Given<C extends Config> = {
  readonly [K in keyof C]: C[K] extends Options.Options<infer A> ? A : C[K] extends Args.Args<infer A> ? A : never
}

/** Options, then arguments, in the form of `Command.make`. */
const configOf = <C extends Config>(config: C) => ({ ...connection, ...config })

/** What a command fails with, and the services that it needs. */
export type Body<R> = Effect.Effect<void, Ended | CacheError.RedisError | CacheError.CodecError, R | Screen>

/** What it does, then examples: as you type them, and the purpose of each. */
export interface Help {
  readonly summary: string
  readonly more?: string | undefined
  readonly examples: ReadonlyArray<readonly [typed: string, purpose: string]>
}

const helpDoc = ({ examples, more, summary }: Help): HelpDoc.HelpDoc =>
  HelpDoc.blocks([
    HelpDoc.p(summary),
    ...more === undefined ? [] : [HelpDoc.p(more)],
    HelpDoc.p("Examples:"),
    ...examples.map(([typed, purpose]) => HelpDoc.p(`  effect-redis-cache ${typed}   # ${purpose}`))
  ])

/** A command that receives its options, and connects by itself. */
export const connecting = <const Name extends string, C extends Config, R>(
  name: Name,
  help: Help,
  config: C,
  run: (given: Given<C> & Connection) => Body<R>
) =>
  Command.make(name, configOf(config), (given) => run(given as Given<C> & Connection)).pipe( // as `configOf` says
    Command.withDescription(helpDoc(help))
  )

/** A command on the Redis that its options name. */
export const onRedis = <const Name extends string, C extends Config, R>(
  name: Name,
  help: Help,
  config: C,
  run: (given: Given<C> & Connection) => Body<R>
) => connecting(name, help, config, (given): Body<Exclude<R, Redis.Redis>> => Effect.provide(run(given), layer(given)))
