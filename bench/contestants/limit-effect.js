/** The same limit with fibers as callers: what a thousand of them cost before anything is cached. */
import * as Effect from "effect/Effect"
import { effects } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"
import { make as makeLimit } from "./limit.js"

export const versions = read(import.meta.url, "ioredis", "effect")

export const make = async (url) => {
  const limit = await makeLimit(url)
  return {
    ...effects(Effect, Effect.runPromise),
    memoize: (compute) => {
      const load = limit.memoize((...args) => Effect.runPromise(compute(...args)))
      return (...args) => Effect.promise(() => load(...args))
    }
  }
}
