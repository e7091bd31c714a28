/**
 * Recognizes the form of a payload from its bytes: an entry does not say which codec wrote it, but each codec of this
 * library leaves signs that no other does.
 *
 * JSON text of more than a byte is never one MessagePack value: its first byte would be a complete number, and the rest
 * would be too much. Nor is it ever the beginning of a compressed or encrypted payload. Only payloads of a single byte
 * can be confused: a digit is one number as JSON and another as MessagePack.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Codec, CodecContext } from "../codec/codec.js"
import { compressed } from "../codec/compressed.js"
import { make } from "../codec/make.js"
import { structural } from "../codec/structural/structural.js"
import { toText } from "../codec/utf8.js"

/**
 * How a value was written, from the outside in: `["compressed", "json"]`. `encrypted` ends the list, since the rest
 * cannot be read without the key. `json or structural` is a single digit, which is a different number in each. `bytes`
 * is none of the codecs of this library.
 */
export type CodecName = "json" | "structural" | "json or structural" | "compressed" | "encrypted" | "counter" | "bytes"

/** A value, as far as its bytes show it. */
export interface Told {
  readonly codecs: ReadonlyArray<CodecName>
  /** For JSON, the encoded form, which the cache's schema decodes. None if reading it takes the cache's definition. */
  readonly value: Option.Option<unknown>
}

/** The most bytes that are decompressed for an inspection. */
const maxSize = 64 * 1024 * 1024

const value = (codec: CodecName, found: unknown): Told => ({ codecs: [codec], value: Option.some(found) })

const untold = (codec: CodecName): Told => ({ codecs: [codec], value: Option.none() })

/** Passes the inner payload on. */
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
