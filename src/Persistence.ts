/**
 * The persistence of `@effect/experimental` over a `Redis`: what `PersistedCache`, `RequestResolver.persisted` and others
 * keep lies in entries of named caches.
 *
 * An entry point of its own, which needs `@effect/experimental`: `import * as CachePersistence from
 * "effect-redis-cache/Persistence"`.
 *
 * @since 0.1.0
 */
import * as Persistence from "@effect/experimental/Persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Cache from "./Cache.js"
import type { CodecError, RedisError } from "./CacheError.js"
import { make as makeCodec } from "./internal/codec/make.js"
import { structural } from "./internal/codec/structural/structural.js"
import { Redis } from "./Redis.js"

/**
 * How stores treat their entries: those options of a cache that do not depend on what is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends
  Pick<
    Cache.Policy<string, unknown>,
    "jitter" | "maxValueSize" | "near" | "onRedisError" | "version"
  >
{
  /** Stands before the id of a store in the name of its cache. Default: nothing. */
  readonly prefix?: string | undefined
}

/** What is kept, and for how long. Only the value is stored. */
interface Kept {
  readonly value: unknown
  readonly timeToLive: Duration.Duration
}

const values = structural<unknown>()

const kept = makeCodec<Kept>({
  identity: "effect-redis-cache/Persistence",
  encode: ({ value }, context) => values.encode(value, context),
  decode: (payload, context) =>
    Either.map(values.decode(payload, context), (value) => ({ value, timeToLive: Duration.infinity }))
})

/** The id of a store, as a cache's name may be: no `:`. */
const escaped = (storeId: string): string => storeId.replaceAll("%", "%25").replaceAll(":", "%3A")

const makeStore = (
  redis: Redis["Type"],
  storeId: string,
  { prefix = "", ...policy }: Options
): Persistence.BackingPersistenceStore => {
  const cache = Cache.make({
    ...policy,
    name: prefix + escaped(storeId),
    codec: kept,
    timeToLive: ({ timeToLive }) => timeToLive
  })
  const run = <A>(
    method: string,
    effect: Effect.Effect<A, RedisError | CodecError, Redis>
  ): Effect.Effect<A, Persistence.PersistenceError> =>
    Effect.mapError(
      Effect.provideService(effect, Redis, redis),
      (error) => Persistence.PersistenceBackingError.make(method, error)
    )
  const toKeep = (value: unknown, timeToLive: Option.Option<Duration.Duration>): Kept => ({
    value,
    timeToLive: Option.getOrElse(timeToLive, () => Duration.infinity)
  })
  return {
    get: (key) => Effect.map(run("get", Cache.get(cache, key)), Option.map(({ value }) => value)),
    getMany: (keys) =>
      Effect.map(
        run("getMany", Cache.getMany(cache, keys)),
        (found) => keys.map((key) => Option.map(Option.fromNullable(found.get(key)), ({ value }) => value))
      ),
    set: (key, value, timeToLive) => run("set", Cache.set(cache, key, toKeep(value, timeToLive))),
    setMany: (entries) =>
      run(
        "setMany",
        Cache.setMany(cache, entries.map(([key, value, timeToLive]) => [key, toKeep(value, timeToLive)] as const))
      ),
    remove: (key) => Effect.asVoid(run("remove", Cache.delete(cache, key))),
    clear: Effect.asVoid(run("clear", Cache.flush(cache)))
  }
}

/**
 * `BackingPersistence` over a `Redis`. The entries of a store are those of a cache of its id (with `%3A` for each `:`), so
 * that `Cache.flush`, `Cache.explain` and whatever else takes a cache's name finds them. Values live as long as their
 * `timeToLive` says; many are read, or written, in one round trip.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Persistence.BackingPersistence, never, Redis> =>
  Layer.effect(
    Persistence.BackingPersistence,
    Effect.map(Redis, (redis) =>
      Persistence.BackingPersistence.of({
        [Persistence.BackingPersistenceTypeId]: Persistence.BackingPersistenceTypeId,
        make: (storeId) => Effect.sync(() => makeStore(redis, storeId, options))
      }))
  )

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
export const layerResult = (options: Options = {}): Layer.Layer<Persistence.ResultPersistence, never, Redis> =>
  Layer.provide(Persistence.layerResult, layer(options))
