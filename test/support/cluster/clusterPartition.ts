/**
 * A network between the nodes of a cluster that tests can cut, while clients still reach all of them.
 *
 * Nodes talk to each other over ports of their own. Here, each node announces the port of a proxy instead of its own,
 * and the proxy recognizes the sending node by the first message of a connection.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { freePort } from "../freePort.js"
import type { Node, RedisCluster } from "../redisCluster.js"

export interface Partition {
  /** This node and the others do not hear each other any more. Replicas still follow their master. */
  readonly cut: (node: Node) => void
  readonly heal: () => void
}

/** Where a message of the cluster's bus names its sender, and how long that name is. */
const senderAt = 40
const senderSize = 40

interface Bus {
  readonly from: string
  readonly to: string
  readonly end: () => void
}

const listen = async (
  node: Node,
  busPort: number,
  open: Set<Bus>,
  passes: (from: string, to: string) => boolean
): Promise<net.Server> => {
  const server = net.createServer((client) => {
    const upstream = net.connect({ host: "127.0.0.1", port: busPort })
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    let bus: Bus | undefined
    let first = Buffer.alloc(0)
    for (const socket of [client, upstream]) {
      socket.on("error", end)
      socket.on("close", () => {
        end()
        if (bus !== undefined) open.delete(bus)
      })
    }
    client.on("data", (bytes) => {
      if (bus !== undefined) return void upstream.write(bytes)
      first = Buffer.concat([first, bytes])
      if (first.length < senderAt + senderSize) return
      const from = first.toString("latin1", senderAt, senderAt + senderSize)
      if (!passes(from, node.id)) return end()
      bus = { from, to: node.id, end }
      open.add(bus)
      upstream.write(first)
    })
    upstream.on("data", (bytes) => client.write(bytes))
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  await node.client.config("SET", "cluster-announce-bus-port", port)
  return server
}

const start = async ({ nodes }: RedisCluster) => {
  const open = new Set<Bus>()
  let apart: string | undefined
  const passes = (from: string, to: string): boolean => (from === apart) === (to === apart)
  const servers = await Promise.all(nodes.map(async (node) => {
    const [, busPort] = await node.client.config("GET", "cluster-port") as ReadonlyArray<string> // name and value
    return listen(node, Number(busPort), open, passes)
  }))
  // Until each is connected to each of the others through the paths that can be cut.
  const ways = () => new Set([...open].map(({ from, to }) => `${from} ${to}`)).size
  for (const deadline = performance.now() + 30_000; ways() < nodes.length * (nodes.length - 1);) {
    if (performance.now() > deadline) throw new Error(`only ${ways()} ways between nodes lead through here`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const partition: Partition = {
    cut: (node) => {
      apart = node.id
      for (const { end, from, to } of open) if (!passes(from, to)) end()
    },
    heal: () => {
      apart = undefined
    }
  }
  return { servers, open, partition }
}

/** Lasts as long as the scope; when it closes, the nodes do not hear each other any more. */
export const make = (cluster: RedisCluster): Effect.Effect<Partition, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => start(cluster)),
      ({ open, servers }) =>
        Effect.sync(() => {
          for (const server of servers) server.close()
          for (const { end } of open) end()
        })
    ),
    ({ partition }) => partition
  )
