/** One connection to one server: it is kept up, its state is known, and it is replaced when it has become useless. */
import type { RedisError } from "../../../CacheError.js"
import type { Link } from "../batch/batch.js"
import type { LocalClock } from "../clocks/localClock.js"
import { ServerClock } from "../clocks/serverClock.js"
import { otherDatabase, reasonOf, timeoutError, toRedisError } from "../errors.js"
import type { Client, Socket } from "../port.js"
import * as Scripts from "../scripts.js"
import { ServerFigures } from "./figures.js"
import { explain, explainTls, isRefusal } from "./firstWords.js"
import { Log, type Logger, nameOf, silent } from "./log.js"

/** How long to wait before the next try to reconnect, in ms: from, to. */
const firstReconnect = 25
export const lastReconnect = 500

/** If a connection answers nothing for this many times a command's time limit, it is made anew. */
const silentLimits = 3

/**
 * A link that is slower than this, in bytes per ms, counts as dead. It cannot be known here how many of the written
 * bytes have arrived (the kernel takes megabytes at once), so a link has the time that the bytes take at this pace.
 */
const slowestLink = 64

/** Whether the link failed while the client wrote, was closed, or carries bytes that the client does not understand. */
const isLinkError = (error: Error): boolean => /EPIPE|ECONNRESET|closed|Protocol error/.test(error.message)

/** With a random part, so that a fleet does not come back in step. */
export const reconnectPause = (attempt: number): number =>
  Math.min(firstReconnect * 2 ** Math.min(attempt - 1, 10), lastReconnect) * (1 - Math.random() / 2)

/** A connection that leads to a replica is made anew at most once in this time, in ms. */
const renewEvery = 5_000

/** Follows the events of a client. Its errors go to the callers of operations. */
export class Connection implements Link {
  readonly clock: ServerClock
  readonly figures: ServerFigures
  /** The database that everything is kept in: the one that the client has selected when the layer is made. */
  private readonly database: number
  private closed = false
  private made: number
  private decided: boolean
  private lastError: Error | undefined
  /** It has a socket; and is ready for commands. */
  private isTaken = false
  private isReady = false
  private isOverhearing = false
  /** The first bytes that came over its socket. */
  private firstWords: Uint8Array | undefined
  private readonly log: Log
  private waiting: Array<() => void> = []
  private handshake: ReturnType<typeof setTimeout> | undefined
  private farewell: ReturnType<typeof setTimeout> | undefined
  private revival: ReturnType<typeof setTimeout> | undefined
  private ends = 0
  private quiet: { readonly socket: Socket; readonly bytes: number; readonly since: number } | undefined
  private onceMore: () => void = () => {}
  private onMeasured: () => void = () => {}
  private renewing = false
  private renewed = -Infinity
  /** How long it may answer nothing, in ms without a byte; large values on their way add the time that they take. */
  private readonly patience: number | undefined
  private readonly forget: () => void

  constructor(
    readonly client: Client,
    local: LocalClock,
    commandTimeout: number,
    /** A write met a replica. */
    onReadOnly: (connection: Connection) => void,
    logger: Logger = silent
  ) {
    // Only its owner may end a borrowed client.
    this.patience = client.borrowed ? undefined : silentLimits * commandTimeout
    this.clock = new ServerClock(client, local, commandTimeout, () => this.onMeasured())
    this.database = client.database
    this.log = new Log(logger, () => client.place)
    this.figures = new ServerFigures(() => client.place, this.log)
    // A borrowed client may have lost its connection, or ended, long ago.
    this.decided = !["wait", "connecting", "connect"].includes(client.status)
    this.made = client.status === "ready" ? 1 : 0
    this.forget = client.listen({
      onError: this.onError,
      onConnect: this.onConnect,
      onFirstBytes: (bytes) => {
        this.firstWords ??= bytes
      },
      onReady: this.onReady,
      onClose: this.onClose,
      onEnd: this.onEnd,
      onRefusal: (error) => {
        if (reasonOf(error) === "ReadOnly") onReadOnly(this)
      }
    })
  }

  state(): "ready" | "waiting" | "down" {
    if (this.closed) return "down"
    if (this.renewing) return "waiting"
    // Commands that wait for the new connection's preparation go first: an older write must not come after a newer one.
    if (this.client.status === "ready") return this.decided ? "ready" : "waiting"
    if (this.client.status === "wait") {
      // It is lazy, and needed now. If it fails, an event reports that.
      this.client.connect()
      return "waiting"
    }
    return this.decided ? "down" : "waiting"
  }

  onceDecided(listener: () => void): void {
    this.waiting.push(listener)
  }

  readonly failure = (operation: string): RedisError => {
    const error = this.lastError ?? new Error(`not connected (${this.client.status})`)
    return toRedisError(operation, error, nameOf(this.client.place))
  }

  /** The first connection was not ready in time. */
  timedOut(millis: number): RedisError {
    const { place, secure } = this.client
    // A server that does not speak TLS reads the handshake as an unfinished command, and waits for its end.
    const hint = secure && !this.isTaken
      ? "; the TLS handshake did not finish: does the server speak TLS on this port?"
      : ""
    return timeoutError("connect", millis, ` (${nameOf(place)}${hint})`)
  }

  get borrowed(): boolean {
    return this.client.borrowed
  }

  refusal(): ((operation: string) => RedisError) | undefined {
    const selected = this.client.database
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
    this.forget()
    this.figures.close()
    this.closed = true
    this.decide()
  }

  private readonly onError = (error: Error, isConsequence: boolean): void => {
    const tls = explainTls(error.message)
    if (tls !== undefined) this.lastError = new Error(tls)
    else if (reasonOf(error) === "Auth") this.lastError = error
    else if (this.isTaken && !this.isReady && this.firstWords === undefined && isLinkError(error)) {
      this.lastError = error
      this.overhear()
    } else if (!this.hungUp() && (this.lastError === undefined || !isConsequence)) {
      // The error that broke the link says more than the errors that follow from it.
      this.lastError = error
    }
    // A server that refuses a password keeps the connection open: this is the only sign.
    if (this.made > 0) return
    this.lose()
    if (!this.isOverhearing) this.decide()
  }

  /** Whether the server has said why it hangs up, or is not a Redis: errors that follow say less than that. */
  private hungUp(): boolean {
    return this.isTaken && !this.isReady && this.hasTold(this.firstWords)
  }

  private hasTold(words: Uint8Array | undefined): boolean {
    if (words === undefined || !isRefusal(words)) return false
    if (this.lastError === undefined || reasonOf(this.lastError) !== "Auth") this.lastError = new Error(explain(words))
    return true
  }

  /**
   * A server that refuses connections says why and hangs up. By then the client has already written, and fails before
   * it reads the reason. So a second connection is made that writes nothing, only to read it.
   */
  private overhear(): void {
    if (this.isOverhearing || this.client.borrowed) return
    this.isOverhearing = true
    void this.client.overhear().then((bytes) => {
      this.isOverhearing = false
      if (this.closed || this.isReady) return
      this.hasTold(this.firstWords ?? (bytes.length > 0 ? bytes : undefined))
      this.decide()
    })
  }

  private lose(): void {
    this.figures.down(true)
    // If the first attempt fails, the layer fails with the error, so the log need not have it.
    this.log.lost(this.lastError?.message ?? "the server closed the connection", this.made === 0 && !this.decided)
  }

  private readonly onConnect = (): void => {
    this.isTaken = true
    this.firstWords = undefined
    if (this.patience === undefined) return
    this.unanswered()
    // The client's own commands have no time limit: a server may accept a connection and never speak.
    clearTimeout(this.handshake)
    this.handshake = setTimeout(this.onConnect, this.patience)
  }

  private readonly onReady = (): void => {
    this.made++
    this.ends = 0
    this.lastError = undefined
    this.isReady = true
    this.figures.down(false)
    this.log.back()
    this.prepare().catch(() => undefined).finally(() => {
      // Until then, perhaps no command is sent whose time limit could show that there is no answer.
      clearTimeout(this.handshake)
      this.decide()
    })
    this.onceMore()
  }

  private readonly onClose = (): void => {
    if (!this.hungUp() && this.isTaken && !this.isReady && this.firstWords === undefined) {
      this.lastError ??= new Error(explain(new Uint8Array(0)))
    }
    this.isReady = false
    this.isTaken = false
    this.lose()
    clearTimeout(this.handshake)
    clearTimeout(this.farewell)
    if (this.renewing) {
      // It was closed to be made anew: those that wait get the outcome of the next attempt.
      this.renewing = false
      this.decided = false
    } else if (!this.isOverhearing) this.decide()
  }

  /**
   * A client of our own must not end before we close it. It may give up for good: if sentinels announce another master
   * while one of them is being asked for the master, ioredis believes that its connection was closed on purpose.
   */
  private readonly onEnd = (): void => {
    this.onClose()
    if (this.patience === undefined) return
    clearTimeout(this.revival)
    this.revival = setTimeout(() => this.client.connect(), reconnectPause(++this.ends))
  }

  /**
   * A write met a replica. After a failover, a new connection to this address may lead to another server. Commands that
   * were sent before are answered first, and new ones wait meanwhile: reads from a replica are not disturbed.
   */
  readOnly(): void {
    const now = performance.now()
    if (this.renewing || now - this.renewed < renewEvery) return
    this.renewed = now
    this.renewing = true
    const again = () => {
      clearTimeout(this.farewell)
      this.client.reconnect()
    }
    // Meanwhile, no other command is sent whose time limit could show that this one is never answered.
    this.farewell = setTimeout(again, this.patience)
    this.client.ask("ping").then(again, again)
  }

  /**
   * Gives up a link that swallows everything, long before TCP would: nothing was read from it for longer than values of
   * this many bytes may take on their way to the server. (ioredis's `socketTimeout` does not serve here: its timer
   * outlives the connection that it was set for, and then ends the next one, which is healthy.)
   */
  unanswered(bytes = 0): void {
    const { socket } = this.client
    if (this.patience === undefined || socket === undefined) return
    const now = performance.now()
    if (this.quiet?.socket !== socket || this.quiet.bytes !== socket.bytesRead) {
      this.quiet = { socket, bytes: socket.bytesRead, since: now }
    } else if (now - this.quiet.since >= this.patience + bytes / slowestLink) {
      socket.destroy(new Error(`no answer to anything for ${Math.round(now - this.quiet.since)} ms`))
    }
  }

  private readonly decide = (): void => {
    this.decided = true
    const waiting = this.waiting
    this.waiting = []
    for (const listener of waiting) listener()
  }

  /** Prepares a new connection. It may fail: if the server lacks scripts, they are sent with their text. */
  async prepare(): Promise<void> {
    const measured = this.clock.measure()
    const loaded = Scripts.all.map((script) => this.client.ask("script", "LOAD", script.lua))
    await Promise.all([measured, ...loaded])
  }
}
