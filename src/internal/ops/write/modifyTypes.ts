/** The public types of `modify`, which `Cache.ts` exports. */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/**
 * The result of the function of `modify`: an `Option`, or an effect of one.
 */
export type Modified<Value> = Option.Option<Value> | Effect.Effect<Option.Option<Value>, any, any> // any effect may do

/** Its parts. */
export declare namespace Modified {
  /**
   * The value in it.
   */
  export type Value<Result> = Result extends Option.Option<infer Value> ? Value
    : Result extends Effect.Effect<Option.Option<infer Value>, any, any> ? Value
    : never

  /**
   * Its errors. An `Option` is an `Effect` too, but it does not run here.
   */
  export type Error<Result> = Result extends Option.Option<any> ? never
    : Result extends Effect.Effect<any, infer E, any> ? E
    : never

  /**
   * Its requirements.
   */
  export type Context<Result> = Result extends Option.Option<any> ? never
    : Result extends Effect.Effect<any, any, infer R> ? R
    : never
}
