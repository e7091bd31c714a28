/** The bytes of an entry before its payload, field by field: `docs/internals/entry-format.md` as a table. */
import { toHex } from "../bytes/hex.js"
import * as Entry from "../entry/format.js"
import type { Field } from "./answers.js"

const flagNames: ReadonlyArray<readonly [number, string]> = [
  [Entry.Flag.Marker, "marker"],
  [Entry.Flag.Lease, "lease slot"],
  [Entry.Flag.Tags, "tags"],
  [Entry.Flag.Failure, "failure"],
  [Entry.Flag.Hold, "hold"],
  [Entry.Flag.Overtaken, "overtaken"],
  [Entry.Flag.Expired, "expired"]
]

const instant = (millis: number): string =>
  millis === 0 ? "never" : millis > 8.64e15 ? "no time" : `${new Date(millis).toISOString()} (server time)`

/** Bytes that this library has not written have no fields. */
export const fieldsOf = (bytes: Uint8Array): ReadonlyArray<Field> => {
  if (!Entry.isEntry(bytes)) return []
  const fields: Array<Field> = []
  let offset = 0
  const add = (name: string, size: number, means: string, tag?: string): void => {
    const hex = toHex(bytes.subarray(offset, offset + size))
    fields.push(tag === undefined ? { offset, name, hex, means } : { offset, name, hex, means, tag })
    offset += size
  }
  const flags = flagNames.filter(([flag]) => (bytes[1]! & flag) !== 0).map(([, name]) => name)
  add("format", 1, "magic and format 1")
  add("flags", 1, flags.length === 0 ? "none" : flags.join(", "))
  add("version", 2, String(Entry.version(bytes)))
  add("write id", Entry.writeIdSize, "random, new with every write")
  add("fresh until", 6, instant(Entry.freshUntil(bytes)))
  add("load time", 1, `about ${Math.round(Entry.loadMillis(bytes))} ms`)
  if (Entry.isHold(bytes)) return fields
  const lease = Entry.lease(bytes)
  if (lease !== undefined) {
    add("lease token", Entry.tokenSize, toHex(lease.token) === "0".repeat(16) ? "nobody's" : "whose it is")
    add("held until", 6, instant(lease.until))
    add("end", 6, "when the entry itself ends, or nothing")
  }
  const tags = Entry.tags(bytes)
  if (tags === undefined || !Entry.hasTags(bytes)) return fields
  add("tags", 1, tags.length === 1 ? "one follows" : `${tags.length} follow`)
  for (const { name } of tags) {
    const size = Buffer.byteLength(name)
    add("tag", 1 + size, `${size} bytes: ${name}`)
    add("epoch", Entry.epochSize, "the tag's as the load or write began", name)
  }
  return fields
}
