/** The interface of codecs. The codecs themselves are in other files of this folder. */
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

/** The context of an entry's payload. */
export interface CodecContext {
  /** The Redis key. */
  readonly key: string
  /** The most bytes that a decoded payload may have. */
  readonly maxSize: number
}

/** Turns values into payloads and back. Neither direction throws. */
export interface Codec<in out Value> extends Pipeable {
  readonly [TypeId]: { readonly _Value: Types.Invariant<Value> }
  /** Two codecs with equal identities write the same bytes for the same value, and read each other's. */
  readonly identity: unknown
  readonly encode: (value: Value, context: CodecContext) => Either.Either<Uint8Array, CodecIssue>
  readonly decode: (payload: Uint8Array, context: CodecContext) => Either.Either<Value, CodecIssue>
}

/** A codec that needs no context, and reads payloads in place, since a view for each value that is read costs time. */
export interface InPlace<in out Value> extends Codec<Value> {
  readonly decodeFrom: (bytes: Uint8Array, offset: number) => Either.Either<Value, CodecIssue>
}
