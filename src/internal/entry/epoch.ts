/**
 * What a tag's key holds: its epoch, and since when it is expired, if it is.
 *
 *     offset  size  what
 *          0     6  random: an invalidation replaces them
 *          6     2  a counter of expiries
 *         [8     6  since when, server time in ms since 1970]
 *
 * An entry has the epoch that its tag had, so the difference tells what has become of the tag since. An entry that was
 * expired twice is absent, not stale: its tag knows the last of them alone, and a stale window must not begin anew.
 *
 * The counter would come back to what it was after 65,536 expiries, and make fresh again what was written then. So an
 * epoch whose counter is full is replaced as by an invalidation.
 */
import type { RandomBytes } from "../bytes/randomBytes.js"
import * as Entry from "./format.js"

const randomSize = 6
const expiredSize = Entry.epochSize + 6
const counts = 0x1_0000

/** Another epoch, which was never expired. */
export const make = (random: RandomBytes): Uint8Array => {
  const epoch = new Uint8Array(Entry.epochSize)
  random.fill(epoch, 0, randomSize)
  return epoch
}

/** Whether this may be the value of a tag's key, judging by its length: anything else is not an epoch. */
export const isTagValue = (value: Uint8Array | undefined): value is Uint8Array =>
  value !== undefined && (value.length === Entry.epochSize || value.length === expiredSize)

/** The same if there may be a counter: under another prefix, its key may look like a tag's. */
export const isTagOnly = (value: Uint8Array): boolean =>
  isTagValue(value) && Entry.identity(value, "counter").length === 0

/** The epoch in the value of a tag's key. */
export const of = (value: Uint8Array): Uint8Array =>
  value.length === Entry.epochSize ? value : value.subarray(0, Entry.epochSize)

const count = (epoch: Uint8Array): number => (epoch[6]! << 8) | epoch[7]!

/**
 * What became of a tag since an entry was given its epoch: it holds; it was invalidated, evicted, or expired more than
 * once; or it was expired at that server time.
 */
export const since = (stored: Uint8Array, current: Uint8Array | undefined): "Hold" | "Broken" | number => {
  if (!isTagValue(current)) return "Broken"
  for (let i = 0; i < randomSize; i++) if (stored[i] !== current[i]) return "Broken"
  const expiries = (count(current) - count(stored) + counts) % counts
  if (expiries === 0) return "Hold"
  return expiries === 1 && current.length === expiredSize ? Entry.readUint48(current, Entry.epochSize) : "Broken"
}

/** Whether a tag was not invalidated between two of its epochs, and expired once at the most: what has it may be stale. */
export const isWithin = (stored: Uint8Array, epoch: Uint8Array): boolean => {
  for (let i = 0; i < randomSize; i++) if (stored[i] !== epoch[i]) return false
  return (count(epoch) - count(stored) + counts) % counts <= 1
}

/** The value of a tag's key after it was expired at that time. `another` replaces an epoch whose counter is full. */
export const expired = (value: Uint8Array, at: number, another: Uint8Array): Uint8Array => {
  const next = count(value) + 1
  if (!isTagValue(value) || next === counts) return another
  const out = new Uint8Array(expiredSize)
  out.set(of(value))
  out[6] = next >>> 8
  out[7] = next
  Entry.writeUint48(out, Entry.epochSize, at)
  return out
}
