/** From what layers on ioredis are given to drivers. ioredis is loaded where it is used: other layers do without it. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type { Cluster, Redis, RedisOptions } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Driver } from "../../driver/driver.js"
import { askingFor, checkAlone, type Credentials } from "../connection/credentials.js"
import { logger } from "../connection/log.js"
import {
  checkTarget,
  type Common,
  type Connecting,
  type Limits,
  limitsOf,
  type Opened,
  refused,
  withoutUndefined
} from "../connection/options.js"
import { parse, type UrlOptions } from "../connection/url.js"
import type { NatMap } from "../port.js"

const ioredis = Effect.tryPromise({
  try: async () => {
    // In a `try` that is its own: so bundlers do without a package that is not installed.
    try {
      const { driversOf } = await import("./drivers.js")
      return driversOf(await import("ioredis"))
    } catch (error) {
      throw refused(
        `this layer needs the package "ioredis", which could not be imported: install it (${
          error instanceof Error ? error.message : String(error)
        })`
      )
    }
  },
  catch: (error) => error as RedisError // as it was thrown above
})

const parseUrl = (url: string): Either.Either<UrlOptions, RedisError> => Either.mapLeft(parse(url), refused)

const noKeyPrefix = (options: object): Effect.Effect<void, RedisError> =>
  "keyPrefix" in options ? Effect.fail(refused("ioredis's option keyPrefix is not supported: use prefix")) : Effect.void

const opened = <E>(
  driver: Effect.Effect<Driver, E, Scope.Scope>,
  { grace, maxRemembered, publishing, tracksWithin }: Limits
): Effect.Effect<Opened, E, Scope.Scope> =>
  Effect.map(driver, (made) => ({ driver: made, grace, maxRemembered, publishing, tracksWithin }))

interface Authenticating<R> {
  readonly credentials?: Effect.Effect<Credentials, unknown, R> | undefined
}

/** Whatever else is in it is ioredis's. */
export interface Target<R> extends Connecting, Authenticating<R> {
  readonly url?: string | undefined
}

/** Our options, and the client's. */
const separate = <A extends Connecting>(input: A) => {
  const { commandTimeout, connectTimeout, grace, lazy, maxRemembered, prefix, publish, tracking, ...theirs } = input
  return [
    { commandTimeout, connectTimeout, grace, lazy, maxRemembered, prefix, publish, tracking } satisfies Connecting,
    theirs
  ] as const
}

export const connect = <R>(
  input: string | Target<R>
): Effect.Effect<Opened, RedisError, Scope.Scope | R> =>
  Effect.gen(function*() {
    const [ours, { credentials, url, ...options }] = separate<Target<R>>(
      typeof input === "string" ? { url: input } : input
    )
    yield* noKeyPrefix(options)
    yield* checkTarget(options)
    const limits = yield* limitsOf(ours)
    const address = url === undefined ? {} : yield* parseUrl(url)
    yield* checkAlone(credentials, address, options)
    const module = yield* ioredis
    const opening = { ...limits, logger: yield* logger, ask: yield* askingFor(credentials, limits.connectTimeout) }
    return yield* opened(module.connect({ ...address, ...withoutUndefined(options) }, opening), limits)
  })

export interface ClusterTarget<R> extends Connecting, Authenticating<R> {
  readonly natMap?: NatMap | undefined
}

type Node = string | { readonly host: string; readonly port?: number | undefined }

export const connectCluster = <R>(
  nodes: ReadonlyArray<Node>,
  input: ClusterTarget<R>
): Effect.Effect<Opened, RedisError, Scope.Scope | R> =>
  Effect.gen(function*() {
    const [ours, { credentials, natMap, ...options }] = separate(input)
    yield* noKeyPrefix(options)
    yield* checkTarget(options)
    for (const node of nodes) if (typeof node === "object") yield* checkTarget(node)
    if (nodes.length === 0) return yield* refused("layerCluster needs at least one node to connect to")
    const limits = yield* limitsOf(ours)
    const urls = yield* Effect.forEach(
      nodes,
      (node): Either.Either<UrlOptions, RedisError> => typeof node === "string" ? parseUrl(node) : Either.right({})
    )
    if (urls.some(({ db = 0 }) => db !== 0)) {
      return yield* refused("a cluster has only database 0: leave the database out of its urls")
    }
    // One option of all connections: those that were meant to have TLS must not go without.
    const secure = new Set(urls.filter((url) => "host" in url).map(({ tls }) => tls !== undefined))
    if (secure.size > 1) {
      return yield* refused("the urls of a cluster must all start with redis://, or all with rediss://")
    }
    const addresses = nodes.map((node, i) => {
      const { host, port } = typeof node === "string" ? urls[i]! : node
      return { host: host ?? "localhost", port: port ?? 6379 }
    })
    const { db: _db, host: _host, port: _port, ...fromUrl } = urls.find((url) => "host" in url) ?? urls[0]!
    yield* checkAlone(credentials, options, ...urls)
    const module = yield* ioredis
    const ask = yield* askingFor(credentials, limits.connectTimeout)
    const opening = { ...limits, logger: yield* logger, ask, natMap }
    return yield* opened(
      module.connectCluster(addresses, { ...fromUrl, ...withoutUndefined(options) }, opening),
      limits
    )
  })

const isCluster = (client: Redis | Cluster): client is Cluster => client.isCluster

const keyPrefixOf = (client: Redis | Cluster): string =>
  client.options.keyPrefix || (isCluster(client) && client.options.redisOptions?.keyPrefix) || ""

/** Whether it sends again what was under way when a connection was lost. */
const resends = (client: Redis | Cluster): boolean => {
  const options: RedisOptions | undefined = isCluster(client) ? client.options.redisOptions : client.options
  if (options?.autoResendUnfulfilledCommands === false) return false
  // A cluster's connections end when they are lost, unless an option says otherwise.
  return !isCluster(client) || typeof client.options.clusterNodeRetryStrategy === "function"
}

export const borrow = (
  client: Redis | Cluster,
  options: Common
): Effect.Effect<Opened, RedisError, Scope.Scope> =>
  Effect.gen(function*() {
    if (keyPrefixOf(client) !== "") {
      return yield* refused("the client has a keyPrefix, which is not supported: use the layer's option prefix")
    }
    if (resends(client)) {
      yield* Effect.logWarning(
        "The ioredis client may send commands twice when it reconnects: create it with autoResendUnfulfilledCommands: false"
      )
    }
    const limits = yield* limitsOf(options)
    const module = yield* ioredis
    const opening = { ...limits, logger: yield* logger }
    return yield* opened(
      isCluster(client) ? module.borrowCluster(client, opening) : module.borrow(client, opening),
      limits
    )
  })
