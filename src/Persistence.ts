/**
 * The persistence of `@effect/experimental` over a `Redis`: what `PersistedCache`, `RequestResolver.persisted` and others
 * keep lies in entries of named caches.
 *
 * An entry point of its own, which needs `@effect/experimental`: `import * as CachePersistence from
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
 * `BackingPersistence` over a `Redis`. The entries of a store are those of a cache that is named after it (`%3A` for
 * `:`, `%25` for `%`, behind `prefix`), so that `Cache.flush`, `Cache.explain` and whatever else takes a cache's name
 * finds them. Values live as long as their `timeToLive` says; many are read, or written, in one round trip.
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
