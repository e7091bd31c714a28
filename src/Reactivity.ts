/**
 * `Reactivity` of `@effect/experimental` across processes: a key that is invalidated in one process is invalidated in
 * all of them, as a tag of your caches. So reactive queries of `@effect/sql`, and everything else that reads anew when
 * a key is invalidated, also do so after another process has written.
 *
 * It is an entry point of its own, because it needs `@effect/experimental`: `import * as CacheReactivity from
 * "effect-redis-cache/Reactivity"`.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as Layer from "effect/Layer"
import type { Cache } from "./Cache.js"
import * as internal from "./internal/platform/reactivity.js"
import type { Redis } from "./Redis.js"

/** A cache with any keys and values. */
type AnyCache = Cache<any, any, any, Redis>

/**
 * A `Reactivity` whose keys are tags of these caches.
 *
 * - `Cache.invalidateTags`, in any process, invalidates the keys of those names here
 * - `Reactivity.mutation` and `Reactivity.invalidate` invalidate the tags in all of these caches, and so in every process.
 *   Keys of a record are tags, too: `{ users: [42] }` stands for `users` and `users:42`
 * - When a lost connection to Redis is back, every key counts as invalidated
 *
 * Keys that are not strings stay in this process, as without this layer. If a tag cannot be invalidated, the key is
 * invalidated in this process only and a warning is logged: the mutation has taken place, so it does not fail.
 *
 * Clients of `@effect/sql` use the `Reactivity` that they are made with, and their layers provide one of their own. So
 * make the client with its `make`, over this layer, as `docs/guides/changes.md` shows.
 *
 * It has the same requirements as near copies: see `docs/guides/near.md`. If Redis refuses `CLIENT TRACKING`, a warning
 * is logged, and invalidations by other processes do not arrive.
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
export const layer: (
  caches: AnyCache | ReadonlyArray<AnyCache>
) => Layer.Layer<Reactivity.Reactivity, never, Redis> = internal.layer
