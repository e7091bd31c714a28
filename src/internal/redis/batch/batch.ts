/** Commands that leave together, and the outcome of each. */
import type { RedisError } from "../../../CacheError.js"
import type { ServerClock } from "../clocks/serverClock.js"
import type { ServerFigures } from "../connection/figures.js"
import { connectionError, isNoScript, toRedisError, unexpectedReply } from "../errors.js"
import type { Script } from "../lua.js"
import type { Client, Receiver } from "../port.js"
import { type Count, isQueued } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { nameOf, SetCommand, type Words } from "../resp/words.js"
import { type Call, Reads } from "./calls.js"
import { Limited } from "./deadlines.js"

/** What the batcher needs to know of the connection. */
export interface Link {
  readonly client: Pick<Client, "send">
  readonly clock: ServerClock
  /** Whether commands can go out now, may go out soon (the first connection is being made), or cannot. */
  readonly state: () => "ready" | "waiting" | "down"
  /** Calls back when the first connection is made or failed. */
  readonly onceDecided: (listener: () => void) => void
  /** Commands were sent, and no answer came in time; values of this many bytes have been sent and not answered yet. */
  readonly unanswered: (bytes: number) => void
  /** Why it is down. */
  readonly failure: (operation: string) => RedisError
  /** Its owner uses it as well: our commands may become part of the owner's transaction, or go to another database. */
  readonly borrowed: boolean
  readonly figures: ServerFigures
  /** Why our commands may not be sent, though it is ready; `undefined`: they may. */
  readonly refusal: () => ((operation: string) => RedisError) | undefined
}

export interface BatchOwner {
  /** Values of this many bytes were sent. */
  readonly left: (bytes: number) => void
  /** The commands that carried them have been answered, in time or not, or their connection was lost. */
  readonly heard: (bytes: number) => void
  /** The last answer is here, and about to be delivered. */
  readonly met: (batch: Batch) => void
  /** All callbacks were called. */
  readonly ended: (batch: Batch) => void
  /** Time is up; these calls have not been answered. */
  readonly late: (batch: Batch, calls: ReadonlyArray<Call>) => void
}

/** Commands that leave together. Each callback is called once: with the answer, or because time is up. */
export class Batch extends Limited implements Receiver {
  readonly size: number
  private open: number
  /** How much was sent and has not been answered. */
  private unheard = 0
  /** Of values that it carries. */
  private bytes = 0
  /** When it left, by this machine's clock, if an answer will have the server's time. */
  private leftAt: number | undefined
  private isOver = false
  /** Reads that were late: their answers still show how large values are. */
  private overdue: ReadonlyArray<Reads | undefined> | undefined
  /** For metrics: when it was sent, the first command of each kind in it, and those kinds of which one failed. */
  private sentAt = 0
  private kind: Call | undefined
  private otherKinds: Array<Call> | undefined
  private failures: Map<string, RedisError["reason"]> | undefined

  constructor(
    /** Calls that were answered are taken out. */
    private readonly waiting: Array<Call | undefined>,
    private readonly link: Link,
    readonly wasReady: boolean,
    /** How many bytes of large values its answers are expected to have. */
    readonly expected: number,
    private readonly owner: BatchOwner
  ) {
    super()
    this.size = waiting.length
    this.open = waiting.length
  }

  /** Call it when the connection is ready, or there is none. */
  readonly leave = (): void => {
    // Calls that timed out while they waited for the connection are not sent any more.
    if (this.open === 0) return
    // All are still there: none can have been answered.
    const calls = this.waiting as ReadonlyArray<Call>
    const refusal = this.refusal()
    if (refusal === undefined) {
      for (const call of calls) {
        const { bytes, script } = call
        this.bytes += bytes
        this.noteKind(call)
        if (script?.tellsTime === true) this.leftAt ??= this.link.clock.local.now()
      }
      this.unheard = this.size
      this.sentAt = performance.now()
      this.owner.left(this.bytes)
      return this.link.client.send(calls.map(({ command }) => command), this)
    }
    for (let i = 0; i < this.size; i++) this.fail(i, refusal(calls[i]!.operation))
  }

  /** Why it cannot leave. */
  private refusal(): ((operation: string) => RedisError) | undefined {
    return this.link.state() === "ready" ? this.link.refusal() : this.link.failure
  }

  onReply(index: number, reply: unknown): void {
    this.heard()
    const call = this.waiting[index]
    if (call === undefined) this.overdue?.[index]?.learn(reply)
    else {
      // A value may be this very word; on a connection of our own nothing else can be.
      if ((this.link.borrowed && isQueued(reply)) || !call.fits(reply)) {
        return this.fail(index, unexpectedReply(call.operation, nameOf(call.command), reply))
      }
      if (call.script?.tellsTime === true) this.hear(reply)
      this.take(index)!.callback.answer(reply)
    }
    this.told()
  }

  onError(index: number, error: unknown): void {
    const call = this.waiting[index]
    if (call === undefined) return this.heard()
    const { command, operation, script } = call
    const isUnknown = script !== undefined && !(command instanceof SetCommand) && isNoScript(error)
    const refusal = isUnknown ? this.refusal() : undefined
    if (!isUnknown || refusal !== undefined) {
      this.heard()
      return this.fail(index, refusal?.(operation) ?? toRedisError(operation, error))
    }
    // It did not run, so it does not run twice.
    this.link.client.send([withText(script, command)], {
      onReply: (_, reply) => this.onReply(index, reply),
      onError: (_, again) => {
        this.heard()
        this.fail(index, toRedisError(operation, again))
      }
    })
  }

  expire(): void {
    const late = this.waiting.filter((call) => call !== undefined)
    this.overdue = this.waiting.map((call) => call instanceof Reads ? call : undefined)
    this.waiting.fill(undefined)
    this.open = 0
    this.isOver = true
    for (const { operation } of late) this.noteFailure(operation, "Timeout")
    this.measure()
    this.owner.late(this, late)
  }

  /** Called before the answer is delivered: what the caller makes of it may depend on the time. */
  private hear(reply: unknown): void {
    const { clock } = this.link
    const [time] = reply as readonly [Count] // so it begins
    clock.hear(Number(time), this.leftAt!, clock.local.now())
  }

  private heard(): void {
    if (--this.unheard === 0) this.owner.heard(this.bytes)
  }

  private noteKind(call: Call): void {
    this.kind ??= call
    if (this.kind.operation === call.operation) return
    // Most batches have commands of one kind.
    this.otherKinds ??= []
    if (this.otherKinds.every(({ operation }) => operation !== call.operation)) this.otherKinds.push(call)
  }

  private noteFailure(operation: string, reason: RedisError["reason"]): void {
    this.failures ??= new Map()
    this.failures.set(operation, reason)
  }

  private measure(): void {
    if (this.kind === undefined) return
    const millis = performance.now() - this.sentAt
    this.link.figures.roundTrip(this.kind, millis, this.failures?.get(this.kind.operation))
    for (const call of this.otherKinds ?? none) {
      this.link.figures.roundTrip(call, millis, this.failures?.get(call.operation))
    }
  }

  private fail(index: number, error: RedisError): void {
    const call = this.waiting[index]
    if (call !== undefined) this.noteFailure(call.operation, error.reason)
    this.take(index)?.callback.fail(error)
    this.told()
  }

  private take(index: number): Call | undefined {
    const call = this.waiting[index]
    if (call === undefined) return undefined
    this.waiting[index] = undefined
    // Before the last answer is delivered, so that nothing that follows from it can find this batch late.
    if (--this.open === 0) {
      this.measure()
      this.owner.met(this)
    }
    return call
  }

  private told(): void {
    if (this.open > 0 || this.isOver) return
    this.isOver = true
    this.owner.ended(this)
  }
}

const none: ReadonlyArray<Call> = []

export const layerClosed = (operation: string): RedisError => connectionError(operation, "the layer was closed")

export const failAll = (calls: ReadonlyArray<Call>, error: (operation: string) => RedisError): void => {
  for (const { callback, operation } of calls) callback.fail(error(operation))
}

/** The same call with the script's text. */
const withText = (
  script: Script<unknown>,
  [, , ...rest]: ReadonlyArray<Argument>
): Words => ["eval", script.lua, ...rest]
