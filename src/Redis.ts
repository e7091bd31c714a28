/**
 * The `Redis` service: what every cache operation needs, and what a `RedisLayer` supplies.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { Runtime } from "./internal/cache/runtime.js"
import type { Driver } from "./internal/driver/driver.js"

/**
 * The service behind the tag: the connection to Redis, and what lives in this process: loads in flight, near copies,
 * background refreshes. Only a `RedisLayer` makes one; its contents are internal.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** @internal */
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
