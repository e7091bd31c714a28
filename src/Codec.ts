/**
 * How values become bytes and come back.
 *
 * `json` writes the encoded form that a schema gives, `structural` any plain value without a schema, `counter` an
 * integer; `compressed` and `encrypted` wrap any of them, and `make` is for codecs of your own.
 *
 * A value that a codec cannot hold is a `CodecError` with the path to what it stumbled over, and nothing is stored.
 * Bytes that do not decode are absent, never a failure.
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
   * How a value becomes a payload and comes back. Neither direction throws.
   *
   * @since 0.1.0
   * @category models
   */
  Codec,
  /**
   * What an entry's payload is bound to: its Redis key, and the most bytes that it may come to.
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
 * Whether it is a codec.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCodec: (u: unknown) => u is Codec<unknown> = isCodec_

/**
 * A codec of your own. Both functions may throw: the entry is then not stored, or absent.
 *
 * Codecs with one `identity` (by `Equal.equals`) must write the same bytes for the same value and read each other's;
 * without it, a codec is like no other.
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
 * JSON of the encoded form that a schema gives. `Cache.make({ schema })` is short for it.
 *
 * Nothing is changed silently: where the encoded form has what JSON has no form for (`NaN`, `bigint`, a `Date`,
 * `undefined` in an array), it is refused; give a schema that encodes it, or use `structural`. The schema must be
 * synchronous. A field that is `undefined` is left out, as JSON does.
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
 * `ArrayBuffer`, the language's own errors (without their stack), and of Effect `Option`, `Either`, `Chunk`,
 * `Duration`, `HashMap`, `HashSet`, `Cause`, `Exit`, `FiberId` and what `Data.struct`, `Data.tuple` and their like
 * make. What comes back is equal, by `util.isDeepStrictEqual`, or by `Equal.equals` for what is Effect's.
 *
 * It refuses all else: functions, symbols, instances of classes, accessors, cycles, what is more than 1,000 levels
 * deep. A part that is met twice comes back as two. Reading runs no code and touches no prototype; it does not check
 * the type `A`, so change the cache's `version` when the type changes.
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
 * A safe integer as plain decimal text: what Redis's `INCRBY` reads and writes.
 *
 * @since 0.1.0
 * @category codecs
 */
export const counter: Codec<number> = counter_

/**
 * Compresses payloads of at least `threshold` bytes (default 1,024) with zlib, where that makes them shorter.
 * Otherwise it costs one byte. A payload that would decompress to more than the cache's `maxValueSize` is absent.
 *
 * Compress first, then encrypt: what is encrypted does not compress.
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
 * A key of 32 bytes, and the id under which payloads name it. The id is stored with every payload; it is no secret.
 *
 * @since 0.1.0
 * @category models
 */
export interface EncryptionKey {
  readonly id: string
  readonly key: Redacted.Redacted<Uint8Array> | Uint8Array
}

/**
 * Encrypts payloads with AES-256-GCM under `current`, and reads what was written under `current` or `previous`. So a
 * key is rotated by making it `previous`, and dropped once its entries have expired.
 *
 * The entry's Redis key is bound to the payload: copied to another key it is absent, as is what was tampered with, or
 * written under a key that is not known. Redis keys themselves are not encrypted, nor is the length of the value.
 *
 * Throws a `TypeError` when a key has not 32 bytes, or two have one id.
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
