/** The driver on one server. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../CacheError.js"
import type { Driver } from "../driver/driver.js"
import { heartbeatKey } from "../key/reserved.js"
import { Batcher } from "./batch/batcher.js"
import { LocalClock } from "./clocks/localClock.js"
import { Connection } from "./connection/connection.js"
import * as RedisDriver from "./driver.js"
import { toRedisError } from "./errors.js"
import type { Client } from "./port.js"
import type { Server, Servers } from "./servers.js"

export interface ConnectOptions extends RedisDriver.Options {
  /** In ms. */
  readonly connectTimeout: number
  readonly lazy: boolean
}

const alone = (connection: Connection, batcher: Batcher, prefix: string): Servers => {
  const server: Server = {
    address: undefined,
    place: () => connection.client.place,
    sender: batcher,
    connections: () => connection.connections(),
    openFeed: () => connection.client.openFeed(),
    beacon: (id) => heartbeatKey(prefix, id),
    isBeacon: () => true
  }
  return {
    at: () => batcher,
    only: batcher,
    masters: () => [server],
    look: () => Promise.resolve(0),
    isMoving: () => Promise.resolve(false),
    observe: () => () => {},
    connections: server.connections,
    onReconnect: (listener) => connection.onReconnect(listener),
    clock: connection.clock,
    placeOf: server.place,
    figures: connection.figures
  }
}

const openDriver = (
  connection: Connection,
  options: RedisDriver.Options
): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Batcher(connection, options.commandTimeout, options.prefix)),
      (batcher) => Effect.sync(() => batcher.close())
    ),
    (batcher) => RedisDriver.make(alone(connection, batcher, options.prefix), options)
  )

/** Until the first connection is made and prepared, or has failed. */
const awaitReady = (connection: Connection, connectTimeout: number): Effect.Effect<void, RedisError> =>
  Effect.async<void, RedisError>((resume) => {
    const timer = setTimeout(() => resume(Effect.fail(connection.timedOut(connectTimeout))), connectTimeout)
    connection.onceDecided(() => {
      clearTimeout(timer)
      resume(connection.state() === "ready" ? Effect.void : Effect.fail(connection.failure("connect")))
    })
    // Asking for the state starts a connection that is lazy.
    connection.state()
    return Effect.sync(() => clearTimeout(timer))
  })

const follow = (client: Client, { clocks, commandTimeout, logger }: RedisDriver.Options): Connection =>
  new Connection(client, new LocalClock(clocks), commandTimeout, (connection) => connection.readOnly(), logger)

/** A driver on a connection of its own, closed with the scope. What `open` throws, it fails with. */
export const connect = (
  open: () => Client,
  options: ConnectOptions
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  Effect.gen(function*() {
    const connection = yield* Effect.acquireRelease(
      Effect.try({ try: () => follow(open(), options), catch: (error) => toRedisError("connect", error) }),
      (opened) =>
        Effect.sync(() => {
          opened.close()
          opened.client.disconnect()
        })
    )
    if (!options.lazy) yield* awaitReady(connection, options.connectTimeout)
    return yield* openDriver(connection, options)
  })

/** A driver on a borrowed client, which is never closed here. */
export const borrow = (client: Client, options: RedisDriver.Options): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => follow(client, options)),
    (connection) => Effect.sync(() => connection.close())
  ).pipe(
    Effect.tap((connection) =>
      // It may not answer: whatever this prepares can be done without.
      client.status === "ready"
        ? Effect.timeoutOption(
          Effect.promise(() => connection.prepare().catch(() => undefined)),
          options.commandTimeout
        )
        : Effect.void
    ),
    Effect.flatMap((connection) => openDriver(connection, options))
  )
