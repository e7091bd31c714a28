/**
 * What is asked for in one tick leaves in one go: reads as one `MGET`, everything else as it is, all in the order of
 * asking. A tick ends when all microtasks have run (`process.nextTick` from a microtask comes after the last), so a
 * lone command waits for nothing. Where there is more to do, the first commands leave before the last are asked for, so
 * that the server does not wait for the client and then the client for the server.
 */
import type { Redis as Client } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Write } from "../../../Driver.js"
import { Deadlines } from "./deadlines.js"
import { connectionError, isNoScript, timeoutError, toRedisError } from "./redisErrors.js"
import type * as Scripts from "./scripts.js"
import { type Argument, transmit, type Words } from "./wire.js"

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

export type { Argument } from "./wire.js"

/** What an asker is told: an answer, or why there is none. Called exactly once. */
export interface Asker<in Answer> {
  readonly answer: (answer: Answer) => void
  readonly fail: (error: RedisError) => void
}

/** Where commands are handed in. */
export interface Sender {
  readonly read: (key: string, asker: Asker<Buffer | undefined>) => void
  readonly write: (write: Write, asker: Asker<void>) => void
  readonly call: (operation: string, name: string, args: ReadonlyArray<Argument>, asker: Asker<unknown>) => void
  readonly run: (
    script: Scripts.Script,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<Argument>,
    asker: Asker<unknown>
  ) => void
}

/** A command, and who asked for it. */
interface Call {
  readonly kind: "call"
  readonly operation: string
  readonly command: Words
  /** Sent with EVALSHA; its text follows where the server does not know it. */
  readonly script: Scripts.Script | undefined
  /** Bytes of values that it carries. */
  readonly bytes: number
  readonly asker: Asker<unknown>
}

/** Keys that are read together, and who wants which. */
interface Reads {
  readonly kind: "reads"
  readonly keys: Array<string>
  /** Where a key is in `keys`: the same key is asked for once, however many ask. The first to ask needs no table. */
  places: Map<string, number> | undefined
  readonly readers: Array<Reader>
}

/** Wants the value of one place, or those of many; `undefined`: of the first `count`. */
type Reader =
  | { readonly place: number; readonly asker: Asker<Buffer | undefined> }
  | {
    readonly places: ReadonlyArray<number> | undefined
    readonly count: number
    readonly asker: Asker<ReadonlyArray<Buffer | undefined>>
  }

export const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What the batcher needs to know of the connection. */
export interface Link {
  readonly client: Client
  /** Whether commands can go out now, may go out soon (the first connection is being made), or cannot. */
  readonly state: () => "ready" | "waiting" | "down"
  /** Calls back when the first connection is made or failed. */
  readonly onceDecided: (listener: () => void) => void
  /** Something was sent, and no answer came in time. */
  readonly unanswered: () => void
  /** Why it is down. */
  readonly failure: (operation: string) => RedisError
}

export class Batcher implements Sender {
  private queue: Array<Reads | Call> = []
  /** Where keys have slots: the last reads of each, as long as nothing else was asked for after them. */
  private readonly bySlot = new Map<number, Reads>()
  private scheduled = false
  /** Commands in the queue that are no reads, and how many of them leave at once. */
  private calls = 0
  private part = firstPart
  /** What waits for answers before it is sent, and since when. */
  private backlog: Array<{ readonly call: Call; readonly since: number }> = []
  private underWay = 0
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
    if (reads === undefined) {
      this.pushReads({ kind: "reads", keys: [key], places: undefined, readers: [{ place: 0, asker }] })
    } else reads.readers.push({ place: placeOf(reads, key), asker })
  }

  /** The same for many keys, at most `maxReads`, where one command may have them all. */
  readMany(keys: ReadonlyArray<string>, asker: Asker<ReadonlyArray<Buffer | undefined>>): void {
    const count = keys.length
    const reads = this.openReads(keys[0]!, count)
    if (reads === undefined) {
      this.pushReads({
        kind: "reads",
        keys: [...keys],
        places: undefined,
        readers: [{ places: undefined, count, asker }]
      })
    } else reads.readers.push({ places: keys.map((key) => placeOf(reads, key)), count, asker })
  }

  write(write: Write, asker: Asker<void>): void {
    this.pushCall({
      kind: "call",
      operation: "set",
      command: setCommand(write),
      script: undefined,
      bytes: write.bytes.length,
      asker: asker as Asker<unknown> // it does not look at the OK
    })
  }

  call(operation: string, name: string, args: ReadonlyArray<Argument>, asker: Asker<unknown>): void {
    const command: Words = [name, ...args]
    this.pushCall({ kind: "call", operation, command, script: undefined, bytes: bytesOf(args), asker })
  }

  run(
    script: Scripts.Script,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<Argument>,
    asker: Asker<unknown>
  ): void {
    const command: Words = ["EVALSHA", script.sha, keys.length, ...keys, ...args]
    this.pushCall({ kind: "call", operation: script.name, command, script, bytes: bytesOf(args), asker })
  }

  /** Ends what still waits for an answer. Whoever asks afterwards is refused. */
  close(): void {
    this.closed = true
    this.deadlines.close()
  }

  /** Reads that were asked for last, if there is room for so many more and nothing else was asked for since. */
  private openReads(key: string, count: number): Reads | undefined {
    const last = this.slotOf === undefined ? this.queue[this.queue.length - 1] : this.bySlot.get(this.slotOf(key))
    return last !== undefined && last.kind === "reads" && last.keys.length + count <= maxReads ? last : undefined
  }

  private pushReads(reads: Reads): void {
    if (this.slotOf !== undefined) this.bySlot.set(this.slotOf(reads.keys[0]!), reads)
    this.push(reads)
  }

  private pushCall(call: Call): void {
    this.bySlot.clear()
    this.push(call)
    if (++this.calls < this.part) return
    this.part = Math.min(2 * this.part, maxBatch)
    this.depart()
  }

  private push(segment: Reads | Call): void {
    this.queue.push(segment)
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
    const segments = this.queue
    this.queue = []
    this.calls = 0
    this.bySlot.clear()
    const calls = segments.map((segment) => segment.kind === "call" ? segment : mget(segment))
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

  private send(batch: ReadonlyArray<Call>): void {
    if (this.closed) return failAll(batch, layerClosed)
    const state = this.link.state()
    if (state === "down") return failAll(batch, this.link.failure)
    // Every member is told one thing, once: its answer, or that time is up.
    const waiting: Array<Call | undefined> = [...batch]
    let open = batch.length
    this.underWay += batch.length
    const met = this.deadlines.start(() => {
      open = 0
      this.underWay -= batch.length
      // What has waited for these answers as long is late, too; what came later is still sent.
      const due = this.closed ? Infinity : performance.now() - this.commandTimeout
      const young = this.backlog.findIndex(({ since }) => since > due)
      const waited = this.backlog.splice(0, young < 0 ? this.backlog.length : young)
      const late = [...waiting.splice(0), ...waited.map(({ call }) => call)]
      if (this.closed) return failAll(late, layerClosed)
      failAll(late, (operation) => timeoutError(operation, this.commandTimeout))
      this.sendBacklog()
      if (state === "ready") this.link.unanswered()
    })
    const settle = (index: number, tell: (call: Call) => void): void => {
      const call = waiting[index]
      if (call === undefined) return
      waiting[index] = undefined
      open--
      if (open === 0) met()
      tell(call)
      if (open > 0) return
      this.underWay -= batch.length
      this.sendBacklog()
    }
    const receiver = {
      onReply: (index: number, reply: unknown) => settle(index, ({ asker }) => asker.answer(reply)),
      onError: (index: number, error: unknown) => {
        const call = waiting[index]
        if (call?.script !== undefined && isNoScript(error)) {
          // It was not run, so it is not run twice.
          transmit(this.link.client, [withText(call.script, call.command)], {
            onReply: (_, reply) => receiver.onReply(index, reply),
            onError: (_, again) => settle(index, ({ asker, operation }) => asker.fail(toRedisError(operation, again)))
          })
        } else settle(index, ({ asker, operation }) => asker.fail(toRedisError(operation, error)))
      }
    }
    const leave = (): void => {
      // What timed out while it waited for the connection is not sent any more.
      if (open === 0) return
      if (this.link.state() === "ready") {
        return transmit(
          this.link.client,
          batch.map(({ command }) => command),
          receiver
        )
      }
      for (const index of batch.keys()) {
        settle(index, ({ asker, operation }) => asker.fail(this.link.failure(operation)))
      }
    }
    if (state === "ready") leave()
    else this.link.onceDecided(leave)
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

const failAll = (calls: ReadonlyArray<Call | undefined>, error: (operation: string) => RedisError): void => {
  for (const call of calls) call?.asker.fail(error(call.operation))
}

/** The same call with the script's text. */
const withText = (script: Scripts.Script, [, , ...rest]: Words): Words => ["EVAL", script.lua, ...rest]

export const setCommand = ({ bytes, key, life }: Write): [name: string, ...args: Array<Argument>] =>
  life === undefined ? ["SET", key, toBuffer(bytes)] : ["SET", key, toBuffer(bytes), "PX", life]

const placeOf = (reads: Reads, key: string): number => {
  reads.places ??= new Map(reads.keys.map((other, i) => [other, i]))
  let place = reads.places.get(key)
  if (place === undefined) {
    place = reads.keys.push(key) - 1
    reads.places.set(key, place)
  }
  return place
}

const mget = ({ keys, readers }: Reads): Call => ({
  kind: "call",
  operation: "get",
  command: ["MGET", ...keys],
  script: undefined,
  bytes: 0,
  asker: {
    answer: (reply) => {
      const values = (reply as ReadonlyArray<Buffer | null>).map((value) => value ?? undefined) // what MGET answers with
      for (const reader of readers) {
        if ("place" in reader) reader.asker.answer(values[reader.place])
        else if (reader.places !== undefined) reader.asker.answer(reader.places.map((place) => values[place]))
        else reader.asker.answer(values.length === reader.count ? values : values.slice(0, reader.count))
      }
    },
    fail: (error) => {
      for (const { asker } of readers) asker.fail(error)
    }
  }
})
