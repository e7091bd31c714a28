/** Platform's `KeyValueStore` over a cache of texts and bytes. */
import { SystemError } from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cache from "../../Cache.js"
import type { CodecError, RedisError } from "../../CacheError.js"
import { Redis } from "../../Redis.js"
import { make as makeCodec } from "../codec/make.js"
import { structural } from "../codec/structural/structural.js"
import type { NearOptions } from "../definition/policy.js"

/** The options of `layer`: those of `Cache.make` that apply to a store. */
export interface Options {
  /** Not empty, and without `:`. */
  readonly name: string
  /** How long a value lives. Default: it never expires. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** In bytes. Larger values are refused. Default: 16 MiB. */
  readonly maxValueSize?: number | undefined
  /** Copies in this process, which Redis itself keeps coherent. */
  readonly near?: NearOptions | undefined
  /** 0–65535; values of another version are absent. */
  readonly version?: number | undefined
}

/** Structural, so that text stays text, bytes stay bytes, and other values under this name are absent. */
const inner = structural<unknown>()

const codec = makeCodec<string | Uint8Array>({
  identity: "text or bytes",
  encode: inner.encode,
  decode: (payload, context) =>
    Either.flatMap(inner.decode(payload, context), (value) =>
      typeof value === "string" || value instanceof Uint8Array
        ? Either.right(value)
        : Either.left({ path: "$", detail: "neither a string nor bytes" }))
})

/** A Buffer, or another subclass, is stored as the bytes that it is. */
const plain = (value: string | Uint8Array): string | Uint8Array =>
  typeof value === "string" ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)

/** Bytes that are read as text are Base64, as in platform's own stores. */
const toText = (value: string | Uint8Array): string => typeof value === "string" ? value : Encoding.encodeBase64(value)

/** A copy: with `near` the cache hands out the same value again. */
const toBytes = (value: string | Uint8Array): Uint8Array =>
  typeof value === "string" ? new TextEncoder().encode(value) : Uint8Array.from(value)

const toPlatform = (method: string, key?: string) => (error: RedisError | CodecError): SystemError =>
  new SystemError({
    reason: error._tag === "RedisError" ? error.reason === "Timeout" ? "TimedOut" : "Unknown" : "InvalidData",
    module: "KeyValueStore",
    method,
    ...(key === undefined ? {} : { pathOrDescriptor: key }),
    description: error.message,
    cause: error
  })

const make = (options: Options, redis: Redis["Type"]): KeyValueStore.KeyValueStore => {
  const { maxValueSize, name, near, timeToLive, version } = options
  const cache = Cache.make({ name, codec, maxValueSize, near, timeToLive, version })
  const withRedis = <A, E extends RedisError | CodecError>(
    method: string,
    effect: Effect.Effect<A, E, Redis>,
    key?: string
  ): Effect.Effect<A, SystemError> =>
    Effect.mapError(Effect.provideService(effect, Redis, redis), toPlatform(method, key))
  // In one atomic step: platform's own reads, then writes.
  const modify = <A extends string | Uint8Array>(
    method: string,
    key: string,
    read: (value: string | Uint8Array) => A,
    f: (value: A) => A
  ): Effect.Effect<Option.Option<A>, SystemError> =>
    withRedis(
      method,
      Effect.suspend(() => {
        let made: Option.Option<A> = Option.none()
        return Effect.map(
          Cache.modify(cache, key, (found) => {
            made = Option.map(found, (value) => f(read(value)))
            return Option.map(made, plain)
          }),
          () => made
        )
      }),
      key
    )
  return KeyValueStore.make({
    get: (key) => withRedis("get", Effect.map(Cache.get(cache, key), Option.map(toText)), key),
    getUint8Array: (key) => withRedis("getUint8Array", Effect.map(Cache.get(cache, key), Option.map(toBytes)), key),
    set: (key, value) => withRedis("set", Effect.suspend(() => Cache.set(cache, key, plain(value))), key),
    has: (key) => withRedis("has", Cache.has(cache, key), key),
    modify: (key, f) => modify("modify", key, toText, f),
    modifyUint8Array: (key, f) => modify("modifyUint8Array", key, toBytes, f),
    remove: (key) => withRedis("remove", Effect.asVoid(Cache.delete(cache, key)), key),
    clear: withRedis("clear", Effect.asVoid(Cache.flush(cache))),
    // A key that moves meanwhile may come twice.
    size: withRedis("size", Effect.map(Stream.runCollect(Cache.keys(cache)), (keys) => new Set(keys).size))
  })
}

export const layer = (options: Options): Layer.Layer<KeyValueStore.KeyValueStore, never, Redis> =>
  Layer.effect(KeyValueStore.KeyValueStore, Effect.map(Redis, (redis) => make(options, redis)))
