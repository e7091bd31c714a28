/**
 * What a payload is, as its bytes tell: no entry says which codec wrote it, but each of those that come with this library
 * leaves signs that no other does.
 *
 * JSON text is never a MessagePack value of more than a byte, whose first byte would be a number and the rest too much;
 * nor are the first two bytes of what is compressed or encrypted. What is left to be taken for one another are payloads
 * of a single byte: a digit is a number as JSON and another one as MessagePack.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Codec, CodecContext } from "../codec/codec.js"
import { compressed } from "../codec/compressed.js"
import { make } from "../codec/make.js"
import { structural } from "../codec/structural/structural.js"
import { toText } from "../codec/utf8.js"

/**
 * How a value was written, from the outside in: `["compressed", "json"]`. What is encrypted ends the list, since nothing
 * tells more without the key. `json or structural`: a single digit, which is one number or another. `bytes`: none of the
 * codecs of this library.
 */
export type CodecName = "json" | "structural" | "json or structural" | "compressed" | "encrypted" | "counter" | "bytes"

/** A value as far as its bytes tell. */
export interface Told {
  readonly codecs: ReadonlyArray<CodecName>
  /** Of JSON the encoded form, which the cache's schema decodes. None: it cannot be told without the cache's definition. */
  readonly value: Option.Option<unknown>
}

/** The most bytes that are decompressed for somebody who looks. */
const maxSize = 64 * 1024 * 1024

const value = (codec: CodecName, found: unknown): Told => ({ codecs: [codec], value: Option.some(found) })

const untold = (codec: CodecName): Told => ({ codecs: [codec], value: Option.none() })

/** Hands on what is inside. */
const inside: Codec<Uint8Array> = make<Uint8Array>({
  identity: "bytes",
  encode: Either.right,
  decode: Either.right
})

const inflated = compressed(inside)

const plain = structural()

const context = (key: string): CodecContext => ({ key, maxSize })

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

const json = (payload: Uint8Array): Option.Option<unknown> => {
  const text = toText(payload)
  if (text === undefined) return Option.none()
  try {
    return Option.some(JSON.parse(text))
  } catch {
    return Option.none()
  }
}

/** Version 1, and the id of a key: `codec/encrypted.ts`. */
const isEncrypted = (payload: Uint8Array): boolean => {
  const idLength = payload[1] ?? 0
  return payload[0] === 1 && idLength > 0 && payload.length >= 2 + idLength + 12 + 16 &&
    toText(payload.subarray(2, 2 + idLength)) !== undefined
}

/** A form, and in the form 1 the first byte of a zlib stream of this library. */
const isCompressed = (payload: Uint8Array): boolean =>
  payload.length > 1 && (payload[0] === 0 || payload[0] === 1 && payload[1] === 0x78)

export const tell = (payload: Uint8Array, redisKey: string): Told => {
  // JSON has no form for `undefined`.
  if (payload.length === 0) return value("json", undefined)
  if (payload.length === 1 && isDigit(payload[0]!)) return untold("json or structural")
  const parsed = json(payload)
  if (Option.isSome(parsed)) return value("json", parsed.value)
  const unpacked = plain.decode(payload, context(redisKey))
  if (Either.isRight(unpacked)) return value("structural", unpacked.right)
  if (isCompressed(payload)) {
    const inner = inflated.decode(payload, context(redisKey))
    if (Either.isRight(inner)) {
      const told = tell(inner.right, redisKey)
      return { codecs: ["compressed", ...told.codecs], value: told.value }
    }
  }
  return untold(isEncrypted(payload) ? "encrypted" : "bytes")
}
