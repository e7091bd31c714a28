/**
 * A page that shows what caches do: hit ratios, loads and their times, keys, one key with its value and why it would
 * hit or miss, tags, and changes as they happen. It is a router for `@effect/platform` that a service mounts under a
 * path of its own.
 *
 * It is an entry point of its own, which the index does not export, because it needs `@effect/platform`.
 *
 * @since 0.1.0
 */
import type * as HttpRouter from "@effect/platform/HttpRouter"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Cache from "./Cache.js"
import * as internal from "./internal/inspector/make.js"
import type { Redis } from "./Redis.js"

/**
 * A cache whose definition the page has: it decodes the values by the cache's codec, and shows its policy.
 *
 * @since 0.1.0
 * @category models
 */
// `any`: keys and values may have any type here, and a cache is invariant in both.
export type AnyCache = Cache.Cache<any, any, any, any>

/**
 * A cache whose keys the page may load anew. `refreshable` makes one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refreshable<out R> {
  readonly cache: AnyCache
  readonly refresh: (key: string) => Effect.Effect<unknown, unknown, R>
}

/**
 * The options of `make`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> {
  /** The page's title. Default: `caches`. */
  readonly title?: string | undefined
  /**
   * Definitions of caches. Their values are decoded by their schemas, and their figures in this process are shown. Of
   * other caches under the same `Redis`, the page shows what the bytes tell.
   */
  readonly caches?: ReadonlyArray<AnyCache | Refreshable<R>> | undefined
  /**
   * Lets everyone with the token delete, expire, refresh, invalidate and flush through the page. Without it, the page
   * only reads.
   */
  readonly actions?: { readonly token: Redacted.Redacted } | undefined
  /**
   * The only values of the `Host` header that are answered, such as `["127.0.0.1:8080"]`. Set it if nothing in front of
   * the page authenticates requests: otherwise a site whose name is made to resolve to this address could read the page
   * (DNS rebinding). Default: all.
   */
  readonly hosts?: ReadonlyArray<string> | undefined
}

/**
 * Adds a load to a cache with string keys, so that the page can refresh its keys.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache } from "effect-redis-cache"
 * import { refreshable } from "effect-redis-cache/Inspector"
 *
 * const users = Cache.of<string>()({ name: "users", timeToLive: "10 minutes" })
 *
 * export const inspected = refreshable(users, (id) => Effect.succeed(`user ${id}`))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const refreshable: <Value, Error, Requirements, E, R>(
  cache: Cache.Cache<string, Value, Error, Requirements>,
  load: (key: string) => Effect.Effect<Value, E, R>
) => Refreshable<R | Redis> = internal.refreshable

/**
 * Makes the page, as a router. It has no authentication: mount it where only people who may see cached values can reach
 * it.
 *
 * It reads what is under the `Redis` of its context, and the figures of processes whose layers have `publish`. It
 * samples these figures while the page is open, and for a quarter of an hour after.
 *
 * @example
 * ```ts
 * import { HttpRouter, HttpServer } from "@effect/platform"
 * import { NodeHttpServer } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 * import * as Inspector from "effect-redis-cache/Inspector"
 * import { createServer } from "node:http"
 *
 * const users = Cache.make({ name: "users", timeToLive: "10 minutes" })
 *
 * export const ServiceLive = Layer.unwrapScoped(Effect.map(
 *   Inspector.make({ title: "shop", caches: [users] }),
 *   (inspector) => HttpServer.serve(HttpRouter.mount(HttpRouter.empty, "/inspector", inspector))
 * )).pipe(
 *   Layer.provide(RedisLayer.layer("redis://localhost:6379")),
 *   Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 8080 }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: <R = never>(
  options?: Options<R>
) => Effect.Effect<HttpRouter.HttpRouter, never, R | Redis | Scope.Scope> = internal.make
