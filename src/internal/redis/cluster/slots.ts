/**
 * Redis Cluster's hash slots, and which server has which.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */
import { unexpectedReply } from "../errors.js"
import type { Address } from "../port.js"
import { areRanges } from "../replies.js"

export const slotCount = 16_384

/** CRC16-CCITT (XMODEM), as the cluster's specification has it. */
const crc16Table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc & 0xffff
})

/** What of a key is hashed: what stands between its first `{` and the next `}`, if that is anything. */
const hashedPart = (key: string): string => {
  const open = key.indexOf("{")
  if (open < 0) return key
  const close = key.indexOf("}", open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : key
}

const encoder = new TextEncoder()

export const slotOf = (key: string): number => {
  const hashed = hashedPart(key)
  let crc = 0
  for (let i = 0; i < hashed.length; i++) {
    const code = hashed.charCodeAt(i)
    if (code > 127) return slotOfBytes(encoder.encode(hashed))
    crc = ((crc << 8) & 0xffff) ^ crc16Table[(crc >> 8) ^ code]!
  }
  return crc % slotCount
}

const slotOfBytes = (bytes: Uint8Array): number => {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ crc16Table[(crc >> 8) ^ byte]!
  return crc % slotCount
}

/** The slot of all keys that start so, where a hash tag in it decides. */
export const slotOfPrefix = (prefix: string): number | undefined =>
  hashedPart(prefix) === prefix ? undefined : slotOf(prefix)

/** Slots from one to another, both included; the first server is the master. */
export interface Range {
  readonly from: number
  readonly to: number
  readonly servers: readonly [Address, ...Array<Address>]
}

/** What `CLUSTER SLOTS` says. A server that does not know its own address has the one that it was asked under. */
export const parseRanges = (reply: unknown, asked: Address): ReadonlyArray<Range> => {
  if (!areRanges(reply)) throw unexpectedReply("connect", "cluster slots", reply)
  return reply.flatMap(([from, to, ...servers]) => {
    const [master, ...replicas] = servers.map(([host, port]) => ({
      host: host === null || host === "" || host === "?" ? asked.host : host,
      port: Number(port)
    }))
    return master === undefined
      ? []
      : [{ from: Number(from), to: Number(to), servers: [master, ...replicas] as const }]
  })
}
