/**
 * `@effect/platform`'s `KeyValueStore` over a `Redis`. An entry point of its own, which the index does not reach: it is
 * all here that needs `@effect/platform`.
 *
 * @since 0.1.0
 */
import type * as Platform from "@effect/platform/KeyValueStore"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type { NearOptions } from "./internal/definition/policy.js"
import * as internal from "./internal/platform/keyValueStore.js"
import type { Redis } from "./Redis.js"

/**
 * The options of `layer`: those of `Cache.make` that a store has a use for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Not empty, and without `:`. */
  readonly name: string
  /** How long a value lives. Default: for ever. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** In bytes. Larger values are refused. Default: 16 MiB. */
  readonly maxValueSize?: number | undefined
  /** Copies in this process, which Redis itself keeps coherent. */
  readonly near?: NearOptions | undefined
  /** 0–65535; values of another version are absent. */
  readonly version?: number | undefined
}

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
export const layer = (options: Options): Layer.Layer<Platform.KeyValueStore, never, Redis> => internal.layer(options)
