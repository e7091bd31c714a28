/** `Cache.withMode`: another `Redis` for one region of a program. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Redis } from "../../Redis.js"
import { derive } from "../cache/derive.js"
import { type ModeName, modeNames, modeOf } from "../cache/mode.js"

export const withMode = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: ModeName
): Effect.Effect<A, E, R | Redis> => {
  const mode = modeOf(name)
  if (mode === undefined) {
    throw new RangeError(
      `Cache.withMode: the mode must be one of ${modeNames.map((known) => `"${known}"`).join(", ")}, got ${
        String(name)
      }`
    )
  }
  return Effect.mapInputContext(
    effect,
    (context: Context.Context<R | Redis>) => Context.add(context, Redis, derive(Context.get(context, Redis), mode))
  )
}
