/** The keys of a server, and its connections, when all work has ended. */
import type { Redis as Client } from "ioredis"
import { Flag, headerSize, isEntry, noToken, sameBytes, tokenSize } from "../../src/internal/entry/format.js"

export interface Inspected {
  readonly keys: number
  /** Keys whose lease is still held, with the remaining time of the lease and of the key. */
  readonly leased: ReadonlyArray<string>
  /** Keys that never expire. */
  readonly endless: ReadonlyArray<string>
}

const heldUntilOffset = headerSize + tokenSize

export const inspect = async (client: Client): Promise<Inspected> => {
  const leased: Array<string> = []
  const endless: Array<string> = []
  let keys = 0
  const [seconds] = await client.time()
  const time = Number(seconds) * 1_000
  let cursor = "0"
  do {
    const [next, page] = await client.scan(cursor, "COUNT", 500)
    cursor = next
    for (const key of page) {
      keys++
      const life = await client.pttl(key)
      if (life === -1) endless.push(key)
      if (await client.type(key) !== "string") continue
      const bytes = await client.getBuffer(key)
      if (bytes === null || !isEntry(bytes) || (bytes[1]! & Flag.Lease) === 0) continue
      // The marker of a lease whose release was lost with the connection stays a while after the lease has run out, and
      // holds nothing.
      const held = bytes.readUIntBE(heldUntilOffset, 6) - time
      const token = bytes.subarray(headerSize, headerSize + tokenSize)
      if (held > 0 && !sameBytes(token, noToken)) leased.push(`${key}: held for ${held} ms, ${life} ms to live`)
    }
  } while (cursor !== "0")
  return { keys, leased, endless }
}

/**
 * Connections other than this client's, as Redis describes them. Servers that have moved slots keep their connections
 * to each other for a while, because keys move by `RESTORE`.
 */
export const connections = async (client: Client): Promise<ReadonlyArray<string>> => {
  const own = await client.client("ID")
  const lists = await Promise.all(["normal", "pubsub"].map((type) => client.call("CLIENT", "LIST", "TYPE", type)))
  return lists.flatMap((list) => String(list).split("\n"))
    .filter((line) => line.startsWith("id=") && !line.startsWith(`id=${own} `) && !line.includes(" cmd=restore"))
}
