/**
 * Lets a client of ioredis ask for its credentials at every connection. It takes them from its options and keeps no time
 * for an effect; but its connector may take as long as it needs (that of sentinels does), and what is to be sent first is
 * read when there is a socket.
 */
import type { Redis } from "ioredis"
import type { Ask } from "../connection/credentials.js"

/** What is not public of a client. */
interface Inside {
  readonly connector: {
    /** Until it is told to disconnect. */
    connecting: boolean
    connect: (tell: unknown) => Promise<unknown>
  }
}

/** The same client, not begun to connect. */
export const asking = (client: Redis, ask: Ask | undefined): Redis => {
  if (ask === undefined) return client
  const { connector } = client as unknown as Inside // as declared there, in both versions
  const connect = connector.connect.bind(connector)
  connector.connect = async (tell) => {
    connector.connecting = true
    const { password, username } = await ask()
    // A connector forgets what it was told before it begins.
    if (!connector.connecting) throw new Error("Connection is closed.")
    client.condition!.auth = username === undefined ? password : [username, password] // there since it began to connect
    return connect(tell)
  }
  return client
}
