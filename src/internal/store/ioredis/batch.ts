/**
 * What is asked for in one tick leaves in one go: reads as one `MGET`, everything else as it is, all in the order of
 * asking. A tick ends when all microtasks have run (`process.nextTick` from a microtask comes after the last), so a
 * lone command waits for nothing. Where there is more to do, the first commands leave before the last are asked for, so
 * that the server does not wait for the client and then the client for the server.
 */
import type { Redis as Client } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Write } from "../../../Driver.js"
import { Deadlines, Limited } from "./deadlines.js"
import { connectionError, isNoScript, timeoutError, toRedisError, unexpectedReply } from "./redisErrors.js"
import { areValues, type Count, isOk, isQueued, type Shape } from "./replies.js"
import type { Argument } from "./request.js"
import type * as Scripts from "./scripts.js"
import type { ServerClock } from "./serverClock.js"
import { type Receiver, SetCommand, transmit, type Words } from "./wire.js"

/** The most keys of one `MGET`. */
export const maxReads = 1024

/** So many commands of one tick leave before it ends, then twice as many, and so on. Reads wait for their `MGET`. */
const firstPart = 32

/** The most commands of one batch, and the most bytes that it takes before another command begins a new one. */
const maxBatch = 512
const maxBatchBytes = 1024 * 1024

/**
 * The most commands that are under way. Beyond that they wait here for answers, and their time limit with them: a
 * hundred thousand keys take longer than one limit, and nobody is to be kept from the server for so long.
 */
const maxUnderWay = 4096

export type { Argument } from "./request.js"

/** What an asker is told: an answer, or why there is none. Called exactly once. */
export interface Asker<in Answer> {
  readonly answer: (answer: Answer) => void
  readonly fail: (error: RedisError) => void
}

/** Where commands are handed in. */
export interface Sender {
  readonly read: (key: string, asker: Asker<Buffer | undefined>) => void
  readonly write: (write: Write, asker: Asker<void>) => void
  readonly call: <A>(
    operation: string,
    name: string,
    args: ReadonlyArray<Argument>,
    gives: Shape<A>,
    asker: Asker<A>
  ) => void
  readonly run: <A>(
    script: Scripts.Script<A>,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<Argument>,
    asker: Asker<A>
  ) => void
}

/** A command, and who asked for it. */
interface Call {
  readonly operation: string
  readonly command: Words
  /** Sent with EVALSHA; its text follows where the server does not know it. */
  readonly script: Scripts.Script<unknown> | undefined
  /** Bytes of values that it carries. */
  readonly bytes: number
  /** Whether this is a reply to it; no other is told. */
  readonly fits: (reply: unknown) => boolean
  readonly asker: Asker<unknown>
}

/** The most frequent one: one object for each (see `Prepared` for why it is a class). */
class SetCall extends SetCommand implements Call {
  constructor(key: string, value: Buffer, life: number | undefined, readonly asker: Asker<unknown>) {
    super(key, value, life)
  }

  get operation(): string {
    return "set"
  }

  get command(): Words {
    return this
  }

  get script(): undefined {
    return undefined
  }

  get bytes(): number {
    return this.value.length
  }

  fits(reply: unknown): boolean {
    return isOk(reply)
  }
}

/** Wants the value of one place, or those of many; `undefined`: of the first `count`. */
type Reader =
  | { readonly place: number; readonly asker: Asker<Buffer | undefined> }
  | {
    readonly places: ReadonlyArray<number> | undefined
    readonly count: number
    readonly asker: Asker<ReadonlyArray<Buffer | undefined>>
  }

/** Keys that are read together, and who wants which. */
class Reads implements Call, Asker<unknown> {
  readonly operation = "get"
  readonly script = undefined
  readonly bytes = 0
  /** Where a key is in the command: the same key is asked for once, however many ask. The first to ask needs no table. */
  private places: Map<string, number> | undefined

  constructor(readonly command: [name: string, ...keys: Array<string>], private readonly readers: Array<Reader>) {}

  /** Whether there is room for so many more. */
  takes(count: number): boolean {
    return this.command.length + count <= maxReads + 1
  }

  read(key: string, asker: Asker<Buffer | undefined>): void {
    this.readers.push({ place: this.placeOf(key), asker })
  }

  readMany(keys: ReadonlyArray<string>, asker: Asker<ReadonlyArray<Buffer | undefined>>): void {
    this.readers.push({ places: keys.map((key) => this.placeOf(key)), count: keys.length, asker })
  }

  private placeOf(key: string): number {
    this.places ??= new Map(this.command.slice(1).map((other, i) => [other, i]))
    let place = this.places.get(key)
    if (place === undefined) {
      place = this.command.push(key) - 2
      this.places.set(key, place)
    }
    return place
  }

  get asker(): Asker<unknown> {
    return this
  }

  fits(reply: unknown): boolean {
    return areValues(reply, this.command.length - 1)
  }

  answer(reply: unknown): void {
    const values = (reply as ReadonlyArray<Buffer | null>).map((value) => value ?? undefined) // it fits
    for (const reader of this.readers) {
      if ("place" in reader) reader.asker.answer(values[reader.place])
      else if (reader.places !== undefined) reader.asker.answer(reader.places.map((place) => values[place]))
      else reader.asker.answer(values.length === reader.count ? values : values.slice(0, reader.count))
    }
  }

  fail(error: RedisError): void {
    for (const { asker } of this.readers) asker.fail(error)
  }
}

export const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What the batcher needs to know of the connection. */
export interface Link {
  readonly client: Client
  readonly clock: ServerClock
  /** Whether commands can go out now, may go out soon (the first connection is being made), or cannot. */
  readonly state: () => "ready" | "waiting" | "down"
  /** Calls back when the first connection is made or failed. */
  readonly onceDecided: (listener: () => void) => void
  /** Something was sent, and no answer came in time; values of so many bytes have been sent and not answered yet. */
  readonly unanswered: (bytes: number) => void
  /** Why it is down. */
  readonly failure: (operation: string) => RedisError
  /** It is another's to use as well: commands of ours may come into a transaction of the owner's, or to another database. */
  readonly borrowed: boolean
  /** Why nothing of ours may be sent, though it is ready; `undefined`: it may. */
  readonly refusal: () => ((operation: string) => RedisError) | undefined
}

export class Batcher implements Sender, BatchOwner {
  private queue: Array<Call> = []
  /** Where keys have slots: the last reads of each, as long as nothing else was asked for after them. */
  private readonly bySlot = new Map<number, Reads>()
  private scheduled = false
  /** Commands in the queue that are no reads, and how many of them leave at once. */
  private calls = 0
  private part = firstPart
  /** What waits for answers before it is sent, and since when. */
  private backlog: Array<{ readonly call: Call; readonly since: number }> = []
  private underWay = 0
  /** Of values that were sent and not answered, also where nobody waits for the answer any more. */
  private bytesOut = 0
  private closed = false
  private readonly deadlines: Deadlines

  constructor(
    private readonly link: Link,
    private readonly commandTimeout: number,
    /** On a cluster: the slot of a key. One command has keys of one slot only. */
    private readonly slotOf?: (key: string) => number
  ) {
    this.deadlines = new Deadlines(commandTimeout)
  }

  read(key: string, asker: Asker<Buffer | undefined>): void {
    const reads = this.openReads(key, 1)
    if (reads === undefined) this.pushReads(new Reads(["mget", key], [{ place: 0, asker }]))
    else reads.read(key, asker)
  }

  /** The same for many keys, at most `maxReads`, where one command may have them all. */
  readMany(keys: ReadonlyArray<string>, asker: Asker<ReadonlyArray<Buffer | undefined>>): void {
    const count = keys.length
    const reads = this.openReads(keys[0]!, count)
    if (reads === undefined) this.pushReads(new Reads(["mget", ...keys], [{ places: undefined, count, asker }]))
    else reads.readMany(keys, asker)
  }

  write(write: Write, asker: Asker<void>): void {
    // It is told of the OK, and does not look at it.
    this.pushCall(new SetCall(write.key, toBuffer(write.bytes), write.life, asker as Asker<unknown>))
  }

  call<A>(
    operation: string,
    name: string,
    args: ReadonlyArray<Argument>,
    gives: Shape<A>,
    asker: Asker<A>
  ): void {
    this.pushCall({
      operation,
      command: [name, ...args],
      script: undefined,
      bytes: bytesOf(args),
      fits: gives,
      asker: asker as Asker<unknown> // told what fits
    })
  }

  run<A>(
    script: Scripts.Script<A>,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<Argument>,
    asker: Asker<A>
  ): void {
    this.pushCall({
      operation: script.name,
      command: ["evalsha", script.sha, keys.length, ...keys, ...args],
      script,
      bytes: bytesOf(args),
      fits: script.gives,
      asker: asker as Asker<unknown> // told what fits
    })
  }

  /** Ends what still waits for an answer. Whoever asks afterwards is refused. */
  close(): void {
    this.closed = true
    this.deadlines.close()
  }

  /** Reads that were asked for last, if there is room for so many more and nothing else was asked for since. */
  private openReads(key: string, count: number): Reads | undefined {
    const last = this.slotOf === undefined ? this.queue[this.queue.length - 1] : this.bySlot.get(this.slotOf(key))
    return last instanceof Reads && last.takes(count) ? last : undefined
  }

  /** Later reads come after what is asked for now. Clearing a map makes a new one, so not for nothing. */
  private closeReads(): void {
    if (this.bySlot.size > 0) this.bySlot.clear()
  }

  private pushReads(reads: Reads): void {
    if (this.slotOf !== undefined) this.bySlot.set(this.slotOf(reads.command[1]!), reads)
    this.push(reads)
  }

  private pushCall(call: Call): void {
    this.closeReads()
    this.push(call)
    if (++this.calls < this.part) return
    this.part = Math.min(2 * this.part, maxBatch)
    this.depart()
  }

  private push(call: Call): void {
    this.queue.push(call)
    if (this.scheduled) return
    this.scheduled = true
    process.nextTick(this.flush)
  }

  private readonly flush = (): void => {
    this.scheduled = false
    this.part = firstPart
    if (this.queue.length > 0) this.depart()
  }

  private depart(): void {
    const calls = this.queue
    this.queue = []
    this.calls = 0
    this.closeReads()
    if (this.backlog.length === 0 && this.underWay < maxUnderWay && firstBatch(calls) === calls.length) {
      return this.send(calls)
    }
    const since = performance.now()
    for (const call of calls) this.backlog.push({ call, since })
    this.sendBacklog()
  }

  private sendBacklog(): void {
    while (this.backlog.length > 0 && this.underWay < maxUnderWay) {
      const next = this.backlog.slice(0, maxBatch).map(({ call }) => call)
      const batch = next.slice(0, firstBatch(next))
      // Out of the backlog first, so that nothing that comes of sending can send it twice.
      this.backlog.splice(0, batch.length)
      this.send(batch)
    }
  }

  private send(calls: Array<Call>): void {
    if (this.closed) return failAll(calls, layerClosed)
    const state = this.link.state()
    if (state === "down") return failAll(calls, this.link.failure)
    this.underWay += calls.length
    const batch = new Batch(calls, this.link, state === "ready", this)
    this.deadlines.start(batch)
    if (state === "ready") batch.leave()
    else this.link.onceDecided(batch.leave)
  }

  met(batch: Batch): void {
    this.deadlines.stop(batch)
  }

  ended(batch: Batch): void {
    this.underWay -= batch.size
    this.sendBacklog()
  }

  left(bytes: number): void {
    this.bytesOut += bytes
  }

  heard(bytes: number): void {
    this.bytesOut -= bytes
  }

  late(batch: Batch, calls: ReadonlyArray<Call>): void {
    this.underWay -= batch.size
    // What has waited for these answers as long is late, too; what came later is still sent.
    const due = this.closed ? Infinity : performance.now() - this.commandTimeout
    const young = this.backlog.findIndex(({ since }) => since > due)
    const waited = this.backlog.splice(0, young < 0 ? this.backlog.length : young)
    const all = [...calls, ...waited.map(({ call }) => call)]
    if (this.closed) return failAll(all, layerClosed)
    failAll(all, (operation) => timeoutError(operation, this.commandTimeout))
    this.sendBacklog()
    if (batch.wasReady) this.link.unanswered(this.bytesOut)
  }
}

interface BatchOwner {
  /** Values of so many bytes were sent. */
  readonly left: (bytes: number) => void
  /** Whatever was sent with them has been answered, in time or not, or its connection was lost. */
  readonly heard: (bytes: number) => void
  /** The last answer is here, and about to be told. */
  readonly met: (batch: Batch) => void
  /** Everybody was told. */
  readonly ended: (batch: Batch) => void
  /** Time is up; nobody has told these. */
  readonly late: (batch: Batch, calls: ReadonlyArray<Call>) => void
}

/** Commands that leave together. Each asker is told one thing, once: the answer, or that time is up. */
class Batch extends Limited implements Receiver {
  readonly size: number
  private open: number
  /** What was sent and has not been answered. */
  private unheard = 0
  /** Of values that it carries. */
  private bytes = 0
  /** When it left, by this machine's own time, if an answer will tell the server's. */
  private leftAt: number | undefined
  private isOver = false

  constructor(
    /** Those that were told are taken out. */
    private readonly waiting: Array<Call | undefined>,
    private readonly link: Link,
    readonly wasReady: boolean,
    private readonly owner: BatchOwner
  ) {
    super()
    this.size = waiting.length
    this.open = waiting.length
  }

  /** To be called when the connection is ready, or there is none. */
  readonly leave = (): void => {
    // What timed out while it waited for the connection is not sent any more.
    if (this.open === 0) return
    // All are still there: nobody could have been told.
    const calls = this.waiting as ReadonlyArray<Call>
    const refusal = this.refusal()
    if (refusal === undefined) {
      for (const { bytes, script } of calls) {
        this.bytes += bytes
        if (script?.tellsTime === true) this.leftAt ??= this.link.clock.local.now()
      }
      this.unheard = this.size
      this.owner.left(this.bytes)
      return transmit(this.link.client, calls.map(({ command }) => command), this)
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
    if (call !== undefined) {
      // A value may be the very word; on a connection of our own nothing else is.
      if ((this.link.borrowed && isQueued(reply)) || !call.fits(reply)) {
        return this.fail(index, unexpectedReply(call.operation, nameOf(call.command), reply))
      }
      if (call.script?.tellsTime === true) this.hear(reply)
      this.take(index)!.asker.answer(reply)
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
    // It was not run, so it is not run twice.
    transmit(this.link.client, [withText(script, command)], {
      onReply: (_, reply) => this.onReply(index, reply),
      onError: (_, again) => {
        this.heard()
        this.fail(index, toRedisError(operation, again))
      }
    })
  }

  expire(): void {
    const late = this.waiting.filter((call) => call !== undefined)
    this.waiting.fill(undefined)
    this.open = 0
    this.isOver = true
    this.owner.late(this, late)
  }

  /** Before it is told of: what is made of the answer may depend on the time. */
  private hear(reply: unknown): void {
    const { clock } = this.link
    const [time] = reply as readonly [Count] // so it begins
    clock.hear(Number(time), this.leftAt!, clock.local.now())
  }

  private heard(): void {
    if (--this.unheard === 0) this.owner.heard(this.bytes)
  }

  private fail(index: number, error: RedisError): void {
    this.take(index)?.asker.fail(error)
    this.told()
  }

  private take(index: number): Call | undefined {
    const call = this.waiting[index]
    if (call === undefined) return undefined
    this.waiting[index] = undefined
    // Before the last is told, so that nothing that comes of it can find this late.
    if (--this.open === 0) this.owner.met(this)
    return call
  }

  private told(): void {
    if (this.open > 0 || this.isOver) return
    this.isOver = true
    this.owner.ended(this)
  }
}

const bytesOf = (args: ReadonlyArray<Argument>): number => {
  let bytes = 0
  for (const argument of args) if (typeof argument === "object") bytes += argument.length
  return bytes
}

/** How many of these calls, from the first on, make a batch. */
const firstBatch = (calls: ReadonlyArray<Call>): number => {
  let bytes = 0
  for (let i = 0; i < calls.length; i++) {
    if (i === maxBatch || bytes >= maxBatchBytes) return i
    bytes += calls[i]!.bytes
  }
  return calls.length
}

export const layerClosed = (operation: string): RedisError => connectionError(operation, "the layer was closed")

const failAll = (calls: ReadonlyArray<Call>, error: (operation: string) => RedisError): void => {
  for (const { asker, operation } of calls) asker.fail(error(operation))
}

const nameOf = (command: Words): string => command instanceof SetCommand ? "set" : command[0]

/** The same call with the script's text. */
const withText = (
  script: Scripts.Script<unknown>,
  [, , ...rest]: ReadonlyArray<Argument>
): Words => ["eval", script.lua, ...rest]

export const setCommand = ({ bytes, key, life }: Write): SetCommand => new SetCommand(key, toBuffer(bytes), life)
