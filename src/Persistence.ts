/**
 * The persistence of `@effect/experimental` over a `Redis`. What `PersistedCache`, `RequestResolver.persisted` and
 * others keep is stored as entries of named caches.
 *
 * It is an entry point of its own, because it needs `@effect/experimental`: `import * as CachePersistence from
 * "effect-redis-cache/Persistence"`.
 *
 * @since 0.1.0
 */
import type * as Persistence from "@effect/experimental/Persistence"
import type * as Layer from "effect/Layer"
import * as internal from "./internal/platform/persistence.js"
import type { Redis } from "./Redis.js"

export {
  /**
   * @since 0.1.0
   * @category models
   */
  type Options
} from "./internal/platform/persistence.js"

/**
 * `BackingPersistence` over a `Redis`. The entries of a store are those of a cache named after it: `prefix`, then the
 * store's id with `%3A` for `:` and `%25` for `%`. So `Cache.flush`, `Cache.explain` and everything else that takes a
 * cache's name finds them. Values live for their `timeToLive`. Many values are read, or written, in one round trip.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: (options?: internal.Options) => Layer.Layer<Persistence.BackingPersistence, never, Redis> =
  internal.layer

/**
 * `ResultPersistence` over a `Redis`: what `PersistedCache.make` and `RequestResolver.persisted` need.
 *
 * @example
 * ```ts
 * import { PersistedCache } from "@effect/experimental"
 * import { Effect, Layer, PrimaryKey, Schema } from "effect"
 * import { RedisLayer } from "effect-redis-cache"
 * import * as CachePersistence from "effect-redis-cache/Persistence"
 *
 * class UserById extends Schema.TaggedRequest<UserById>()("UserById", {
 *   failure: Schema.String,
 *   success: Schema.Struct({ name: Schema.String }),
 *   payload: { id: Schema.Number }
 * }) {
 *   [PrimaryKey.symbol]() {
 *     return `UserById:${this.id}`
 *   }
 * }
 *
 * export const program = Effect.gen(function*() {
 *   const users = yield* PersistedCache.make({
 *     storeId: "users",
 *     lookup: (request: UserById) => Effect.succeed({ name: `user ${request.id}` }),
 *     timeToLive: () => "10 minutes"
 *   })
 *   return yield* users.get(new UserById({ id: 42 })) // kept under users:UserById:42
 * }).pipe(
 *   Effect.scoped,
 *   Effect.provide(CachePersistence.layerResult().pipe(Layer.provide(RedisLayer.layer("redis://localhost:6379"))))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerResult: (options?: internal.Options) => Layer.Layer<Persistence.ResultPersistence, never, Redis> =
  internal.layerResult
