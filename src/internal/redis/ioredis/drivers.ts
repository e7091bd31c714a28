/** Drivers on connections of ioredis. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Cluster as ClusterClient, Redis as Client, RedisOptions } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Driver } from "../../driver/driver.js"
import { within } from "../clocks/within.js"
import * as Cluster from "../cluster/cluster.js"
import type { Options } from "../driver.js"
import type { Address, NatMap, Nodes } from "../port.js"
import * as Single from "../single.js"
import { type Clients, clientsOf, type Connecting, type Ioredis } from "./client.js"
import { hear } from "./hear.js"

/**
 * Sentinels, where there are any, are asked anew whenever a connection is made, and tell when there is another master:
 * the old one, if it lives, takes itself for the master for ten seconds more, and acknowledges what will be lost.
 */
const sentinelOptions = ({ tls }: RedisOptions, connectTimeout: number) => ({
  sentinelCommandTimeout: connectTimeout,
  failoverDetector: true,
  // Without this option, the client uses TLS only if there are no sentinels, and sends passwords in the clear.
  enableTLSForSentinelMode: tls !== undefined
})

const connect = ({ own }: Clients) =>
(
  target: RedisOptions,
  options: Single.ConnectOptions & Connecting
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  Single.connect(() => own({ ...sentinelOptions(target, options.connectTimeout), ...target }, options), options)

const borrow =
  ({ borrowed }: Clients) => (client: Client, options: Options): Effect.Effect<Driver, never, Scope.Scope> =>
    Single.borrow(borrowed(client), options)

const ownNodes = (
  { own, visitor }: Clients,
  startNodes: ReadonlyArray<Address>,
  target: RedisOptions,
  connecting: Connecting,
  natMap: NatMap | undefined
): Nodes => ({
  startNodes: () => Promise.resolve(startNodes),
  natMap,
  connect: (address) => own({ ...target, ...address }, connecting),
  visit: (address) => visitor(target, address, connecting)
})

/**
 * The nodes of a borrowed client. Where it has no connection to a server, since it has not noticed yet that the server is
 * there, or is back, the driver makes one of its own.
 */
const borrowedNodes = (
  { borrowed, own, visitor }: Clients,
  client: ClusterClient,
  connectTimeout: number
): Nodes => {
  const target: RedisOptions = client.options.redisOptions ?? {}
  const lent = (): ReadonlyArray<readonly [Address, Client]> =>
    client.nodes().flatMap((node) => {
      const { host, port } = node.options
      return host === undefined || port === undefined || node.status === "end" ? [] : [[{ host, port }, node]]
    })
  return {
    startNodes: async () => {
      if (client.status === "end") throw new Error("the cluster client has been closed")
      // It is lazy, and needed now. A failure shows as nodes that do not answer.
      if (client.status === "wait") client.connect().catch(() => undefined)
      if (client.nodes().length === 0) {
        let forget = () => {}
        const node = new Promise<void>((resolve) => {
          forget = hear(client, "+node", () => resolve())
        })
        // Looks are repeated as long as there is none: each leaves no listener on the client.
        await within(node, connectTimeout).finally(forget)
      }
      return lent().map(([address]) => address)
    },
    natMap: client.options.natMap,
    connect: (address) => {
      const found = lent().find(([{ host, port }]) => host === address.host && port === address.port)
      return found === undefined ? own({ ...target, ...address }, { connectTimeout }) : borrowed(found[1])
    },
    visit: (address) => visitor(target, address, { connectTimeout })
  }
}

const connectCluster = (clients: Clients) =>
(
  nodes: ReadonlyArray<Address>,
  target: RedisOptions,
  options: Single.ConnectOptions & Connecting & { readonly natMap: NatMap | undefined }
): Effect.Effect<Driver, RedisError, Scope.Scope> => {
  const { connectTimeout, lazy, natMap } = options
  return Cluster.connect(
    ownNodes(clients, nodes, target, options, natMap),
    options,
    lazy ? undefined : connectTimeout
  )
}

const borrowCluster = (clients: Clients) =>
(
  client: ClusterClient,
  options: Options & { readonly connectTimeout: number }
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  // It may have lost its connections long ago, or end them at any time: as with a single client, that is its owner's.
  Cluster.connect(borrowedNodes(clients, client, options.connectTimeout), options, undefined)

export const driversOf = (ioredis: Ioredis) => {
  const clients = clientsOf(ioredis)
  return {
    /** A driver on a connection of its own, closed with the scope. */
    connect: connect(clients),
    /** A driver on a borrowed client, which is never closed here. */
    borrow: borrow(clients),
    /** A driver on connections of its own to the masters of a cluster, closed with the scope. */
    connectCluster: connectCluster(clients),
    /** The same on a borrowed cluster client. */
    borrowCluster: borrowCluster(clients)
  }
}
