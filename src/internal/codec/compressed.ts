/**
 * A payload, compressed if that makes it shorter.
 *
 * One byte says how the rest is written: 0 as it is, 1 as a zlib stream (RFC 1950), whose checksum reveals damage.
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import { constants } from "node:buffer"
import { deflateSync, inflateSync } from "node:zlib"
import type { Codec, CodecIssue } from "./codec.js"
import { isCodec, make } from "./make.js"

const raw = 0

const zlib = 1

const defaultThreshold = 1_024

export interface Options {
  readonly threshold?: number | undefined
}

const issue = (detail: string): Either.Either<never, CodecIssue> => Either.left({ path: "$", detail })

const join = (form: number, bytes: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(1 + bytes.length)
  joined[0] = form
  joined.set(bytes, 1)
  return joined
}

const pack = (
  payload: Uint8Array,
  threshold: number,
  maxSize: number
): Either.Either<Uint8Array, CodecIssue> => {
  // However short it gets, it could not be read back.
  if (payload.length > maxSize) {
    return issue(`it takes ${payload.length} bytes before compression, and maxValueSize is ${maxSize}`)
  }
  if (payload.length < threshold) return Either.right(join(raw, payload))
  const deflated = deflateSync(payload)
  return Either.right(deflated.length < payload.length ? join(zlib, deflated) : join(raw, payload))
}

/** What `info: true` makes of the result, which the types of Node leave out. */
interface Inflated {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

const inflate = (stream: Uint8Array, maxSize: number): Either.Either<Uint8Array, CodecIssue> => {
  try {
    // Node refuses a bound of less than 1 and more than it can hold; the check below keeps a bound of 0.
    const maxOutputLength = Math.max(1, Math.min(maxSize, constants.MAX_LENGTH))
    const inflated: unknown = inflateSync(stream, { maxOutputLength, info: true })
    const { buffer, engine } = inflated as Inflated // with `info` it is
    if (engine.bytesWritten !== stream.length) return issue("bytes after the compressed payload")
    return buffer.length > maxSize ? issue("larger than maxValueSize once decompressed") : Either.right(buffer)
  } catch (error) {
    return error instanceof RangeError
      ? issue("larger than maxValueSize once decompressed")
      : issue("the compressed payload is damaged")
  }
}

const unpack = (payload: Uint8Array, maxSize: number): Either.Either<Uint8Array, CodecIssue> => {
  switch (payload[0]) {
    case raw:
      return Either.right(payload.subarray(1))
    case zlib:
      return inflate(payload.subarray(1), maxSize)
    default:
      return issue("not written by Codec.compressed, or by a newer version of it")
  }
}

export const compressed: {
  (options?: Options): <Value>(self: Codec<Value>) => Codec<Value>
  <Value>(self: Codec<Value>, options?: Options): Codec<Value>
} = dual(
  (args) => isCodec(args[0]),
  <Value>(self: Codec<Value>, options: Options = {}): Codec<Value> => {
    const threshold = options.threshold ?? defaultThreshold
    // NaN would compress nothing, without a sign.
    if (!(threshold >= 0)) throw new TypeError("Codec.compressed: threshold must be a number of bytes, 0 or more")
    return make<Value>({
      identity: Data.tuple("compressed", threshold, self.identity),
      encode: (value, context) =>
        Either.flatMap(self.encode(value, context), (payload) => pack(payload, threshold, context.maxSize)),
      decode: (payload, context) =>
        Either.flatMap(unpack(payload, context.maxSize), (inner) => self.decode(inner, context))
    })
  }
)
