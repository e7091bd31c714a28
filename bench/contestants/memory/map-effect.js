/** The same for a program in Effect: the reference for a near hit. */
import * as Effect from "effect/Effect"
import { effects } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"
import { makeMap } from "./map.js"

export const versions = read(import.meta.url, "effect")

export const make = () => {
  const map = makeMap()
  return {
    ...effects(Effect, Effect.runPromise),
    get: (key) => Effect.sync(() => map.get(key)),
    set: (key, value) => Effect.sync(() => map.set(key, value))
  }
}
