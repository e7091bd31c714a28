/**
 * How the structural codec writes what MessagePack has no form for. `docs/internals/structural-format.md` has every byte.
 *
 * A leaf is a `bin` whose first byte is its tag. A compound is an array whose first element is a `bin` of one byte,
 * its tag. No leaf's tag is a compound's, and bytes are leaves too, so nothing else can look like either. Extension
 * types would be shorter by a byte, but msgpackr keeps one table of them for all that runs in the process.
 */

export const leaf = {
  undefined: 0x75,
  negativeZero: 0x2d,
  bigint: 0x62,
  text: 0x73,
  date: 0x64,
  bytes: 0x74,
  duration: 0x6d,
  nanos: 0x6a,
  none: 0x6e
} as const

export const compound = {
  object: 0x4f,
  nullObject: 0x4e,
  dataObject: 0x53,
  dataArray: 0x54,
  sparseArray: 0x41,
  map: 0x4d,
  set: 0x45,
  regExp: 0x52,
  url: 0x55,
  error: 0x58,
  some: 0x4a,
  left: 0x4c,
  right: 0x47,
  chunk: 0x43,
  hashMap: 0x48,
  hashSet: 0x49,
  cause: 0x46,
  exit: 0x51,
  fiberId: 0x42
} as const

/** What the second byte of a `bytes` leaf is an index into; multi-byte elements are little-endian. */
export const byteKinds = [
  "ArrayBuffer",
  "DataView",
  "Buffer",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int8Array",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array"
] as const

export type ByteKind = typeof byteKinds[number]

/** The classes of the language; an error of any other class is refused. */
export const errorClasses = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError
} as const

export type ErrorClass = keyof typeof errorClasses

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** To little-endian and back, in place, on the few machines where it is any work. */
export const swap = (bytes: Uint8Array, width: number): Uint8Array => {
  if (!littleEndian && width > 1) {
    for (let start = 0; start < bytes.length; start += width) bytes.subarray(start, start + width).reverse()
  }
  return bytes
}
