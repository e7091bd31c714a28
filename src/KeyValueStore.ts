/**
 * `@effect/platform`'s `KeyValueStore` over a `Redis`.
 *
 * It is an entry point of its own, which the index does not export, because it needs `@effect/platform`.
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
 * Platform's `KeyValueStore` over a `Redis`. Its entries are those of a cache named `name`: they are stored under
 * `<prefix><name>:<key>`, and `Codec.structural` writes their text and bytes.
 *
 * If bytes were stored, `get` returns them as Base64, as platform's own stores do. If text was stored, `getUint8Array`
 * returns it as UTF-8. `modify` and `modifyUint8Array` are atomic here: `f` runs again if another writer came between.
 * `clear` and `size` go through all keys of the store, in pages. Errors are platform's `SystemError`, whose `cause` is
 * the `RedisError` or `CodecError`.
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
