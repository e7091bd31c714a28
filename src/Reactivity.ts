/**
 * `Reactivity` of `@effect/experimental` for all processes: a key that is invalidated in one of them is invalidated in each,
 * as a tag of your caches. So the reactive queries of `@effect/sql`, and whatever else reads anew when a key is
 * invalidated, do so when another process has written.
 *
 * An entry point of its own, which needs `@effect/experimental`: `import * as CacheReactivity from
 * "effect-redis-cache/Reactivity"`.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import type { ReadonlyRecord } from "effect/Record"
import * as Stream from "effect/Stream"
import type { Cache } from "./Cache.js"
import type { CacheDefinition } from "./internal/definition/definition.js"
import * as TagWatch from "./internal/ops/watch/tagWatch.js"
import type { Redis } from "./Redis.js"

type Keys = ReadonlyArray<unknown> | ReadonlyRecord<string, ReadonlyArray<unknown>>

/** A cache, whatever it holds. */
type AnyCache = Cache<any, any, any, Redis>

const isList = (keys: Keys): keys is ReadonlyArray<unknown> => Array.isArray(keys)

/** The tags that keys are to all processes: strings. Ids that are objects may be told apart differently elsewhere. */
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

/**
 * A `Reactivity` whose keys are tags of these caches.
 *
 * - Who invalidates a tag, in whatever process (`Cache.invalidateTags`), invalidates the key of that name here
 * - `Reactivity.mutation` and `Reactivity.invalidate` invalidate the tags in all of these caches, and so in every process.
 *   Keys of a record are tags, too: `{ users: [42] }` stands for `users` and `users:42`
 * - When the link to Redis was lost, every key counts as invalidated as soon as there is one again
 *
 * Keys that are not strings are for this process alone, as ever. Where a tag could not be invalidated, the key is
 * invalidated here and a warning is logged: a mutation that has taken place does not fail for that.
 *
 * It takes what near copies take, see `docs/near.md`: where Redis refuses to tell of changes, a warning is logged, and
 * other processes' invalidations are not heard of.
 *
 * @example
 * ```ts
 * import { Reactivity } from "@effect/experimental"
 * import { Effect, Stream } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 * import * as CacheReactivity from "effect-redis-cache/Reactivity"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes", tags: (id) => ["users", `users:${id}`] })
 *
 * declare const loadUser: (id: string) => Effect.Effect<{ readonly name: string }>
 * declare const rename: (id: string, name: string) => Effect.Effect<void>
 *
 * // Read anew whenever the tag users:42 is invalidated, in whatever process.
 * export const user = Cache.getOrSet(users, "42", loadUser).pipe(
 *   Reactivity.stream({ users: ["42"] }),
 *   Stream.runForEach((user) => Effect.log(user))
 * )
 *
 * export const renamed = rename("42", "Grace").pipe(Reactivity.mutation({ users: ["42"] }))
 *
 * export const ReactivityLive = CacheReactivity.layer(users) // Layer<Reactivity, never, Redis>
 *
 * export const program = user.pipe(
 *   Effect.provide(ReactivityLive),
 *   Effect.provide(RedisLayer.layer("redis://localhost:6379"))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  caches: AnyCache | ReadonlyArray<AnyCache>
): Layer.Layer<Reactivity.Reactivity, never, Redis> =>
  Layer.scoped(
    Reactivity.Reactivity,
    Effect.gen(function*() {
      const here = yield* Reactivity.make
      // A cache is its definition.
      const definitions = (Array.isArray(caches) ? caches : [caches]) as unknown as ReadonlyArray<
        CacheDefinition<any, any>
      >
      const tags = yield* TagWatch.make(definitions, here.unsafeInvalidate)
      const runFork = yield* FiberSet.makeRuntime<never>()

      const invalidateTags = (keys: Keys): Effect.Effect<void> =>
        Effect.suspend(() => tags.invalidate(tagsOf(keys))).pipe(
          Effect.catchAll((error) =>
            Effect.logWarning(
              `Tags could not be invalidated, and other processes read on what they have: ${error.message}`
            )
          )
        )
      const invalidate = (keys: Keys): Effect.Effect<void> =>
        Effect.zipRight(invalidateTags(keys), here.invalidate(keys))

      const query: Reactivity.Reactivity.Service["query"] = (keys, effect) =>
        // Before it first reads: what is invalidated after that is told of.
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
