/** Platform's `KeyValueStore` over a cache of bytes. */
import { SystemError } from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cache from "../../Cache.js"
import type { CodecError, RedisError } from "../../CacheError.js"
import { Redis } from "../../Redis.js"
import { make as makeCodec } from "../codec/make.js"

const bytes = makeCodec<Uint8Array>({
  identity: "bytes",
  encode: Either.right,
  // A copy: what a driver hands out is its own.
  decode: (payload) => Either.right(Uint8Array.from(payload))
})

const toPlatform = (method: string, key?: string) => (error: RedisError | CodecError): SystemError =>
  new SystemError({
    reason: error._tag === "RedisError" ? error.reason === "Timeout" ? "TimedOut" : "Unknown" : "InvalidData",
    module: "KeyValueStore",
    method,
    ...(key === undefined ? {} : { pathOrDescriptor: key }),
    description: error.message,
    cause: error
  })

export const layer = (options: {
  readonly name: string
  readonly timeToLive?: Duration.DurationInput | undefined
}): Layer.Layer<KeyValueStore.KeyValueStore, never, Redis> =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(Redis, (redis) => {
      const cache = Cache.make({ name: options.name, codec: bytes, timeToLive: options.timeToLive })
      const withRedis = <A, E extends RedisError | CodecError>(
        method: string,
        effect: Effect.Effect<A, E, Redis>,
        key?: string
      ): Effect.Effect<A, SystemError> =>
        Effect.mapError(Effect.provideService(effect, Redis, redis), toPlatform(method, key))
      const getBytes = (key: string) => withRedis("get", Cache.get(cache, key), key)
      const count = Stream.runCount(Cache.keys(cache))
      return KeyValueStore.make({
        get: (key) => Effect.map(getBytes(key), Option.map((value) => new TextDecoder().decode(value))),
        getUint8Array: getBytes,
        set: (key, value) =>
          withRedis(
            "set",
            Cache.set(cache, key, typeof value === "string" ? new TextEncoder().encode(value) : value),
            key
          ),
        remove: (key) => Effect.asVoid(withRedis("remove", Cache.delete(cache, key), key)),
        clear: Effect.asVoid(withRedis("clear", Cache.flush(cache))),
        size: withRedis("size", count)
      })
    })
  )
