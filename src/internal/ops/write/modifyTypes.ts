/** The types of `modify` as the front door has them: `Cache.ts` exports them. */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/**
 * What the function of `modify` gives: an `Option`, or an effect of one.
 */
export type Modified<Value> = Option.Option<Value> | Effect.Effect<Option.Option<Value>, any, any> // any effect may do

/** What comes of it. */
export declare namespace Modified {
  /**
   * The value in it.
   */
  export type Value<Result> = Result extends Option.Option<infer Value> ? Value
    : Result extends Effect.Effect<Option.Option<infer Value>, any, any> ? Value
    : never

  /**
   * What it fails with. An `Option` is an `Effect` too, but it is not run here.
   */
  export type Error<Result> = Result extends Option.Option<any> ? never
    : Result extends Effect.Effect<any, infer E, any> ? E
    : never

  /**
   * What it needs.
   */
  export type Context<Result> = Result extends Option.Option<any> ? never
    : Result extends Effect.Effect<any, any, infer R> ? R
    : never
}
