/** JSON of a schema's encoded form, refusing everything that JSON would change. */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { Codec, CodecIssue } from "../codec.js"
import { makeInPlace } from "../make.js"
import { Refusal } from "../refusal.js"
import { fromParseIssue } from "../schemaIssue.js"
import { toBytes, toText } from "../utf8.js"
import { fastGuard } from "./fastGuard.js"
import { hasOwnProto, losesProto } from "./protoFields.js"
import { check, write } from "./text.js"

const nothing = new Uint8Array(0)

const protoDetail = "the schema cannot represent a field named __proto__"

const thrown = (during: string, cause: unknown): CodecIssue =>
  cause instanceof Refusal ? cause.toIssue() : { path: "$", detail: `${during} it threw an error`, cause }

export const json = <A, I>(schema: Schema.Schema<A, I>): Codec<A> => {
  // Both look their parser up once, here.
  const toEncoded = ParseResult.encodeEither(schema)
  const fromEncoded = ParseResult.decodeUnknownEither(schema)
  const guarded = losesProto(schema.ast)
  const isAsEncoded = fastGuard(schema.ast)

  const encodeChecked = (value: A): Either.Either<Uint8Array, CodecIssue> => {
    if (isAsEncoded?.(value) === true) return Either.right(toBytes(JSON.stringify(value)))
    if (guarded && hasOwnProto(value)) return Either.left({ path: "$", detail: protoDetail })
    const encoded = toEncoded(value)
    if (Either.isLeft(encoded)) return Either.left(fromParseIssue(encoded.left))
    // JSON has no form for it, and an empty text is not valid JSON.
    if (encoded.right === undefined) return Either.right(nothing)
    return Either.right(toBytes(check(encoded.right) ? write(encoded.right) : JSON.stringify(encoded.right)))
  }

  const decodeText = (text: string): Either.Either<A, CodecIssue> => {
    const parsed: unknown = text === "" ? undefined : JSON.parse(text)
    // The name may also be spelt with escapes.
    if (guarded && (text.includes("__proto__") || text.includes("\\u")) && hasOwnProto(parsed)) {
      return Either.left({ path: "$", detail: protoDetail })
    }
    if (isAsEncoded?.(parsed) === true) return Either.right(parsed as A) // what the test has just found
    const decoded = fromEncoded(parsed)
    if (Either.isLeft(decoded)) return Either.left(fromParseIssue(decoded.left))
    return decoded as Either.Right<never, A> // it is not a Left, and copying it would cost as much as reading it
  }

  return makeInPlace<A>({
    identity: schema,
    encode: (value) => {
      try {
        return encodeChecked(value)
      } catch (error) {
        return Either.left(thrown("encoding", error))
      }
    },
    decodeFrom: (bytes, offset) => {
      const text = toText(bytes, offset)
      if (text === undefined) return Either.left({ path: "$", detail: "not UTF-8" })
      try {
        return decodeText(text)
      } catch (error) {
        // V8 quotes the text in its message, and what is stored is not for logs.
        return error instanceof SyntaxError
          ? Either.left({ path: "$", detail: "not JSON" })
          : Either.left(thrown("decoding", error))
      }
    }
  })
}
