/** A real master, its replicas and the sentinels that monitor them, on the loopback address. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis as Client } from "ioredis"
import { writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "./eventually.js"
import { type RedisServer, startRedis } from "./redisServer.js"

export interface RedisSentinel {
  /** The options for `layer`. */
  readonly options: {
    readonly sentinels: Array<{ readonly host: string; readonly port: number }>
    readonly name: string
  }
  /** The first one is the master at first. */
  readonly servers: ReadonlyArray<RedisServer>
  /** The master, as the first sentinel sees it. */
  readonly master: () => Promise<RedisServer>
  /** Hands the master's place to a replica, although the master is healthy. */
  readonly failover: () => Promise<void>
  /** Until every sentinel names another master: no client can be directed to this server any more. */
  readonly replaced: (server: RedisServer) => Promise<void>
  /** Until there is one master, known to all sentinels, and all other servers have its data. */
  readonly settled: () => Promise<void>
  readonly stop: () => Promise<void>
}

const name = "caches"

export const startSentinel = async (replicaCount = 2): Promise<RedisSentinel> => {
  const quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
  const first = await startRedis({ args: quick })
  const replicas = await Promise.all(
    Array.from(
      { length: replicaCount },
      () => startRedis({ args: [...quick, "--replicaof", "127.0.0.1", `${first.port}`] })
    )
  )
  const servers = [first, ...replicas]
  const folder = await mkdtemp(join(tmpdir(), "sentinel-test-"))
  const sentinels = await Promise.all([0, 1, 2].map((i) => {
    const file = join(folder, `${i}.conf`) // a sentinel stores what it learns in its file
    writeFileSync(
      file,
      [
        `sentinel monitor ${name} 127.0.0.1 ${first.port} 2`,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 3000`,
        ""
      ].join("\n")
    )
    return startRedis({ sentinel: file })
  }))
  const clients = sentinels.map(({ port }) => new Client(port, "127.0.0.1", { retryStrategy: () => 50 }))
  for (const client of clients) client.on("error", () => {})
  await eventually(async () => {
    const texts = await Promise.all(clients.map((client) => client.info("sentinel")))
    return texts.every((text) => text.includes(`slaves=${replicaCount},sentinels=3`))
  })
  const master = async () => {
    const [, port] = await clients[0]!.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name) as [string, string] // its answer
    return servers.find((server) => server.port === Number(port))!
  }
  const askServers = servers.map(({ port }) =>
    new Client(port, "127.0.0.1", {
      retryStrategy: () => 50,
      commandTimeout: 5_000,
      autoResendUnfulfilledCommands: false
    })
  )
  for (const client of askServers) client.on("error", () => {})
  /** The port of the master, as each sentinel sees it. */
  const named = async () => {
    const answers = await Promise.all(clients.map((client) => client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)))
    return (answers as ReadonlyArray<[string, string]>).map(([, port]) => Number(port)) // its answer
  }
  const settled = () =>
    eventually(async () => {
      const { port } = await master()
      if (!(await named()).every((known) => known === port)) return false
      const links = await Promise.all(askServers.map((client) => client.info("replication")))
      const linked = links.filter((text) =>
        text.includes(`master_port:${port}\r`) && text.includes("master_link_status:up")
      )
      return linked.length === replicaCount
    })
  const replaced = (server: RedisServer) =>
    eventually(async () => (await named()).every((port) => port !== server.port))
  return {
    options: { sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })), name },
    servers,
    master,
    failover: async () => {
      const before = await master()
      await eventually(async () => await clients[0]!.call("SENTINEL", "FAILOVER", name) === "OK")
      await replaced(before)
    },
    replaced,
    settled,
    stop: async () => {
      for (const client of [...clients, ...askServers]) client.disconnect()
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()))
      await rm(folder, { recursive: true, force: true })
    }
  }
}

/** One that lives as long as the scope. */
export const make = (replicaCount?: number): Effect.Effect<RedisSentinel, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => startSentinel(replicaCount)),
    (sentinel) => Effect.promise(() => sentinel.stop())
  )
