/**
 * `@effect/platform`'s `KeyValueStore` over a `Redis`. An entry point of its own, which the index does not reach: it is
 * all here that needs `@effect/platform`.
 *
 * @since 0.1.0
 */
import type * as Platform from "@effect/platform/KeyValueStore"
import type * as Layer from "effect/Layer"
import * as internal from "./internal/platform/keyValueStore.js"
import type { Redis } from "./Redis.js"

export {
  /**
   * @since 0.1.0
   * @category models
   */
  type Options
} from "./internal/platform/keyValueStore.js"

/**
 * Platform's `KeyValueStore` over a `Redis`. Its entries are those of a cache of this name, `<prefix><name>:<key>`, with
 * text and bytes as `Codec.structural` writes them.
 *
 * `get` answers with Base64 where bytes were stored, as platform's own stores do, and `getUint8Array` with UTF-8 where
 * text was. `modify` and `modifyUint8Array` are atomic here: `f` runs again where another writer came between. `clear`
 * and `size` look at all keys of the store, in pages. Errors are platform's `SystemError`: their `cause` is the
 * `RedisError` or `CodecError`.
 *
 * @example
 * ```ts
 * import { KeyValueStore } from "@effect/platform"
 * import { Effect, Layer, Option, Schema } from "effect"
 * import { RedisLayer } from "effect-redis-cache"
 * import { layer } from "effect-redis-cache/KeyValueStore"
 *
 * class Session extends Schema.Class<Session>("Session")({ user: Schema.String, since: Schema.Date }) {}
 *
 * const program = Effect.gen(function*() {
 *   const sessions = (yield* KeyValueStore.KeyValueStore).forSchema(Session)
 *   yield* sessions.set("abc", new Session({ user: "ada", since: new Date(0) }))
 *   return yield* sessions.get("abc")
 * })
 *
 * const StoreLive = layer({ name: "sessions", timeToLive: "1 day" }).pipe(Layer.provide(RedisLayer.layerMemory))
 *
 * Effect.runPromise(program.pipe(Effect.provide(StoreLive))).then((session) => {
 *   console.log(Option.getOrThrow(session).user) // ada
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: internal.Options): Layer.Layer<Platform.KeyValueStore, never, Redis> =>
  internal.layer(options)
