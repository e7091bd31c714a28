/** Connections through ioredis: making one, keeping it, and knowing its state. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis as Client, type RedisOptions } from "ioredis"
import { RedisError } from "../../../CacheError.js"
import type { Driver } from "../../../Driver.js"
import type { Link } from "./batch.js"
import * as IoredisDriver from "./driver.js"
import { timeoutError, toRedisError } from "./redisErrors.js"
import * as Scripts from "./scripts.js"
import { ServerClock } from "./serverClock.js"

/** How long to wait before the next try to reconnect, in ms: from, to. */
const firstReconnect = 25
const lastReconnect = 500

const retryStrategy = (attempt: number): number =>
  Math.min(firstReconnect * 2 ** Math.min(attempt - 1, 10), lastReconnect)

export interface ConnectOptions extends IoredisDriver.Options {
  /** In ms. */
  readonly connectTimeout: number
  readonly lazy: boolean
}

/** Follows a client's events. There is always a listener for its errors: they are told to those who ask. */
class Connection implements Link {
  readonly clock: ServerClock
  private made: number
  private decided: boolean
  private lastError: Error | undefined
  private waiting: Array<() => void> = []

  constructor(readonly client: Client) {
    this.clock = new ServerClock(client)
    this.decided = client.status === "ready"
    this.made = this.decided ? 1 : 0
    client.on("error", this.onError)
    client.on("ready", this.onReady)
    client.on("close", this.decide)
    client.on("end", this.decide)
  }

  state(): "ready" | "waiting" | "down" {
    if (this.client.status === "ready") return "ready"
    if (this.client.status === "wait") {
      // It is lazy, and somebody needs it now. A failure shows as an event.
      this.client.connect().catch(() => undefined)
      return "waiting"
    }
    return this.decided ? "down" : "waiting"
  }

  onceDecided(listener: () => void): void {
    this.waiting.push(listener)
  }

  trouble(): string {
    return this.lastError?.message ?? `not connected (${this.client.status})`
  }

  failure(operation: string): RedisError {
    return toRedisError(operation, this.lastError ?? new Error(this.trouble()))
  }

  connections(): number {
    return this.made
  }

  close(): void {
    this.clock.close()
    this.client.off("ready", this.onReady)
    this.client.off("close", this.decide)
    this.client.off("end", this.decide)
    // The listener for errors stays: one that comes late must not end the process.
  }

  private readonly onError = (error: Error): void => {
    this.lastError = error
    // A server that refuses a password keeps the connection open: this is the only sign.
    if (this.made === 0) this.decide()
  }

  private readonly onReady = (): void => {
    this.made++
    this.lastError = undefined
    this.prepare().catch(() => undefined).finally(this.decide)
  }

  private readonly decide = (): void => {
    this.decided = true
    const waiting = this.waiting
    this.waiting = []
    for (const listener of waiting) listener()
  }

  /** What every new connection needs. It may fail: scripts are sent with their text where the server lacks them. */
  async prepare(): Promise<void> {
    const measured = this.clock.measure()
    const loaded = Scripts.all.map((script) => this.client.script("LOAD", script.lua))
    await Promise.all([measured, ...loaded])
  }
}

const openDriver = (
  connection: Connection,
  options: IoredisDriver.Options
): Effect.Effect<Driver, never, Scope.Scope> => IoredisDriver.make(connection, options, connection.clock)

/** Until the first connection is made and prepared, or has failed. */
const awaitReady = (connection: Connection, connectTimeout: number): Effect.Effect<void, RedisError> =>
  Effect.async<void, RedisError>((resume) => {
    const timer = setTimeout(() => resume(Effect.fail(timeoutError("connect", connectTimeout))), connectTimeout)
    connection.onceDecided(() => {
      clearTimeout(timer)
      resume(connection.state() === "ready" ? Effect.void : Effect.fail(connection.failure("connect")))
    })
    // Asking for the state starts a connection that is lazy.
    connection.state()
    return Effect.sync(() => clearTimeout(timer))
  })

/** A driver on a connection of its own, closed with the scope. */
export const connect = (
  target: { readonly url?: string | undefined; readonly options: RedisOptions },
  options: ConnectOptions
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  Effect.gen(function*() {
    const connection = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const redisOptions: RedisOptions = {
            ...target.options,
            // Nothing is sent twice, and nothing waits without a bound: our own time limit answers.
            autoResendUnfulfilledCommands: false,
            autoResubscribe: false,
            enableOfflineQueue: false,
            maxRetriesPerRequest: 0,
            connectTimeout: options.connectTimeout,
            lazyConnect: true,
            retryStrategy,
            // After a failover this address may be a replica's.
            reconnectOnError: (error) => error.message.startsWith("READONLY")
          }
          return new Connection(
            target.url === undefined ? new Client(redisOptions) : new Client(target.url, redisOptions)
          )
        },
        catch: (error) => new RedisError({ reason: "Connection", operation: "connect", cause: error })
      }),
      (opened) =>
        Effect.sync(() => {
          opened.close()
          opened.client.disconnect()
        })
    )
    if (!options.lazy) yield* awaitReady(connection, options.connectTimeout)
    return yield* openDriver(connection, options)
  })

/** A driver on somebody else's client, which is never closed here. */
export const borrow = (
  client: Client,
  options: IoredisDriver.Options
): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Connection(client)),
    (connection) => Effect.sync(() => connection.close())
  ).pipe(
    Effect.tap((connection) =>
      client.status === "ready" ? Effect.promise(() => connection.prepare().catch(() => undefined)) : Effect.void
    ),
    Effect.flatMap((connection) => openDriver(connection, options))
  )
