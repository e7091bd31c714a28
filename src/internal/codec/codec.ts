/** What a codec is. The codecs themselves are beside this file, one a file. */
import type * as Either from "effect/Either"
import type { Pipeable } from "effect/Pipeable"
import type * as Types from "effect/Types"

export const TypeId: unique symbol = Symbol.for("effect-redis-cache/Codec")

export type TypeId = typeof TypeId

/** Why a value cannot be written, or bytes cannot be read, and where (`$.tags[3].name`). */
export interface CodecIssue {
  readonly path: string
  readonly detail: string
  readonly cause?: unknown
}

/** What an entry's payload is bound to. */
export interface CodecContext {
  /** The Redis key. */
  readonly key: string
  /** The most bytes that a decoded payload may come to. */
  readonly maxSize: number
}

/** How a value becomes a payload and comes back. Neither direction throws. */
export interface Codec<in out Value> extends Pipeable {
  readonly [TypeId]: { readonly _Value: Types.Invariant<Value> }
  /** Two codecs of one identity write the same bytes for the same value and read each other's. */
  readonly identity: unknown
  readonly encode: (value: Value, context: CodecContext) => Either.Either<Uint8Array, CodecIssue>
  readonly decode: (payload: Uint8Array, context: CodecContext) => Either.Either<Value, CodecIssue>
}

/** A codec that needs no context, and reads a payload where it lies: a view of it for each value that is read costs. */
export interface InPlace<in out Value> extends Codec<Value> {
  readonly decodeFrom: (bytes: Uint8Array, offset: number) => Either.Either<Value, CodecIssue>
}
