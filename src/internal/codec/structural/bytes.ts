/** The leaves of the structural codec that are made of bytes. `forms.ts` says what a leaf is. */
import * as Duration from "effect/Duration"
import { Refusal } from "../refusal.js"
import { type ByteKind, byteKinds, leaf, swap } from "./forms.js"

const malformed = (what: string): Refusal => new Refusal(`a malformed ${what}`)

/** The tag, then what `fill` puts after it. */
const tagged = (tag: number, length: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
  const bytes = new Uint8Array(1 + length)
  bytes[0] = tag
  fill(new DataView(bytes.buffer, 1), bytes.subarray(1))
  return bytes
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const fromFloat = (tag: number, value: number): Uint8Array => tagged(tag, 8, (view) => view.setFloat64(0, value))

const toFloat = (bytes: Uint8Array): number => {
  if (bytes.length !== 8) throw malformed("number")
  return viewOf(bytes).getFloat64(0)
}

export const fromDate = (date: Date): Uint8Array => fromFloat(leaf.date, date.getTime())

export const toDate = (bytes: Uint8Array): Date => new Date(toFloat(bytes))

export const fromMillis = (millis: number): Uint8Array => fromFloat(leaf.duration, millis)

/** Without any millisecond it is infinite. */
export const toDuration = (bytes: Uint8Array): Duration.Duration =>
  bytes.length === 0 ? Duration.infinity : Duration.millis(toFloat(bytes))

/** Half of a surrogate pair has no UTF-8, and a byte order mark at the start does not come back from a TextDecoder. */
export const fromText = (text: string): Uint8Array =>
  tagged(leaf.text, text.length * 2, (view) => {
    for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i))
  })

export const toText = (bytes: Uint8Array): string => {
  if (bytes.length % 2 !== 0) throw malformed("text")
  const view = viewOf(bytes)
  const units = Array.from({ length: bytes.length / 2 }, (_, i) => String.fromCharCode(view.getUint16(i * 2)))
  return units.join("")
}

const magnitude = (value: bigint): string => {
  const hex = (value < 0n ? -value : value).toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}

/** A byte for the sign, then the magnitude, most significant byte first. */
const writeBigInt = (value: bigint, hex: string, into: Uint8Array): void => {
  into[0] = value < 0n ? 1 : 0
  for (let i = 0; i < hex.length; i += 2) into[1 + i / 2] = Number.parseInt(hex.slice(i, i + 2), 16)
}

export const fromBigInt = (value: bigint, tag: number = leaf.bigint): Uint8Array => {
  const hex = magnitude(value)
  return tagged(tag, 1 + hex.length / 2, (_, into) => writeBigInt(value, hex, into))
}

export const toBigInt = (bytes: Uint8Array): bigint => {
  const [sign] = bytes
  if (bytes.length < 2 || (sign !== 0 && sign !== 1)) throw malformed("bigint")
  const hex = Array.from(bytes.subarray(1), (byte) => byte.toString(16).padStart(2, "0"))
  const value = BigInt(`0x${hex.join("")}`)
  return sign === 1 ? -value : value
}

/** How many bytes an element has; an object that only claims to be of a kind has no such number. */
const widthOf = (kind: ByteKind): number => {
  switch (kind) {
    case "Int16Array":
    case "Uint16Array":
      return 2
    case "Int32Array":
    case "Uint32Array":
    case "Float32Array":
      return 4
    case "Float64Array":
    case "BigInt64Array":
    case "BigUint64Array":
      return 8
    default:
      return 1
  }
}

export const fromBytes = (kind: ByteKind, source: ArrayBuffer | ArrayBufferView): Uint8Array => {
  // `byteLength` throws where it is no ArrayBuffer, which the constructor does not.
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source, 0, source.byteLength)
  const written = new Uint8Array(2 + bytes.length)
  written[0] = leaf.bytes
  written[1] = byteKinds.indexOf(kind)
  written.set(bytes, 2)
  swap(written.subarray(2), widthOf(kind))
  return written
}

/** A copy: the payload is not kept alive by it, nor changed through it. */
export const toBytes = (bytes: Uint8Array): unknown => {
  const kind = byteKinds[bytes[0] ?? -1]
  if (kind === undefined || (bytes.length - 1) % widthOf(kind) !== 0) throw malformed("byte array")
  const copy = swap(Uint8Array.prototype.slice.call(bytes, 1), widthOf(kind))
  switch (kind) {
    case "ArrayBuffer":
      return copy.buffer
    case "DataView":
      return new DataView(copy.buffer)
    case "Buffer":
      // Where there is no Buffer the bytes are the nearest thing.
      return typeof Buffer === "undefined" ? copy : Buffer.from(copy.buffer)
    default: {
      const Numbers: new(buffer: ArrayBufferLike) => object = globalThis[kind]
      return new Numbers(copy.buffer)
    }
  }
}
