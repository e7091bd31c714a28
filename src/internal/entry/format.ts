/**
 * The one layout of an entry in Redis, as pure functions on bytes. `docs/internals/entry-format.md` describes it in
 * prose, for other languages, and `test/entry/golden/` holds examples of each form.
 *
 *     offset  size  what
 *          0     1  magic and format: 0xE1. No header starts with a digit or `-`, so a counter is never taken for one
 *          1     1  flags: 1 marker, 2 lease slot, 4 tags, 8 a typed failure, 16 hold, 32 overtaken, 64 expired
 *          2     2  the cache's `version`
 *          4     5  write id: random, new with every write
 *          9     6  fresh until, server time in ms since 1970; 0: never
 *         15     1  how long the load took, logarithmic
 *       [16     20  lease slot: 8 bytes of token, 6 bytes of "held until", 6 bytes of "own end", in server time]
 *       [ …      …  tags: a count, then length, name (UTF-8) and 8 bytes of epoch for each]
 *         …      …  payload
 *
 * All numbers are big endian. A marker is a header and a lease slot, without tags or payload: a lease without an entry.
 *
 * A lease is held until its "held until" and no longer. The entry or the marker stays in Redis longer than that, so
 * that a late load can still see that its place was not taken. "Own end" is when the entry would have expired without
 * the lease (0: never); a release restores it. A token of zeros is not a lease: it says that a load failed, and that
 * until then loads that can serve something stale leave the source alone.
 *
 * A hold is a marker too, without a lease slot: updates of the source are under way, and nothing may be stored.
 *
 * *Expired* entries were ended by `Cache.expire`: they are stale, even to a reader whose idea of server time lies
 * before their "fresh until".
 *
 * *Overtaken* entries were stored by a forced load whose lease another load had taken. Their write id is not random: it
 * is the forced load's turn, which shows whether it was granted its lease before another.
 */

import { allocate } from "../bytes/allocate.js"
import type { RandomBytes } from "../bytes/randomBytes.js"

export const formatByte = 0xe1
export const headerSize = 16
export const freshUntilOffset = 9
export const leaseSize = 20
export const writeIdSize = 5
export const tokenSize = 8
export const epochSize = 8
/** The most bytes of a tag's name: its length is written in one byte. */
export const maxTagSize = 255
/** The most tags of one entry: their count is written in one byte. */
export const maxTags = 255

export const Flag = { Marker: 1, Lease: 2, Tags: 4, Failure: 8, Hold: 16, Overtaken: 32, Expired: 64 } as const

/** A tag of an entry and the epoch that the tag had when the entry's load began. */
export interface StoredTag {
  readonly name: string
  readonly epoch: Uint8Array
}

/** The fields of a header; `undefined` for bytes that are not a header of this format. */
export interface Header {
  readonly flags: number
  readonly version: number
  readonly freshUntil: number
  readonly loadMillis: number
}

const encoder = new TextEncoder()
/** A byte order mark is part of a name: if it were dropped, the name would be another tag's. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** Whether these bytes start with a complete header of this format. */
export const isEntry = (bytes: Uint8Array): boolean =>
  bytes.length >= headerSize && bytes[0] === formatByte &&
  ((bytes[1]! & Flag.Lease) === 0 || bytes.length >= headerSize + leaseSize)

export const isMarker = (bytes: Uint8Array): boolean => isEntry(bytes) && (bytes[1]! & Flag.Marker) !== 0

/** Whether this is a hold, which is stored under a key or a tag while updates of the source are under way. */
export const isHold = (bytes: Uint8Array): boolean => isMarker(bytes) && (bytes[1]! & Flag.Hold) !== 0

/** Whether its fresh life was ended before its time. */
export const isExpired = (bytes: Uint8Array): boolean => (bytes[1]! & Flag.Expired) !== 0

export const isFailure = (bytes: Uint8Array): boolean => (bytes[1]! & Flag.Failure) !== 0

/** Whether this is an entry with tags: whether it is valid shows only when their epochs are read. */
export const hasTags = (bytes: Uint8Array): boolean => bytes[0] === formatByte && (bytes[1]! & Flag.Tags) !== 0

export const version = (bytes: Uint8Array): number => (bytes[2]! << 8) | bytes[3]!

export const writeId = (bytes: Uint8Array): Uint8Array => bytes.subarray(4, 4 + writeIdSize)

/** Fresh until, in ms of server time; 0: it never expires. */
export const freshUntil = (bytes: Uint8Array): number => readUint48(bytes, freshUntilOffset)

export const readUint48 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! * 0x100 + bytes[at + 1]!) * 0x1_0000_0000 +
  (bytes[at + 2]! * 0x1000000 + (bytes[at + 3]! << 16) + (bytes[at + 4]! << 8) + bytes[at + 5]!)

export const writeUint48 = (bytes: Uint8Array, at: number, value: number): void => {
  const high = Math.floor(value / 0x1_0000_0000)
  const low = value % 0x1_0000_0000
  bytes[at] = high >>> 8
  bytes[at + 1] = high
  bytes[at + 2] = low >>> 24
  bytes[at + 3] = low >>> 16
  bytes[at + 4] = low >>> 8
  bytes[at + 5] = low
}

// One byte holds 1 ms to about 37 days within 4.5 %: XFetch needs the order of magnitude, not the digits.
const loadTimeBase = 1.09

const encodeLoadTime = (millis: number): number =>
  millis < 1 ? 0 : Math.min(255, 1 + Math.round(Math.log(millis) / Math.log(loadTimeBase)))

const decodeLoadTime = (byte: number): number => byte === 0 ? 0 : Math.round(loadTimeBase ** (byte - 1))

export const loadMillis = (bytes: Uint8Array): number => decodeLoadTime(bytes[15]!)

const tagsOffset = (bytes: Uint8Array): number => headerSize + ((bytes[1]! & Flag.Lease) === 0 ? 0 : leaseSize)

/** The entry's tags; `undefined` if they are cut short, which makes the entry garbage. */
export const tags = (bytes: Uint8Array): ReadonlyArray<StoredTag> | undefined => {
  if ((bytes[1]! & Flag.Tags) === 0) return []
  let at = tagsOffset(bytes)
  if (at >= bytes.length) return undefined
  const count = bytes[at++]!
  const found: Array<StoredTag> = []
  for (let i = 0; i < count; i++) {
    const size = bytes[at]
    if (size === undefined || at + 1 + size + epochSize > bytes.length) return undefined
    const name = decoder.decode(bytes.subarray(at + 1, at + 1 + size))
    at += 1 + size
    found.push({ name, epoch: bytes.subarray(at, at + epochSize) })
    at += epochSize
  }
  return found
}

/** Where the payload starts; `undefined` if the tags are cut short. */
export const payloadOffset = (bytes: Uint8Array): number | undefined => {
  let at = tagsOffset(bytes)
  if ((bytes[1]! & Flag.Tags) === 0) return at
  if (at >= bytes.length) return undefined
  const count = bytes[at++]!
  for (let i = 0; i < count; i++) {
    const size = bytes[at]
    if (size === undefined) return undefined
    at += 1 + size + epochSize
    if (at > bytes.length) return undefined
  }
  return at
}

/** The payload of a complete entry. */
export const payload = (bytes: Uint8Array): Uint8Array => bytes.subarray(payloadOffset(bytes))

/** The fields of a lease slot. Times are server time in ms. */
export interface Lease {
  readonly token: Uint8Array
  /** Held until. */
  readonly until: number
  /** When the entry's own life ends; 0: never. */
  readonly end: number
}

/** The lease slot; `undefined` without one. */
export const lease = (bytes: Uint8Array): Lease | undefined =>
  (bytes[1]! & Flag.Lease) === 0 ? undefined : {
    token: bytes.subarray(headerSize, headerSize + tokenSize),
    until: readUint48(bytes, untilOffset),
    end: readUint48(bytes, endOffset)
  }

const untilOffset = headerSize + tokenSize

/** Where a lease slot has its entry's own end. */
export const endOffset = untilOffset + 6

/** The token of a lease without a holder: the source is left alone for a while. */
export const noToken = new Uint8Array(tokenSize)

/**
 * The state of an entry's lease, from the entry's own bytes: a load holds it, or a load failed and the source is left
 * alone for a while, or neither. `longest` is the longest time that a lease may last from now on: one that claims more
 * was written before the clock was set back, and does not count.
 */
export const leaseState = (bytes: Uint8Array, now: number, longest: number): "Held" | "BackOff" | "Free" => {
  if ((bytes[1]! & Flag.Lease) === 0) return "Free"
  const left = readUint48(bytes, untilOffset) - now
  if (left <= 0 || left > longest) return "Free"
  for (let i = 0; i < tokenSize; i++) if (bytes[headerSize + i] !== 0) return "Held"
  return "BackOff"
}

/** The parts of an entry that `encode` takes. */
export interface EntryParts {
  readonly version: number
  readonly freshUntil: number
  readonly loadMillis: number
  readonly failure: boolean
  readonly tags: ReadonlyArray<StoredTag>
  readonly payload: Uint8Array
}

const writeHeader = (out: Uint8Array, flags: number, parts: EntryParts, random: RandomBytes): void => {
  out[0] = formatByte
  out[1] = flags
  out[2] = parts.version >>> 8
  out[3] = parts.version
  random.fill(out, 4, writeIdSize)
  writeUint48(out, freshUntilOffset, parts.freshUntil)
  out[15] = encodeLoadTime(parts.loadMillis)
}

/** The bytes of an entry, under a new write id. */
export const encode = (parts: EntryParts, random: RandomBytes): Uint8Array => {
  const failure = parts.failure ? Flag.Failure : 0
  if (parts.tags.length === 0) {
    const out = allocate(headerSize + parts.payload.length)
    writeHeader(out, failure, parts, random)
    out.set(parts.payload, headerSize)
    return out
  }
  const names = parts.tags.map((tag) => encoder.encode(tag.name))
  const size = names.reduce((sum, name) => sum + 1 + name.length + epochSize, 1)
  const out = allocate(headerSize + size + parts.payload.length)
  writeHeader(out, failure | Flag.Tags, parts, random)
  let at = headerSize
  out[at++] = names.length
  for (const [index, name] of names.entries()) {
    out[at] = name.length
    out.set(name, at + 1)
    out.set(parts.tags[index]!.epoch, at + 1 + name.length)
    at += 1 + name.length + epochSize
  }
  out.set(parts.payload, at)
  return out
}

/** A lease without an entry, which is stored under a missing key while it is loaded. */
export const marker = (token: Uint8Array, until: number): Uint8Array => {
  const out = new Uint8Array(headerSize + leaseSize)
  out[0] = formatByte
  out[1] = Flag.Marker | Flag.Lease
  // The token is random already: it serves as the write id too.
  out.set(token.subarray(0, writeIdSize), 4)
  writeLease(out, token, until, 0)
  return out
}

const writeLease = (entry: Uint8Array, token: Uint8Array, until: number, end: number): void => {
  entry.set(token, headerSize)
  writeUint48(entry, untilOffset, until)
  writeUint48(entry, endOffset, end)
}

/** The same bytes as an overtaken load stores them. */
export const overtaken = (entry: Uint8Array, turn: Uint8Array): Uint8Array => {
  const out = entry.slice()
  out[1] = out[1]! | Flag.Overtaken
  out.set(turn, 4)
  return out
}

/** Turns wrap after this many; turns that are compared lie within half of them. */
const turns = 2 ** 40

/** A number as a turn. */
export const turnOf = (n: number): Uint8Array => {
  const wide = new Uint8Array(6)
  writeUint48(wide, 0, n % turns)
  return wide.subarray(1)
}

const readTurn = (bytes: Uint8Array, at: number): number =>
  bytes[at]! * 0x1_0000_0000 +
  (bytes[at + 1]! * 0x1000000 + (bytes[at + 2]! << 16) + (bytes[at + 3]! << 8) + bytes[at + 4]!)

/** Whether an overtaken load with an earlier turn has stored this. */
export const isOvertakenBefore = (entry: Uint8Array, turn: Uint8Array): boolean => {
  const since = (readTurn(turn, 0) - readTurn(entry, 4) + turns) % turns
  return (entry[1]! & Flag.Overtaken) !== 0 && since > 0 && since < turns / 2
}

/** The same entry, with its write id, under this lease. */
export const withLease = (entry: Uint8Array, token: Uint8Array, until: number, end: number): Uint8Array => {
  const has = (entry[1]! & Flag.Lease) !== 0
  const out = new Uint8Array(entry.length + (has ? 0 : leaseSize))
  out.set(entry.subarray(0, headerSize))
  out.set(entry.subarray(has ? headerSize + leaseSize : headerSize), headerSize + leaseSize)
  out[1] = out[1]! | Flag.Lease
  writeLease(out, token, until, end)
  return out
}

/** The same entry, with its write id, without a lease slot. */
export const withoutLease = (entry: Uint8Array): Uint8Array => {
  if ((entry[1]! & Flag.Lease) === 0) return entry
  const out = new Uint8Array(entry.length - leaseSize)
  out.set(entry.subarray(0, headerSize))
  out.set(entry.subarray(headerSize + leaseSize), headerSize)
  out[1] = out[1]! & ~Flag.Lease
  return out
}

/** The same entry under another write id, without a lease slot, whose fresh life ended at `at` or before. */
export const expired = (entry: Uint8Array, writeId: Uint8Array, at: number): Uint8Array => {
  const out = withoutLease(entry).slice()
  // Its write id is not a turn any more.
  out[1] = (out[1]! | Flag.Expired) & ~Flag.Overtaken
  out.set(writeId, 4)
  if (isFreshAt(entry, at)) writeUint48(out, freshUntilOffset, at)
  return out
}

/** Whether it is still within its fresh life at that time. */
export const isFreshAt = (entry: Uint8Array, at: number): boolean => {
  const until = freshUntil(entry)
  return until === 0 || until > at
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether this is the lease of that token. */
export const isLeasedBy = (bytes: Uint8Array, token: Uint8Array): boolean => {
  const held = isEntry(bytes) ? lease(bytes) : undefined
  return held !== undefined && sameBytes(held.token, token)
}

/** What a cache's keys hold: entries with a header, or the plain decimal text of counters. */
export type Kind = "entry" | "counter"

/** No bytes: the identity of an absent value. */
export const nothing = new Uint8Array(0)

/** The decimal text of an integer as Redis writes it, without leading zeros; the longest safe one has 17 characters. */
const isDecimal = (bytes: Uint8Array): boolean => {
  const start = bytes[0] === 0x2d ? 1 : 0
  if (bytes.length === start || bytes.length > 17) return false
  if (bytes[start] === 0x30) return bytes.length === 1
  for (let i = start; i < bytes.length; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false
  return true
}

/**
 * What a compare-and-set compares: an entry's write id, or a counter's text. It is empty for anything that is absent to
 * every reader (no key, a marker, foreign bytes, a header of another format).
 */
export const identity = (bytes: Uint8Array | undefined, kind: Kind): Uint8Array => {
  if (bytes === undefined) return nothing
  if (kind === "counter") return isDecimal(bytes) ? bytes : nothing
  return isEntry(bytes) && !isMarker(bytes) ? writeId(bytes) : nothing
}
