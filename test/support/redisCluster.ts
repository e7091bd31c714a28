/**
 * A real Redis Cluster for tests: masters with a replica each, on the loopback address, and the operations of its
 * operators.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis as Client } from "ioredis"
import { eventually } from "./eventually.js"
import { freePort } from "./freePort.js"
import { type RedisServer, startRedis } from "./redisServer.js"

export interface Node {
  readonly id: string
  readonly server: RedisServer
  /** Sends commands to this very server. */
  readonly client: Client
}

export interface RedisCluster {
  /** The addresses with which a client begins. */
  readonly addresses: ReadonlyArray<{ readonly host: string; readonly port: number }>
  /** All nodes: at first the masters, then a replica of each in the same order. */
  readonly nodes: ReadonlyArray<Node>
  /** The masters that have slots now, as the queried node sees it (a live node by default). */
  readonly masters: () => Promise<ReadonlyArray<Node>>
  readonly masterOf: (slot: number) => Promise<Node>
  /**
   * Moves a slot with all its keys, as `redis-cli --cluster reshard` does. `midway` runs when half the keys are moved.
   */
  readonly move: (slot: number, to: Node, midway?: () => Promise<unknown>) => Promise<void>
  /** Until this node has no slots any more, as the others see it: another has taken its place. */
  readonly replaced: (node: Node) => Promise<void>
  /** A replica takes the place of its master, which agrees; ends when the others know. */
  readonly promote: (replica: Node) => Promise<void>
  /** Until all live nodes agree which node has which slots, and replicas have the data of their masters. */
  readonly settled: () => Promise<void>
  readonly stop: () => Promise<void>
}

export const slotCount = 16_384

/** In ms. A lost master is replaced soon after. */
const quickTimeout = 1_500

/**
 * For tests in which no master is lost. If the machine is busy for longer than the timeout, its masters consider each
 * other lost, and the cluster answers `CLUSTERDOWN` for as long again.
 */
export const patientTimeout = 15_000

type Slots = ReadonlyArray<readonly [number, number, readonly [string, number, string]]>

const startNode = async (nodeTimeout: number): Promise<Node> => {
  const server = await startRedis({
    args: [
      ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", `${await freePort()}`],
      ...["--cluster-node-timeout", `${nodeTimeout}`, "--cluster-replica-validity-factor", "0"],
      ...["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--cluster-migration-barrier", "9"]
    ]
  })
  const client = new Client(server.port, "127.0.0.1", {
    autoResendUnfulfilledCommands: false,
    commandTimeout: 5_000, // tests stop servers
    retryStrategy: () => 50
  })
  client.on("error", () => {}) // tests end servers
  return { server, client, id: String(await client.cluster("MYID")) }
}

const masterCount = 3

/** Three masters with a replica each. */
export const startCluster = async (nodeTimeout = quickTimeout): Promise<RedisCluster> => {
  const nodes = await Promise.all(Array.from({ length: 2 * masterCount }, () => startNode(nodeTimeout)))
  const isAlive = ({ client }: Node): boolean => client.status === "ready"

  const info = async ({ client }: Node): Promise<string> => String(await client.cluster("INFO"))
  /** The owners of the slots, as a node sees it. */
  const slotsSeenBy = async ({ client }: Node): Promise<string> => {
    const ranges = await client.call("CLUSTER", "SLOTS") as Slots // the form of its answer
    return ranges.map(([from, to, [, , id]]) => `${from}-${to}:${id}`).sort().join()
  }

  const settled = () =>
    eventually(async () => {
      const alive = nodes.filter(isAlive)
      const infos = await Promise.all(alive.map(info))
      if (!infos.every((text) => text.includes("cluster_state:ok"))) return false
      if (new Set(await Promise.all(alive.map(slotsSeenBy))).size > 1) return false
      const links = await Promise.all(alive.map(({ client }) => client.info("replication")))
      return links.every((text) => text.includes("role:master") || text.includes("master_link_status:up"))
    })

  const busPort = async ({ client }: Node): Promise<string> => {
    const [, port] = await client.config("GET", "cluster-port") as ReadonlyArray<string> // name and value
    return port!
  }
  await Promise.all(nodes.map(({ client }, i) => client.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)))
  await Promise.all(
    nodes.slice(0, masterCount).map(({ client }, i) => {
      const bound = (n: number) => Math.floor((n * slotCount) / masterCount)
      return client.call("CLUSTER", "ADDSLOTSRANGE", bound(i), bound(i + 1) - 1)
    })
  )
  for (const other of nodes.slice(1)) {
    await nodes[0]!.client.call("CLUSTER", "MEET", "127.0.0.1", other.server.port, await busPort(other))
  }
  await eventually(async () =>
    (await Promise.all(nodes.map(info))).every((text) => text.includes(`cluster_known_nodes:${nodes.length}\r`))
  )
  for (const [i, replica] of nodes.slice(masterCount).entries()) {
    await eventually(async () => await replica.client.call("CLUSTER", "REPLICATE", nodes[i]!.id) === "OK")
  }
  await eventually(async () => {
    const texts = await Promise.all(nodes.slice(masterCount).map(({ client }) => client.info("replication")))
    return texts.every((text) => text.includes("master_link_status:up"))
  })
  await settled()

  const byId = (id: string): Node => nodes.find((node) => node.id === id)!

  const slots = async (): Promise<Slots> => {
    const asked = nodes.filter(isAlive)
    // A replica hears of everything, and the first master may be the one that is suspended.
    const answers = await Promise.any(asked.map(({ client }) => client.call("CLUSTER", "SLOTS")))
    return answers as Slots // the form of its answer
  }
  const masters = async () => [...new Set((await slots()).map(([, , [, , id]]) => byId(id)))]
  const masterOf = async (slot: number): Promise<Node> =>
    byId((await slots()).find(([from, to]) => from <= slot && slot <= to)![2][2])

  /** The owner of a slot, and its epoch, as a node sees it. */
  const viewOf = async ({ client }: Node, master: Node): Promise<string> => {
    const lines = String(await client.cluster("NODES")).split("\n")
    const [, , , , , , epoch, , ...owned] = lines.find((line) => line.startsWith(master.id))!.split(" ")
    return [epoch, ...owned.filter((range) => !range.startsWith("["))].join()
  }

  /** Until all live nodes know what a master has. A node that does not know could claim its slots again. */
  const known = (master: Node) =>
    eventually(async () => {
      const own = await viewOf(master, master)
      const views = await Promise.all(nodes.filter(isAlive).map((node) => viewOf(node, master)))
      return views.every((view) => view === own)
    })

  const setSlot = (node: Node, slot: number, ...how: ReadonlyArray<string>) =>
    node.client.call("CLUSTER", "SETSLOT", slot, ...how)

  const move = async (slot: number, to: Node, midway?: () => Promise<unknown>): Promise<void> => {
    const from = await masterOf(slot)
    if (from === to) return
    await setSlot(to, slot, "IMPORTING", from.id)
    await setSlot(from, slot, "MIGRATING", to.id)
    const keys = await from.client.call("CLUSTER", "GETKEYSINSLOT", slot, 1_000_000) as ReadonlyArray<string> // a list
    const half = Math.ceil(keys.length / 2)
    const migrate = async (some: ReadonlyArray<string>) => {
      if (some.length === 0) return
      await from.client.call("MIGRATE", "127.0.0.1", to.server.port, "", 0, 5_000, "KEYS", ...some)
    }
    await migrate(keys.slice(0, half))
    await midway?.()
    await migrate(keys.slice(half))
    // Keys that were written meanwhile.
    for (;;) {
      const more = await from.client.call("CLUSTER", "GETKEYSINSLOT", slot, 1_000) as ReadonlyArray<string> // a list
      if (more.length === 0) break
      await migrate(more)
    }
    await setSlot(to, slot, "NODE", to.id)
    await setSlot(from, slot, "NODE", to.id)
    await known(from)
    await known(to)
  }

  const currentEpochs = async (): Promise<ReadonlyArray<string | undefined>> =>
    (await Promise.all(nodes.filter(isAlive).map(info))).map((text) => /cluster_current_epoch:(\d+)/.exec(text)?.[1])

  const promote = async (replica: Node): Promise<void> => {
    // A replica that has not heard of an epoch yet (moves of slots make new ones) is denied votes by those that have.
    // Masters that voted for it nevertheless do not vote again for twice the timeout of nodes.
    await eventually(async () => new Set(await currentEpochs()).size === 1)
    let asked = -Infinity
    await eventually(async () => {
      if ((await viewOf(replica, replica)).includes("-")) return true
      // On a busy machine it may not finish within its five seconds, and is given up without any error.
      if (performance.now() > asked + 6_000) {
        asked = performance.now()
        await replica.client.call("CLUSTER", "FAILOVER")
      }
      return false
    })
    await known(replica)
  }

  const replaced = (node: Node) =>
    eventually(async () => {
      const others = nodes.filter((other) => other !== node && isAlive(other))
      return (await Promise.all(others.map(slotsSeenBy))).every((seen) => !seen.includes(node.id))
    })

  return {
    addresses: nodes.map(({ server }) => ({ host: "127.0.0.1", port: server.port })),
    nodes,
    masters,
    masterOf,
    move,
    promote,
    replaced,
    settled,
    stop: async () => {
      for (const { client } of nodes) client.disconnect()
      await Promise.all(nodes.map(({ server }) => server.stop()))
    }
  }
}

/** A cluster that lives as long as the scope. */
export const make = (nodeTimeout?: number): Effect.Effect<RedisCluster, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => startCluster(nodeTimeout)),
    (cluster) => Effect.promise(() => cluster.stop())
  )
