/**
 * The `Redis` service: what every cache operation needs, and what a `RedisLayer` supplies.
 *
 * It is made of a `Driver`, a short list of atomic operations on bytes, chosen so that a real Redis and memory can give
 * the same guarantees, and of what lives in this process: loads in flight, background refreshes, the breaker.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Driver } from "./Driver.js"
import { makeRuntime, type Runtime } from "./internal/cache/runtime.js"

/**
 * The service behind the tag: a driver, and the state that lives in this process.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly driver: Driver
  /** @internal */
  readonly runtime: Runtime
}

/**
 * The service that cache operations need. `RedisLayer` has layers that supply it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes" })
 *
 * export const program = Cache.get(users, "42").pipe(
 *   Effect.provide(RedisLayer.layer("redis://localhost:6379"))
 * )
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export class Redis extends Context.Tag("effect-redis-cache/Redis")<Redis, Service>() {}

/**
 * The service over a driver of your own. Closing the scope ends the loads and background refreshes that still run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (driver: Driver): Effect.Effect<Service, never, Scope.Scope> => makeRuntime(driver)
