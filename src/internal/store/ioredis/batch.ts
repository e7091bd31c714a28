/**
 * What is asked for in one tick leaves in one go: reads as one `MGET`, plain sets as one script call, everything else
 * as it is, all in the order of asking. A tick ends when all microtasks have run (`process.nextTick` from a microtask
 * comes after the last), so a lone command waits for nothing.
 */
import { Command, type Redis as Client } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Write } from "../../../Driver.js"
import { Deadlines } from "./deadlines.js"
import { connectionError, isNoScript, timeoutError, toRedisError } from "./redisErrors.js"
import * as Scripts from "./scripts.js"

/** The most keys of one `MGET`, and the most values (and bytes) of one call that sets them. */
const maxReads = 1024
const maxWrites = 256
const maxWriteBytes = 1024 * 1024

/**
 * The most commands of one pipeline, and of all that are under way. Beyond that they wait here for answers, and their
 * time limit with them: a hundred thousand keys take longer than one limit, and nobody is to be kept from the server
 * for so long.
 */
const maxPipeline = 512
const maxUnderWay = 4096

export type Argument = string | Buffer | number

/** What an asker is told: an answer, or why there is none. Called exactly once. */
export interface Asker<Answer> {
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

interface Reads {
  readonly kind: "reads"
  readonly keys: Array<string>
  /** Where a key is in `keys`: the same key is asked for once, however many ask. A lone key needs no table. */
  places: Map<string, number> | undefined
  readonly askers: Array<Asker<Buffer | undefined>>
  readonly wanted: Array<number>
}

interface Writes {
  readonly kind: "writes"
  readonly writes: Array<Write>
  readonly askers: Array<Asker<void>>
  bytes: number
}

interface Call {
  readonly kind: "call"
  readonly operation: string
  readonly name: string
  readonly args: ReadonlyArray<Argument>
  /** Sent with EVALSHA; its text follows where the server does not know it. */
  readonly script: Scripts.Script | undefined
  readonly asker: Asker<unknown>
}

type Segment = Reads | Writes | Call

/** The command of a segment, and what to do with its reply. */
interface Prepared {
  readonly operation: string
  readonly command: readonly [name: string, ...args: Array<Argument>]
  readonly script: Scripts.Script | undefined
  readonly reply: (reply: unknown) => void
  readonly fail: (error: RedisError) => void
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
  private queue: Array<Segment> = []
  /** Where keys have slots: the last segment of each, as long as nothing of another kind was asked for after it. */
  private readonly bySlot = new Map<number, Segment>()
  private scheduled = false
  /** What waits for answers before it is sent, and since when. */
  private backlog: Array<{ readonly command: Prepared; readonly since: number }> = []
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
    const last = this.lastBefore(key)
    if (last === undefined || last.kind !== "reads" || last.keys.length >= maxReads) {
      this.push({ kind: "reads", keys: [key], places: undefined, askers: [asker], wanted: [0] }, key)
      return
    }
    last.places ??= new Map([[last.keys[0]!, 0]])
    let place = last.places.get(key)
    if (place === undefined) {
      place = last.keys.push(key) - 1
      last.places.set(key, place)
    }
    last.askers.push(asker)
    last.wanted.push(place)
  }

  write(write: Write, asker: Asker<void>): void {
    let last = this.lastBefore(write.key)
    if (
      last === undefined || last.kind !== "writes" || last.writes.length >= maxWrites || last.bytes >= maxWriteBytes
    ) {
      last = { kind: "writes", writes: [], askers: [], bytes: 0 }
      this.push(last, write.key)
    }
    last.writes.push(write)
    last.askers.push(asker)
    last.bytes += write.bytes.length
  }

  call(operation: string, name: string, args: ReadonlyArray<Argument>, asker: Asker<unknown>): void {
    this.push({ kind: "call", operation, name, args, script: undefined, asker })
  }

  run(
    script: Scripts.Script,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<Argument>,
    asker: Asker<unknown>
  ): void {
    this.push({
      kind: "call",
      operation: script.name,
      name: "EVALSHA",
      args: [script.sha, keys.length, ...keys, ...args],
      script,
      asker
    })
  }

  /** Ends what still waits for an answer. Whoever asks afterwards is refused. */
  close(): void {
    this.closed = true
    this.deadlines.close()
  }

  /** What a command on this key may join: what was asked for last, on a cluster last of the key's slot. */
  private lastBefore(key: string): Segment | undefined {
    return this.slotOf === undefined ? this.queue[this.queue.length - 1] : this.bySlot.get(this.slotOf(key))
  }

  private push(segment: Segment, key?: string): void {
    if (this.slotOf !== undefined) {
      if (segment.kind !== this.queue[this.queue.length - 1]?.kind) this.bySlot.clear()
      if (key !== undefined) this.bySlot.set(this.slotOf(key), segment)
    }
    this.queue.push(segment)
    if (this.scheduled) return
    this.scheduled = true
    process.nextTick(this.flush)
  }

  private readonly flush = (): void => {
    const segments = this.queue
    this.queue = []
    this.bySlot.clear()
    this.scheduled = false
    const commands = segments.length === 1 ? [prepare(segments[0]!)] : segments.map(prepare)
    if (this.backlog.length === 0 && commands.length <= maxPipeline && this.underWay < maxUnderWay) {
      return this.send(commands)
    }
    const since = performance.now()
    for (const command of commands) this.backlog.push({ command, since })
    this.sendBacklog()
  }

  private sendBacklog(): void {
    while (this.backlog.length > 0 && this.underWay < maxUnderWay) {
      // Out of the backlog first, so that nothing that comes of sending can send it twice.
      this.send(this.backlog.splice(0, maxPipeline).map(({ command }) => command))
    }
  }

  /** So many commands are answered, or given up. */
  private ended(count: number): void {
    this.underWay -= count
    this.sendBacklog()
  }

  private send(batch: ReadonlyArray<Prepared>): void {
    if (this.closed) return failAll(batch, layerClosed)
    const state = this.link.state()
    if (state === "down") return failAll(batch, this.link.failure)
    // Every member is told one thing, once: its answer, or that time is up.
    let open = true
    this.underWay += batch.length
    const met = this.deadlines.start(() => {
      open = false
      this.underWay -= batch.length
      // What has waited for these answers as long is late, too; what came later is still sent.
      const due = this.closed ? Infinity : performance.now() - this.commandTimeout
      const young = this.backlog.findIndex(({ since }) => since > due)
      const waited = this.backlog.splice(0, young < 0 ? this.backlog.length : young)
      const late = [...batch, ...waited.map(({ command }) => command)]
      if (this.closed) return failAll(late, layerClosed)
      failAll(late, (operation) => timeoutError(operation, this.commandTimeout))
      this.sendBacklog()
      if (state === "ready") this.link.unanswered()
    })
    const settle = (act: () => void): void => {
      if (!open) return
      open = false
      met()
      act()
      this.ended(batch.length)
    }
    const transmit = (): void => {
      // What timed out while it waited for the connection is not sent any more.
      if (!open) return
      if (this.link.state() !== "ready") {
        return settle(() => failAll(batch, this.link.failure))
      }
      if (batch.length === 1) this.sendOne(batch[0]!, settle)
      else this.sendMany(batch, settle)
    }
    if (state === "ready") transmit()
    else this.link.onceDecided(transmit)
  }

  private sendOne(one: Prepared, settle: (act: () => void) => void): void {
    this.transmitOne(one.command).then(
      (reply) => settle(() => one.reply(reply)),
      (error: unknown) => {
        if (one.script !== undefined && isNoScript(error)) {
          // It was not run, so it is not run twice.
          this.transmitOne(withText(one)).then(
            (reply) => settle(() => one.reply(reply)),
            (again: unknown) => settle(() => one.fail(toRedisError(one.operation, again)))
          )
        } else settle(() => one.fail(toRedisError(one.operation, error)))
      }
    )
  }

  /** As a command of its own: a client's auto-pipelining would hold it back, and knows no `call`. */
  private transmitOne([name, ...args]: Prepared["command"]): Promise<unknown> {
    const command = new Command(name, args, { replyEncoding: null })
    this.link.client.sendCommand(command)
    return command.promise
  }

  private sendMany(batch: ReadonlyArray<Prepared>, settle: (act: () => void) => void): void {
    const pipeline = this.link.client.pipeline()
    for (const { command } of batch) pipeline.callBuffer(...command)
    pipeline.exec().then(
      (replies) =>
        settle(() => {
          for (const [i, one] of batch.entries()) {
            const [error, reply] = replies?.[i] ?? [new Error("the pipeline gave no reply"), undefined]
            if (error === null || error === undefined) one.reply(reply)
            else if (one.script !== undefined && isNoScript(error)) this.send([{ ...one, command: withText(one) }])
            else one.fail(toRedisError(one.operation, error))
          }
        }),
      (error: unknown) => settle(() => failAll(batch, (operation) => toRedisError(operation, error)))
    )
  }
}

export const layerClosed = (operation: string): RedisError => connectionError(operation, "the layer was closed")

const failAll = (batch: ReadonlyArray<Prepared>, error: (operation: string) => RedisError): void => {
  for (const one of batch) one.fail(error(one.operation))
}

/** The same call with the script's text. */
const withText = ({ command, script }: Prepared): readonly [string, ...Array<Argument>] => [
  "EVAL",
  script!.lua,
  ...command.slice(2)
]

const prepare = (segment: Segment): Prepared => {
  switch (segment.kind) {
    case "reads":
      return prepareReads(segment)
    case "writes":
      return segment.writes.length === 1 ? prepareWrite(segment) : prepareWrites(segment)
    case "call":
      return {
        operation: segment.operation,
        command: [segment.name, ...segment.args],
        script: segment.script,
        reply: segment.asker.answer,
        fail: segment.asker.fail
      }
  }
}

const prepareReads = ({ askers, keys, wanted }: Reads): Prepared => ({
  operation: "get",
  command: ["MGET", ...keys],
  script: undefined,
  reply: (reply) => {
    const values = reply as ReadonlyArray<Buffer | null> // what MGET answers with
    for (let i = 0; i < askers.length; i++) askers[i]!.answer(values[wanted[i]!] ?? undefined)
  },
  fail: (error) => {
    for (const asker of askers) asker.fail(error)
  }
})

export const setCommand = ({ bytes, key, life }: Write): [string, ...Array<Argument>] =>
  life === undefined ? ["SET", key, toBuffer(bytes)] : ["SET", key, toBuffer(bytes), "PX", life]

const prepareWrite = ({ askers, writes }: Writes): Prepared => ({
  operation: "set",
  command: setCommand(writes[0]!),
  script: undefined,
  reply: () => askers[0]!.answer(),
  fail: (error) => askers[0]!.fail(error)
})

const setManyCommand = (writes: ReadonlyArray<Write>): [string, ...Array<Argument>] => {
  const command: [string, ...Array<Argument>] = ["EVALSHA", Scripts.setMany.sha, writes.length]
  for (const { key } of writes) command.push(key)
  for (const { bytes } of writes) command.push(toBuffer(bytes))
  const first = writes[0]!.life
  if (writes.every(({ life }) => life === first)) command.push(first ?? "")
  else for (const { life } of writes) command.push(life ?? "")
  return command
}

const prepareWrites = ({ askers, writes }: Writes): Prepared => ({
  operation: "set",
  command: setManyCommand(writes),
  script: Scripts.setMany,
  reply: (reply) => {
    const errors = reply as ReadonlyArray<number | Buffer> // position and text, by turns
    const failed = new Map<number, string>()
    for (let i = 0; i < errors.length; i += 2) failed.set(Number(errors[i]) - 1, String(errors[i + 1]))
    for (const [i, asker] of askers.entries()) {
      const error = failed.get(i)
      if (error === undefined) asker.answer()
      else asker.fail(toRedisError("set", replyError(error)))
    }
  },
  fail: (error) => {
    for (const asker of askers) asker.fail(error)
  }
})

const replyError = (message: string): Error => {
  const error = new Error(message)
  error.name = "ReplyError"
  return error
}
