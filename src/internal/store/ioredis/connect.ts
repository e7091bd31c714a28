/** Connections through ioredis: making one, keeping it, and knowing its state. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis as Client, type RedisOptions } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Driver } from "../../../Driver.js"
import { heartbeatKey } from "../../key/reserved.js"
import { Batcher, type Link } from "./batch.js"
import * as IoredisDriver from "./driver.js"
import { feedOptions } from "./feed.js"
import { LocalClock } from "./localClock.js"
import { otherDatabase, reasonOf, timeoutError, toRedisError } from "./redisErrors.js"
import * as Scripts from "./scripts.js"
import { ServerClock } from "./serverClock.js"
import type { Server, Servers } from "./servers.js"

/** How long to wait before the next try to reconnect, in ms: from, to. */
const firstReconnect = 25
const lastReconnect = 500

/** A connection that answers nothing for so many times the limit of a command is made anew. */
const silentLimits = 3

/**
 * A slower link, in bytes a ms, is no better than none. Nothing tells here how much of what was written has arrived (the
 * kernel takes megabytes at once), so a link has the time that what it was given takes at this pace.
 */
const slowestLink = 64

/** With a random part, so that a fleet does not come back in step. */
const retryStrategy = (attempt: number): number =>
  Math.min(firstReconnect * 2 ** Math.min(attempt - 1, 10), lastReconnect) * (1 - Math.random() / 2)

type Stream = Client["stream"]

/** How often a connection that leads to a replica is made anew at the most, in ms. */
const renewEvery = 5_000

export interface ConnectOptions extends IoredisDriver.Options {
  /** In ms. */
  readonly connectTimeout: number
  readonly lazy: boolean
}

/** What every connection of our own is made with: nothing is sent twice, and nothing waits without a bound. */
export const ownOptions = {
  // Our own time limit answers.
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // A server that is loading its data is asked again as soon as one that is away.
  maxLoadingRetryTime: lastReconnect,
  lazyConnect: true,
  retryStrategy
} as const

/** Where the next command goes. A client that has not begun to connect will be where its options say. */
const databaseOf = ({ condition, options }: Client): number => condition?.select ?? options.db ?? 0

/** Follows a client's events. There is always a listener for its errors: they are told to those who ask. */
export class Connection implements Link {
  readonly clock: ServerClock
  /** The one that all is in: where the client is when the layer is made. */
  private readonly database: number
  private closed = false
  private made: number
  private decided: boolean
  private lastError: Error | undefined
  private waiting: Array<() => void> = []
  private handshake: ReturnType<typeof setTimeout> | undefined
  private farewell: ReturnType<typeof setTimeout> | undefined
  private revival: ReturnType<typeof setTimeout> | undefined
  private ends = 0
  private quiet: { readonly stream: Stream; readonly bytes: number; readonly since: number } | undefined
  private onceMore: () => void = () => {}
  private onMeasured: () => void = () => {}
  private renewing = false
  private renewed = -Infinity

  constructor(
    readonly client: Client,
    /** For so many ms without a byte, and as long as large values take, it may leave what it was asked unanswered; `undefined`: it is another's to end. */
    private readonly patience: number | undefined,
    readonly openFeed: () => Client,
    local: LocalClock,
    commandTimeout: number
  ) {
    this.clock = new ServerClock(client, local, commandTimeout, () => this.onMeasured())
    this.database = databaseOf(client)
    // Somebody else's client may have lost its connection, or ended, long ago.
    this.decided = !["wait", "connecting", "connect"].includes(client.status)
    this.made = client.status === "ready" ? 1 : 0
    client.on("error", this.onError)
    client.on("connect", this.onConnect)
    client.on("ready", this.onReady)
    client.on("close", this.onClose)
    client.on("end", this.onEnd)
  }

  state(): "ready" | "waiting" | "down" {
    if (this.closed) return "down"
    if (this.renewing) return "waiting"
    // Those that wait for what a new connection needs go first: an older write must not come after a newer one.
    if (this.client.status === "ready") return this.decided ? "ready" : "waiting"
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

  readonly failure = (operation: string): RedisError =>
    toRedisError(operation, this.lastError ?? new Error(`not connected (${this.client.status})`))

  get borrowed(): boolean {
    return this.patience === undefined
  }

  refusal(): ((operation: string) => RedisError) | undefined {
    const selected = databaseOf(this.client)
    return selected === this.database ? undefined : (operation) => otherDatabase(operation, selected, this.database)
  }

  connections(): number {
    return this.made
  }

  onReconnect(listener: () => void): void {
    this.onceMore = listener
  }

  /** Calls back whenever the server's time was measured. */
  onMeasure(listener: () => void): void {
    this.onMeasured = listener
  }

  close(): void {
    this.clock.close()
    clearTimeout(this.handshake)
    clearTimeout(this.farewell)
    clearTimeout(this.revival)
    this.client.off("connect", this.onConnect)
    this.client.off("ready", this.onReady)
    this.client.off("close", this.onClose)
    this.client.off("end", this.onEnd)
    // On a client of our own the listener for errors stays: one that comes late must not end the process.
    if (this.patience === undefined) this.client.off("error", this.onError)
    this.closed = true
    this.decide()
  }

  private readonly onError = (error: Error): void => {
    // The client says so of its own handshake when the link fails in the middle; what failed the link tells more.
    if (!error.message.startsWith("Stream isn't writeable") || this.lastError === undefined) this.lastError = error
    // A server that refuses a password keeps the connection open: this is the only sign.
    if (this.made === 0) this.decide()
  }

  private readonly onConnect = (): void => {
    if (this.patience === undefined) return
    this.unanswered()
    // What the client asks for itself has no time limit: a server may accept a connection and never speak.
    clearTimeout(this.handshake)
    this.handshake = setTimeout(this.onConnect, this.patience)
  }

  private readonly onReady = (): void => {
    this.made++
    this.ends = 0
    this.lastError = undefined
    this.prepare().catch(() => undefined).finally(() => {
      // Until then nothing else may be sent whose time limit could tell that there is no answer.
      clearTimeout(this.handshake)
      this.decide()
    })
    this.onceMore()
  }

  private readonly onClose = (): void => {
    clearTimeout(this.handshake)
    clearTimeout(this.farewell)
    if (this.renewing) {
      // It was closed to be made anew: those who wait are told what the next try comes to.
      this.renewing = false
      this.decided = false
    } else this.decide()
  }

  /**
   * A client of our own is not to end before we close it. ioredis gives up for ever where sentinels tell of another
   * master while one of them is being asked for it: it takes its connection for one that was closed on purpose.
   */
  private readonly onEnd = (): void => {
    this.onClose()
    if (this.patience === undefined) return
    clearTimeout(this.revival)
    this.revival = setTimeout(() => this.client.connect().catch(() => undefined), retryStrategy(++this.ends))
  }

  /**
   * A write met a replica. After a failover this address may lead to another server when it is connected to anew. What
   * was sent before is answered before, and what is asked for meanwhile waits: reads from a replica are not disturbed.
   */
  readOnly(): void {
    const now = performance.now()
    if (this.renewing || now - this.renewed < renewEvery) return
    this.renewed = now
    this.renewing = true
    const again = () => {
      clearTimeout(this.farewell)
      this.client.disconnect(true)
    }
    // Nothing else is sent meanwhile whose time limit could tell that this is never answered.
    this.farewell = setTimeout(again, this.patience)
    this.client.ping().then(again, again)
  }

  /**
   * A link that swallows everything is given up, long before TCP would: nothing was read from it for longer than values
   * of so many bytes may take on their way to the server. (ioredis's `socketTimeout` is not for that: its timer outlives
   * the connection that it was set for, and then ends the next one, which is well.)
   */
  unanswered(bytes = 0): void {
    // It is undefined before the first connection is made.
    const stream = this.client.stream as Stream | undefined
    if (this.patience === undefined || stream === undefined) return
    const now = performance.now()
    if (this.quiet?.stream !== stream || this.quiet.bytes !== stream.bytesRead) {
      this.quiet = { stream, bytes: stream.bytesRead, since: now }
    } else if (now - this.quiet.since >= this.patience + bytes / slowestLink) {
      stream.destroy(new Error(`no answer to anything for ${Math.round(now - this.quiet.since)} ms`))
    }
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

/** A connection of our own. `onReadOnly`: a write met a replica. */
export const open = (
  target: RedisOptions,
  { commandTimeout, connectTimeout }: { readonly commandTimeout: number; readonly connectTimeout: number },
  local: LocalClock,
  onReadOnly: (connection: Connection) => void
): Connection => {
  const connection: Connection = new Connection(
    new Client({
      ...target,
      ...ownOptions,
      connectTimeout,
      reconnectOnError: (error) => {
        if (reasonOf(error) === "ReadOnly") onReadOnly(connection)
        return false
      }
    }),
    silentLimits * commandTimeout,
    () => new Client({ ...target, connectTimeout, retryStrategy, ...feedOptions }),
    local,
    commandTimeout
  )
  return connection
}

/** A connection to a client of somebody else. */
export const follow = (
  client: Client,
  { commandTimeout }: { readonly commandTimeout: number },
  local: LocalClock
): Connection =>
  new Connection(
    client,
    undefined,
    () => client.duplicate({ ...feedOptions, retryStrategy }),
    local,
    commandTimeout
  )

/** One server. */
const alone = (connection: Connection, batcher: Batcher, prefix: string): Servers => {
  const server: Server = {
    sender: batcher,
    connections: () => connection.connections(),
    openFeed: connection.openFeed,
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
    clock: connection.clock
  }
}

const openDriver = (
  connection: Connection,
  options: IoredisDriver.Options
): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Batcher(connection, options.commandTimeout)),
      (batcher) => Effect.sync(() => batcher.close())
    ),
    (batcher) => IoredisDriver.make(alone(connection, batcher, options.prefix), options)
  )

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

/**
 * Sentinels, where there are any, are asked anew whenever a connection is made, and tell when there is another master:
 * the old one, if it lives, takes itself for the master for ten seconds more, and acknowledges what will be lost.
 */
const sentinelOptions = ({ tls }: RedisOptions, { connectTimeout }: ConnectOptions) => ({
  sentinelCommandTimeout: connectTimeout,
  failoverDetector: true,
  // Unless it is told this, the client keeps TLS for when there are no sentinels, and sends passwords in the clear.
  enableTLSForSentinelMode: tls !== undefined
})

/** A driver on a connection of its own, closed with the scope. */
export const connect = (
  target: RedisOptions,
  options: ConnectOptions
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  Effect.gen(function*() {
    const connection = yield* Effect.acquireRelease(
      Effect.try({
        try: () =>
          open(
            { ...sentinelOptions(target, options), ...target },
            options,
            new LocalClock(options.clocks),
            (one) => one.readOnly()
          ),
        catch: (error) => toRedisError("connect", error)
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
    Effect.sync(() => follow(client, options, new LocalClock(options.clocks))),
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
