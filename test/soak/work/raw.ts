/** Commands that bypass the library and the proxy, as any program may send them. */
import { Cluster, Redis } from "ioredis"
import type { Begin, TargetName } from "../protocol.js"
import type { Raw } from "./bench.js"

const options = {
  commandTimeout: 1_000,
  connectTimeout: 1_000,
  maxRetriesPerRequest: 1,
  retryStrategy: () => 50,
  autoResendUnfulfilledCommands: false
}

export const makeRaw = (target: TargetName, { cluster, server }: Begin): Raw & { readonly close: () => void } => {
  const client = target === "single"
    ? new Redis({ ...server, ...options })
    : new Cluster([...cluster], { redisOptions: options, clusterRetryStrategy: () => 50, maxRedirections: 4 })
  client.on("error", () => {}) // servers are ended on purpose
  return {
    // Both take any argument that is a string, a number or bytes.
    call: (command, ...args) => client.call(command, args as Array<string | Buffer | number>),
    bytes: (key) => client.getBuffer(key),
    close: () => client.disconnect()
  }
}
