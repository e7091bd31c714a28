/** Makes codecs: the part that all of them have in common. */
import type * as Either from "effect/Either"
import { NodeInspectSymbol } from "effect/Inspectable"
import { pipeArguments } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import { type Codec, type CodecContext, type CodecIssue, type InPlace, TypeId } from "./codec.js"
import { schemaName } from "./schemaName.js"

/** What a codec is composed of, in words, without any encryption keys. */
const nameOf = (identity: unknown): string => {
  if (typeof identity === "string") return identity
  if (Schema.isSchema(identity)) return `json(${schemaName(identity)})`
  if (!Array.isArray(identity)) return "custom"
  return identity[0] === "compressed"
    ? `compressed(${nameOf(identity[2])})`
    : identity[0] === "encrypted"
    ? `encrypted(${nameOf(identity[1])})`
    : "custom"
}

const Proto = {
  [TypeId]: { _Value: (value: never) => value },
  pipe() {
    return pipeArguments(this, arguments)
  },
  toJSON(this: Codec<unknown>) {
    return { _id: "Codec", name: nameOf(this.identity) }
  },
  [NodeInspectSymbol](this: Codec<unknown> & { readonly toJSON: () => unknown }) {
    return this.toJSON()
  }
}

export const make = <Value>(codec: {
  readonly identity: unknown
  readonly encode: (value: Value, context: CodecContext) => Either.Either<Uint8Array, CodecIssue>
  readonly decode: (payload: Uint8Array, context: CodecContext) => Either.Either<Value, CodecIssue>
}): Codec<Value> => Object.assign(Object.create(Proto), codec)

/** A codec that reads payloads in place. */
export const makeInPlace = <Value>({ decodeFrom, ...codec }: {
  readonly identity: unknown
  readonly encode: (value: Value, context: CodecContext) => Either.Either<Uint8Array, CodecIssue>
  readonly decodeFrom: (bytes: Uint8Array, offset: number) => Either.Either<Value, CodecIssue>
}): Codec<Value> =>
  Object.assign(make<Value>({ ...codec, decode: (payload) => decodeFrom(payload, 0) }), { decodeFrom })

export const isInPlace = <Value>(codec: Codec<Value>): codec is InPlace<Value> => "decodeFrom" in codec

// Only this module makes what carries the TypeId.
export const isCodec = (u: unknown): u is Codec<unknown> => hasProperty(u, TypeId)
