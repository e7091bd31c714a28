/** Shared by the tests of faults: layers that live as long as the scope, and the errors of calls on them. */
import { type Context, Duration, Effect, Layer, type Scope } from "effect"
import { Cache, type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import { uniquePrefix } from "../../support/sharedRedis.js"

export const things = Cache.make({ name: "things" })
export const counts = Cache.counter({ name: "counts" })

export type RedisContext = Context.Context<Redis.Redis>

/** A layer that lives as long as the scope, for many effects at once. */
export const build = (
  layer: Layer.Layer<Redis.Redis, CacheError.RedisError>
): Effect.Effect<RedisContext, CacheError.RedisError, Scope.Scope> => Layer.build(layer)

export const connected = (options: RedisLayer.Options) =>
  build(RedisLayer.layer({ prefix: uniquePrefix(), ...options }))

export const address = (port: number): RedisLayer.Options => ({ host: "127.0.0.1", port })

/** How a layer fails, and after how long. */
export const failureOf = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.timed(Effect.flip(Effect.scoped(Layer.build(layer))))

export const timedFailure = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>, redis: RedisContext) =>
  Effect.map(
    Effect.timed(Effect.flip(Effect.provide(effect, redis))),
    ([elapsed, error]) => [Duration.toMillis(elapsed), error] as const
  )

/** Why the call failed; fails the test if it did not, or not with a `RedisError`. */
export const reasonOf = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>, redis: RedisContext) =>
  Effect.map(Effect.flip(Effect.provide(effect, redis)), (error) => (error as CacheError.RedisError).reason)
