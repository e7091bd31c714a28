/**
 * One batch over one connection. Its commands are joined into one write, which costs one system call and one turn of
 * the client's machinery; a pipeline of the client's would make a promise, and pieces to be joined, for each.
 */
import { Command, type Redis as Client } from "ioredis"
import { type Argument, Request, roomFor, roomForHead } from "../resp/request.js"

/** The name is in lower case: the client looks it up in its tables several times, and has it in lower case there. */
export type Words = SetCommand | readonly [name: string, ...args: Array<Argument>]

/** One SET: of these there are so many that an array for each would be dear (see `Prepared`). */
export class SetCommand {
  constructor(
    readonly key: string,
    readonly value: Buffer,
    /** In ms. */
    readonly life: number | undefined
  ) {}

  get words(): readonly [name: string, ...args: Array<Argument>] {
    return this.life === undefined
      ? ["set", this.key, this.value]
      : ["set", this.key, this.value, "PX", this.life]
  }

  get room(): number {
    return roomForHead + roomFor("set") + roomFor(this.key) + roomFor(this.value) + roomFor("PX") + roomFor(0)
  }

  addTo(request: Request): void {
    request.begin(this.life === undefined ? 3 : 5)
    request.add("set")
    request.add(this.key)
    request.add(this.value)
    if (this.life === undefined) return
    request.add("PX")
    request.add(this.life)
  }
}

/** Is told what became of each command of a batch, once, when its reply arrives. */
export interface Receiver {
  readonly onReply: (index: number, reply: unknown) => void
  readonly onError: (index: number, error: unknown) => void
}

/** A command of the client's as far as it matters here: without what it is given to make promises of. */
const Base = Command as unknown as new(name: string, args: [], options: { replyEncoding: null }) => {
  resolve: (reply: unknown) => void
  reject: (error: unknown) => void
}

/** What is sent in the place of a command that was told of already. */
const nothing: Words = ["ping"]

const noReplyEncoding = { replyEncoding: null } as const

/** In the client's queue like any other of its commands, where replies find it. */
class Sent extends Base {
  constructor(
    private words: Words,
    /** What it writes: the whole batch, or nothing. Sent once more on a new connection, it writes itself. */
    private written: string | Buffer | undefined,
    private readonly index: number,
    /** Until it was told. */
    private receiver: Receiver | undefined
  ) {
    super(words instanceof SetCommand ? "set" : words[0], [], noReplyEncoding)
    this.resolve = this.onReply
    this.reject = this.onError
  }

  /** A promise that nobody awaits would be the dearest part of it. */
  protected initPromise(): void {}

  private onReply(reply: unknown): void {
    this.release()?.onReply(this.index, reply)
  }

  private onError(error: unknown): void {
    this.release()?.onError(this.index, error)
  }

  /**
   * Whom to tell, once: a borrowed client may have a time limit of its own, so both may come. What the client holds of
   * it after that is to hold nothing else (see `Prepared`).
   */
  private release(): Receiver | undefined {
    const { receiver } = this
    this.receiver = undefined
    this.words = nothing
    return receiver
  }

  toWritable(): string | Buffer {
    const written = this.written ?? encode([this.words])
    this.written = undefined
    return written
  }
}

/** Sends a batch in its order over a connection that is ready. Whether it succeeds or fails, each command is told. */
export const transmit = (client: Client, batch: ReadonlyArray<Words>, receiver: Receiver): void => {
  const send = (command: Sent, stream?: Client["stream"]): unknown =>
    client.sendCommand(command as unknown as Command, stream) // see `Base`
  const last = batch.length - 1
  if (last > 0) {
    const beside = besides(client)
    for (let i = 0; i < last; i++) send(new Sent(batch[i]!, "", i, receiver), beside)
  }
  // The last one writes for all. By then the others are in the client's queue, or refused as it will be: what is
  // written and what waits for replies stay in step.
  send(new Sent(batch[last]!, encode(batch), last, receiver))
}

/** Takes nothing from those that have nothing to write: an empty write costs the socket as much as a full one. */
const besides = (client: Client): Client["stream"] => {
  const write = (data: string | Buffer): boolean => data.length === 0 || client.stream.write(data)
  return { write } as unknown as Client["stream"] // nothing else of it is used
}

const encode = (batch: ReadonlyArray<Words>): string | Buffer => {
  // Text stays text: the socket writes it without a copy of ours.
  if (isText(batch)) return batch.map(textOf).join("")
  const request = new Request(batch.reduce((room, words) => room + roomOf(words), 0))
  for (const words of batch) {
    if (words instanceof SetCommand) words.addTo(request)
    else {
      request.begin(words.length)
      for (const word of words) request.add(word)
    }
  }
  return request.result()
}

type TextWords = ReadonlyArray<string | number>

const isText = (batch: ReadonlyArray<Words>): batch is ReadonlyArray<TextWords & Words> =>
  batch.every((words) => !(words instanceof SetCommand) && words.every((word) => typeof word !== "object"))

const textOf = (words: TextWords): string => {
  let text = `*${words.length}\r\n`
  for (const word of words) {
    const written = String(word)
    text += `$${Buffer.byteLength(written)}\r\n${written}\r\n`
  }
  return text
}

const roomOf = (words: Words): number => {
  if (words instanceof SetCommand) return words.room
  let room = roomForHead
  for (const word of words) room += roomFor(word)
  return room
}
