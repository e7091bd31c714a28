/** `Memo.Options` as they are inside. */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { Codec } from "../codec/codec.js"
import type { PolicyOptions } from "../definition/policy.js"
import { describe } from "../definition/refuse.js"
import type { TimeoutInput } from "../definition/timeouts.js"
import type { Previous } from "../load/previous.js"

export type Args = ReadonlyArray<unknown>

export type Fn = (...args: Args) => Effect.Effect<unknown, unknown, unknown>

/** With the types that do not matter here left out. */
export interface Options extends Omit<PolicyOptions<Args, unknown, "fail" | "bypass">, "timeToLive"> {
  readonly name?: string | undefined
  readonly key?: ((...args: Args) => unknown) | undefined
  readonly captures?: ReadonlyArray<unknown> | undefined
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
  readonly revalidate?:
    | ((previous: Previous<unknown>, ...args: Args) => Effect.Effect<unknown, unknown, unknown>)
    | undefined
  readonly timeout?: TimeoutInput | undefined
}

const isDuration = (u: Duration.DurationInput | Options): u is Duration.DurationInput =>
  typeof u !== "object" || Duration.isDuration(u) || Array.isArray(u)

export const toOptions = (input: Duration.DurationInput | Options): Options => {
  if (input === undefined || input === null || typeof input === "function") {
    throw new TypeError(`Memo takes a time to live or options as its second argument, got ${describe(input)}`)
  }
  return isDuration(input) ? { timeToLive: input } : input
}
