/**
 * A hold is stored under a key, or under a tag, while updates of the source are under way. It lists them, so that each
 * removes only itself:
 *
 *     offset  size  what
 *          0    16  a header (`format.ts`) with flags 17, marker and hold; its last byte: 1 if others held meanwhile
 *         16    14  for each update: 8 bytes of token, and 6 bytes of when it ends, in server time
 *
 * Each update has an end of its own, after which it does not count. That others held meanwhile stays recorded as long
 * as the hold exists: a value that one of them would store may be older than what another has committed.
 */
import * as Entry from "./format.js"

/** An update that is under way. */
export interface Claim {
  readonly token: Uint8Array
  /** In server time, in ms. */
  readonly until: number
}

const claimSize = Entry.tokenSize + 6
const sharedOffset = 15

export const claims = (bytes: Uint8Array): ReadonlyArray<Claim> => {
  const found: Array<Claim> = []
  for (let at = Entry.headerSize; at + claimSize <= bytes.length; at += claimSize) {
    found.push({
      token: bytes.subarray(at, at + Entry.tokenSize),
      until: Entry.readUint48(bytes, at + Entry.tokenSize)
    })
  }
  return found
}

/** Whether another update held while this stood, or may have. */
export const isShared = (bytes: Uint8Array): boolean => bytes[sharedOffset] !== 0

/** When the last of them ends. */
export const lastEnd = (all: ReadonlyArray<Claim>): number => all.reduce((last, { until }) => Math.max(last, until), 0)

/** Whether this is a hold of an update that is still under way. */
export const isUnderWay = (bytes: Uint8Array, now: number): boolean =>
  Entry.isHold(bytes) && lastEnd(claims(bytes)) > now

/** The hold of these, of which the first is the one that writes it. */
export const make = (all: readonly [Claim, ...Array<Claim>], shared: boolean): Uint8Array => {
  const out = new Uint8Array(Entry.headerSize + all.length * claimSize)
  out[0] = Entry.formatByte
  out[1] = Entry.Flag.Marker | Entry.Flag.Hold
  // The token is random already: it serves as the write id too.
  out.set(all[0].token.subarray(0, Entry.writeIdSize), 4)
  out[sharedOffset] = shared ? 1 : 0
  for (const [i, { token, until }] of all.entries()) {
    const at = Entry.headerSize + i * claimSize
    out.set(token, at)
    Entry.writeUint48(out, at + Entry.tokenSize, until)
  }
  return out
}
