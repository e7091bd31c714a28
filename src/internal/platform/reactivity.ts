/** `Reactivity` of `@effect/experimental` whose keys are tags. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Array from "effect/Array"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import type { ReadonlyRecord } from "effect/Record"
import * as Stream from "effect/Stream"
import type { Cache } from "../../Cache.js"
import type { Redis } from "../../Redis.js"
import type { CacheDefinition } from "../definition/definition.js"
import * as TagWatch from "../ops/watch/tagWatch.js"

type Keys = ReadonlyArray<unknown> | ReadonlyRecord<string, ReadonlyArray<unknown>>

/** A cache with any keys and values. */
type AnyCache = Cache<any, any, any, Redis>

const isList = (keys: Keys): keys is ReadonlyArray<unknown> => Array.isArray(keys)

/** The tags that keys become in all processes: strings. Other processes may distinguish objects differently. */
const tagsOf = (keys: Keys): ReadonlyArray<string> => {
  if (isList(keys)) return keys.filter((key) => typeof key === "string")
  const tags: Array<string> = []
  for (const [key, ids] of Object.entries(keys)) {
    tags.push(key)
    for (const id of ids) {
      if (typeof id === "string") tags.push(`${key}:${id}`)
      // As `Reactivity` names it: for whole numbers of up to 30 bits, their decimal text.
      else if (typeof id !== "object" && typeof id !== "function") tags.push(`${key}:${Hash.hash(id)}`)
    }
  }
  return tags
}

export const layer = (
  caches: AnyCache | ReadonlyArray<AnyCache>
): Layer.Layer<Reactivity.Reactivity, never, Redis> =>
  Layer.scoped(
    Reactivity.Reactivity,
    Effect.gen(function*() {
      const here = yield* Reactivity.make
      type Definitions = ReadonlyArray<CacheDefinition<any, any>>
      const definitions = Array.ensure(caches) as unknown as Definitions // a cache is its definition
      const tags = yield* TagWatch.make(definitions, here.unsafeInvalidate)
      const runFork = yield* FiberSet.makeRuntime<never>()

      const invalidateTags = (keys: Keys): Effect.Effect<void> =>
        Effect.suspend(() => tags.invalidate(tagsOf(keys))).pipe(
          Effect.catchAll((error) =>
            Effect.logWarning(
              `Tags could not be invalidated, so other processes may still read old values: ${error.message}`
            )
          )
        )
      const invalidate = (keys: Keys): Effect.Effect<void> =>
        Effect.zipRight(invalidateTags(keys), here.invalidate(keys))

      const query: Reactivity.Reactivity.Service["query"] = (keys, effect) =>
        // Before the first read, so that later invalidations are reported.
        Effect.zipRight(tags.watching(tagsOf(keys)), here.query(keys, effect))

      return Reactivity.Reactivity.of({
        invalidate,
        mutation: (keys, effect) =>
          Effect.uninterruptibleMask((restore) => Effect.zipLeft(restore(effect), invalidate(keys))),
        query,
        stream: (keys, effect) => Stream.unwrapScoped(Effect.map(query(keys, effect), Mailbox.toStream)),
        unsafeInvalidate: (keys) => {
          here.unsafeInvalidate(keys)
          runFork(invalidateTags(keys))
        },
        unsafeRegister: (keys, handler) => {
          const watched = tagsOf(keys)
          const unregister = here.unsafeRegister(keys, handler)
          tags.watch(watched)
          return () => {
            tags.unwatch(watched)
            unregister()
          }
        }
      })
    })
  )
