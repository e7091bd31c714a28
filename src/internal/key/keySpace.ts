/** How a cache's keys become the part of the Redis key after `<prefix><name>:`. */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { CodecIssue } from "../codec/codec.js"
import { fromParseIssue } from "../codec/schemaIssue.js"
import * as Key from "./encode.js"

export interface KeySpace<in Key> {
  readonly encode: (key: Key) => Either.Either<string, CodecIssue>
  /** The text that `Cache.keys` gives for a stored key. */
  readonly text: (stored: string) => string
}

/** Plain strings, stored as they are. */
export const stringKeys: KeySpace<string> = {
  encode: (key) =>
    typeof key === "string"
      ? Key.encodeString(key)
      : Either.left({ path: "$", detail: `keys of this cache are strings, got ${typeof key}` }),
  text: Key.decodeString
}

/** Any structural key, in its canonical form. */
const structuralKeys: KeySpace<unknown> = { encode: Key.encode, text: (stored) => stored }

const encodesToString = (ast: SchemaAST.AST): boolean => {
  switch (ast._tag) {
    case "StringKeyword":
    case "TemplateLiteral":
      return true
    case "Literal":
      return typeof ast.literal === "string"
    case "Enums":
      return ast.enums.every(([, value]) => typeof value === "string")
    case "Refinement":
      return encodesToString(ast.from)
    case "Union":
      return ast.types.every(encodesToString)
    default:
      return false
  }
}

/**
 * Keys of a schema. Those that all encode to strings are stored as these; others in canonical form, in which a string
 * has quotes, so that `1` and `"1"` of a union stay apart.
 */
export const typedKeys = <Key>(schema: Schema.Schema<Key, any>): KeySpace<Key> => {
  const encode = ParseResult.encodeEither(schema)
  const inner = encodesToString(SchemaAST.encodedAST(schema.ast)) ? stringKeys : structuralKeys
  return {
    encode: (key) => {
      let encoded: ReturnType<typeof encode>
      try {
        encoded = encode(key)
      } catch (cause) {
        return Either.left({ path: "$", detail: "the key's schema threw an error", cause })
      }
      return Either.isLeft(encoded) ? Either.left(fromParseIssue(encoded.left)) : inner.encode(encoded.right)
    },
    text: inner.text
  }
}
