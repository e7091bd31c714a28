/**
 * Caching over Redis for Effect.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 */
export * as Cache from "./Cache.js"

/**
 * @since 0.1.0
 */
export * as CacheError from "./CacheError.js"

/**
 * @since 0.1.0
 */
export * as CacheMetrics from "./CacheMetrics.js"

/**
 * @since 0.1.0
 */
export * as Codec from "./Codec.js"

/**
 * @since 0.1.0
 */
export * as Fleet from "./Fleet.js"

/**
 * @since 0.1.0
 */
export * as Memo from "./Memo.js"

/**
 * @since 0.1.0
 */
export * as Pending from "./Pending.js"

/**
 * @since 0.1.0
 */
export * as Redis from "./Redis.js"

/**
 * @since 0.1.0
 */
export * as RedisLayer from "./RedisLayer.js"
