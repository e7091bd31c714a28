/**
 * A page that shows what caches do: hit ratios, loads and their times, keys, one key with its value and why it would hit
 * or miss, tags, changes as they happen. A router for `@effect/platform` that a service mounts under a path of its own.
 * An entry point of its own, which the index does not reach: it needs `@effect/platform`.
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
 * A cache as the page knows it: its values are decoded by its codec, its policy is shown.
 *
 * @since 0.1.0
 * @category models
 */
// `any`: keys and values are of every type here, and a cache is invariant in both.
export type AnyCache = Cache.Cache<any, any, any, any>

/**
 * A cache that the page may load a key of anew. `refreshable` makes one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refreshable<out R> {
  readonly cache: AnyCache
  readonly refresh: (key: string) => Effect.Effect<unknown, unknown, R>
}

/**
 * What the page is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> {
  /** What stands above the page. Default: `caches`. */
  readonly title?: string | undefined
  /**
   * Definitions: their values are decoded by their schemas, and what they count in this process is shown. Other caches
   * under the same `Redis` are shown as their bytes tell.
   */
  readonly caches?: ReadonlyArray<AnyCache | Refreshable<R>> | undefined
  /**
   * Lets the page delete, expire, refresh, invalidate and flush, for those that know the token. Without it the page only
   * reads.
   */
  readonly actions?: { readonly token: Redacted.Redacted } | undefined
  /**
   * The only values of the `Host` header that are answered: `["127.0.0.1:8080"]`. Name them where nothing in front of the
   * page checks who asks: else a site whose name is made to lead here could read it. Default: all.
   */
  readonly hosts?: ReadonlyArray<string> | undefined
}

/**
 * A cache with string keys, and how a key of it is loaded: the page may then refresh it.
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
 * It reads what is under the `Redis` of its context, and what processes publish whose layers have `publish`. It samples
 * their figures while the page is open, and for a quarter of an hour after.
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
