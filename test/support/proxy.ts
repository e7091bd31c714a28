/**
 * A TCP proxy on the loopback address, in front of a server, that misbehaves on demand. It does to bytes what a network
 * does: they arrive late or not at all, but never in another order and never with a gap.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { freePort } from "./freePort.js"

export interface Proxy {
  readonly port: number
  /** Connections that are open now. */
  readonly connections: () => number
  /** Back to normal. Data that a black hole held back is delivered; connections that lost replies are reset. */
  readonly pass: () => Promise<void>
  /** Every reply comes this many milliseconds late. */
  readonly delay: (ms: number) => Promise<void>
  /** A slow link: this many bytes a second, in each direction. */
  readonly throttle: (bytesPerSecond: number) => Promise<void>
  /** Connections stay open and new ones are accepted; nothing comes through, in either direction, until it ends. */
  readonly blackhole: () => Promise<void>
  /** Requests reach the server, replies are swallowed. */
  readonly dropReplies: () => Promise<void>
  /** Nothing listens, and open connections are reset. */
  readonly refuse: () => Promise<void>
  /** Resets the connections that are open now; the mode stays as it is. */
  readonly reset: () => Promise<void>
  readonly close: () => Promise<void>
}

type Mode = "pass" | "blackhole" | "dropReplies" | "refuse" | { readonly delay: number } | { readonly rate: number }

interface Connection {
  readonly client: net.Socket
  readonly upstream: net.Socket
  /** Replies in transit, each with the time when it is due. */
  readonly replies: Array<{ readonly due: number; readonly bytes: Buffer }>
  /** Whether a reply was swallowed: the next one would answer the wrong request. */
  torn: boolean
}

export const startProxy = async (targetPort: number): Promise<Proxy> => {
  const connections = new Set<Connection>()
  let mode: Mode = "pass"

  const reset = (connection: Connection): void => {
    connections.delete(connection)
    connection.client.resetAndDestroy()
    connection.upstream.resetAndDestroy()
  }

  const deliver = (connection: Connection): void => {
    const { client, replies } = connection
    if (mode === "blackhole") return // `enter` delivers when it ends
    while (replies[0] !== undefined && replies[0].due <= performance.now()) client.write(replies.shift()!.bytes)
    if (replies[0] !== undefined) setTimeout(deliver, Math.max(0, replies[0].due - performance.now()), connection)
    else if (connection.upstream.readableEnded) client.end()
  }

  const reply = (connection: Connection, bytes: Buffer): void => {
    if (mode === "dropReplies") {
      connection.torn = true
      return
    }
    const due = performance.now() + (typeof mode === "object" && "delay" in mode ? mode.delay : 0)
    // A shorter delay must not overtake a longer one.
    connection.replies.push({ due: Math.max(due, connection.replies.at(-1)?.due ?? 0), bytes })
    if (connection.replies.length === 1) deliver(connection)
  }

  /** After these bytes, no more are read from there before their time is over. */
  const slowDown = (from: net.Socket, bytes: Buffer): void => {
    if (typeof mode !== "object" || !("rate" in mode)) return
    from.pause()
    setTimeout(() => {
      if (mode !== "blackhole") from.resume()
    }, (1000 * bytes.length) / mode.rate)
  }

  const accept = (client: net.Socket): void => {
    const upstream = net.connect({ host: "127.0.0.1", port: targetPort })
    const connection: Connection = { client, upstream, replies: [], torn: false }
    connections.add(connection)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      socket.on("error", () => reset(connection))
    }
    client.on("data", (bytes) => {
      upstream.write(bytes)
      slowDown(client, bytes)
    })
    client.on("end", () => upstream.end())
    client.on("close", () => {
      connections.delete(connection)
      upstream.destroy()
    })
    upstream.on("data", (bytes) => {
      reply(connection, bytes)
      slowDown(upstream, bytes)
    })
    upstream.on("end", () => {
      if (connection.replies.length === 0) client.end()
    })
    if (mode === "blackhole") hold(connection)
  }

  // Sockets that are not read: TCP holds what is sent to them.
  const hold = ({ client, upstream }: Connection): void => {
    client.pause()
    upstream.pause()
  }

  const server = net.createServer({ allowHalfOpen: true }, accept)
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  const port = await freePort()
  await listen(port)

  const enter = async (next: Mode): Promise<void> => {
    const last = mode
    mode = next
    if (next === "refuse") {
      if (last !== "refuse") server.close()
      connections.forEach(reset)
    } else if (last === "refuse") {
      await listen(port)
    }
    for (const connection of connections) {
      if (connection.torn && next !== "dropReplies" && next !== "blackhole") reset(connection)
      else if (next === "blackhole") hold(connection)
      else {
        connection.client.resume()
        connection.upstream.resume()
        deliver(connection)
      }
    }
  }

  return {
    port,
    connections: () => connections.size,
    pass: () => enter("pass"),
    delay: (ms) => enter({ delay: ms }),
    throttle: (bytesPerSecond) => enter({ rate: bytesPerSecond }),
    blackhole: () => enter("blackhole"),
    dropReplies: () => enter("dropReplies"),
    refuse: () => enter("refuse"),
    reset: async () => connections.forEach(reset),
    close: () => enter("refuse")
  }
}

/** A proxy that lives as long as the scope. */
export const make = (targetPort: number): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => startProxy(targetPort)), (proxy) => Effect.promise(() => proxy.close()))
