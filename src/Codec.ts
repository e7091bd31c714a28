/**
 * Codecs turn values into bytes and back.
 *
 * `json` writes a schema's encoded form, `structural` writes any plain value without a schema, and `counter` writes an
 * integer. `compressed` and `encrypted` wrap any of them, and `make` is for codecs of your own.
 *
 * If a codec cannot hold a value, the operation fails with a `CodecError` that has the path to the offending part, and
 * nothing is stored. An entry whose bytes do not decode counts as absent; it is never a failure.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { type Codec, type CodecContext, type CodecIssue, TypeId as TypeId_ } from "./internal/codec/codec.js"
import * as compressed_ from "./internal/codec/compressed.js"
import { counter as counter_ } from "./internal/codec/counter.js"
import * as encrypted_ from "./internal/codec/encrypted.js"
import { json as json_ } from "./internal/codec/json/json.js"
import { isCodec as isCodec_, make as make_ } from "./internal/codec/make.js"
import { structural as structural_ } from "./internal/codec/structural/structural.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: typeof TypeId_ = TypeId_

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

export type {
  /**
   * Turns values into payloads and back. Neither direction throws.
   *
   * @since 0.1.0
   * @category models
   */
  Codec,
  /**
   * The Redis key that an entry's payload is bound to, and the largest size that it may have, in bytes.
   *
   * @since 0.1.0
   * @category models
   */
  CodecContext,
  /**
   * Why a value cannot be written, or bytes cannot be read, and where (`$.tags[3].name`).
   *
   * @since 0.1.0
   * @category models
   */
  CodecIssue
}

/**
 * Whether a value is a codec.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCodec: (u: unknown) => u is Codec<unknown> = isCodec_

/**
 * Makes a codec of your own. Both functions may throw: if `encode` throws, the entry is not stored; if `decode` throws,
 * it is absent.
 *
 * Codecs whose `identity` is equal (by `Equal.equals`) must write the same bytes for the same value, and must be able
 * to read each other's bytes. Without an `identity`, a codec equals no other.
 *
 * @example
 * ```ts
 * import { Cache, Codec } from "effect-redis-cache"
 *
 * const text = Codec.make<string>({
 *   identity: "utf-8",
 *   encode: (value) => new TextEncoder().encode(value),
 *   decode: (payload) => new TextDecoder("utf-8", { fatal: true }).decode(payload)
 * })
 *
 * export const pages = Cache.make({ name: "pages", codec: text })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Value>(options: {
  readonly identity?: unknown
  readonly encode: (value: Value, context: CodecContext) => Uint8Array
  readonly decode: (payload: Uint8Array, context: CodecContext) => Value
}): Codec<Value> => {
  const thrown = (detail: string) => (cause: unknown): CodecIssue => ({ path: "$", detail, cause })
  return make_<Value>({
    identity: options.identity ?? options,
    encode: (value, context) =>
      Either.try({ try: () => options.encode(value, context), catch: thrown("the codec could not write it") }),
    decode: (payload, context) =>
      Either.try({ try: () => options.decode(payload, context), catch: thrown("the codec could not read it") })
  })
}

/**
 * JSON of a schema's encoded form. `Cache.make({ schema })` is short for it.
 *
 * Nothing is changed silently: if the encoded form contains something that JSON cannot represent (`NaN`, `bigint`, a
 * `Date`, `undefined` in an array), it is refused. Then use a schema that encodes it, or `structural`. The schema must
 * be synchronous. A field that is `undefined` is left out, as `JSON.stringify` does.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Cache, Codec } from "effect-redis-cache"
 *
 * class User extends Schema.Class<User>("User")({
 *   id: Schema.Number,
 *   joined: Schema.Date
 * }) {}
 *
 * export const users = Cache.make({ name: "users", codec: Codec.json(User) })
 * ```
 *
 * @since 0.1.0
 * @category codecs
 */
export const json: <A, I>(schema: Schema.Schema<A, I>) => Codec<A> = json_

/**
 * Any plain value, without a schema, in MessagePack: smaller than JSON, and it keeps what JSON loses.
 *
 * It keeps primitives (with `-0`, `NaN`, `bigint`, `undefined`), arrays with their holes, plain objects (also without
 * a prototype, also with a field named `__proto__`), `Date`, `Map`, `Set`, `RegExp`, `URL`, typed arrays, `Buffer`,
 * `ArrayBuffer`, the language's own errors (without their stack), and from Effect `Option`, `Either`, `Chunk`,
 * `Duration`, `HashMap`, `HashSet`, `Cause`, `Exit`, `FiberId` and what `Data.struct`, `Data.tuple` and their like
 * make. The value that is read equals the one that was written, by `util.isDeepStrictEqual`, or by `Equal.equals` for
 * Effect's types.
 *
 * It refuses everything else: functions, symbols, instances of classes, accessors, cycles, and values more than 1,000
 * levels deep. An object that occurs twice is read as two objects. Reading runs no code and touches no prototype. It
 * does not check the type `A`, so change the cache's `version` when the type changes.
 *
 * @example
 * ```ts
 * import { Cache, Codec } from "effect-redis-cache"
 *
 * interface Note {
 *   readonly text: string
 *   readonly seen: Map<string, Date>
 * }
 *
 * export const notes = Cache.make({ name: "notes", codec: Codec.structural<Note>() })
 * ```
 *
 * @since 0.1.0
 * @category codecs
 */
export const structural: <A = unknown>() => Codec<A> = structural_

/**
 * A safe integer as plain decimal text, which is what Redis's `INCRBY` reads and writes.
 *
 * @since 0.1.0
 * @category codecs
 */
export const counter: Codec<number> = counter_

/**
 * Compresses payloads of at least `threshold` bytes (default 1,024) with zlib, if that makes them shorter. Otherwise it
 * costs one byte. An entry whose payload would decompress to more than the cache's `maxValueSize` is absent.
 *
 * Compress first, then encrypt: encrypted bytes do not compress.
 *
 * @example
 * ```ts
 * import { Cache, Codec } from "effect-redis-cache"
 *
 * const codec = Codec.structural<ReadonlyArray<string>>().pipe(Codec.compressed({ threshold: 4_096 }))
 *
 * export const reports = Cache.make({ name: "reports", codec })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const compressed: {
  (options?: {
    readonly threshold?: number | undefined
  }): <Value>(self: Codec<Value>) => Codec<Value>
  <Value>(self: Codec<Value>, options?: {
    readonly threshold?: number | undefined
  }): Codec<Value>
} = compressed_.compressed

/**
 * A key of 32 bytes, and its id. The id is stored with every payload, so that it can be read after a rotation; it is
 * not secret.
 *
 * @since 0.1.0
 * @category models
 */
export interface EncryptionKey {
  readonly id: string
  readonly key: Redacted.Redacted<Uint8Array> | Uint8Array
}

/**
 * Encrypts payloads with AES-256-GCM under `current`, and reads those written under `current` or `previous`. To rotate
 * a key, move it to `previous`; drop it once its entries have expired.
 *
 * The payload is bound to the entry's Redis key: an entry that was copied to another key is absent. So is one that was
 * tampered with, or written under an unknown key. Redis keys themselves are not encrypted, and the length of the value
 * is not hidden.
 *
 * Throws a `TypeError` if a key is not 32 bytes long, or two keys have the same id.
 *
 * @example
 * ```ts
 * import { Redacted, Schema } from "effect"
 * import { Codec } from "effect-redis-cache"
 *
 * export const secrets = (current: Redacted.Redacted<Uint8Array>, old: Redacted.Redacted<Uint8Array>) =>
 *   Codec.json(Schema.Struct({ token: Schema.String })).pipe(
 *     Codec.encrypted({
 *       current: { id: "2025-06", key: current },
 *       previous: [{ id: "2025-01", key: old }]
 *     })
 *   )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const encrypted: {
  (keys: {
    readonly current: EncryptionKey
    readonly previous?: ReadonlyArray<EncryptionKey> | undefined
  }): <Value>(self: Codec<Value>) => Codec<Value>
  <Value>(self: Codec<Value>, keys: {
    readonly current: EncryptionKey
    readonly previous?: ReadonlyArray<EncryptionKey> | undefined
  }): Codec<Value>
} = encrypted_.encrypted
