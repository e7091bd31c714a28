/**
 * One batch over one connection. Its commands are joined into one write, which costs one system call and one turn of
 * the client's machinery; a pipeline of the client's would make a promise, and pieces to be joined, for each.
 */
import { Command, type Redis as Client } from "ioredis"

export type Argument = string | Buffer | number

/** The name is in lower case: the client looks it up in its tables several times, and has it in lower case there. */
export type Words = readonly [name: string, ...args: Array<Argument>]

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

/** In the client's queue like any other of its commands, where replies find it. */
class Sent extends Base {
  private told = false

  constructor(
    private readonly words: Words,
    /** What it writes: the whole batch, or nothing. Sent once more on a new connection, it writes itself. */
    private written: string | Buffer | undefined,
    private readonly index: number,
    private readonly receiver: Receiver
  ) {
    super(words[0], [], { replyEncoding: null })
    this.resolve = this.onReply
    this.reject = this.onError
  }

  /** A promise that nobody awaits would be the dearest part of it. */
  protected initPromise(): void {}

  private onReply(reply: unknown): void {
    // A borrowed client may have a time limit of its own, so both may come.
    if (this.told) return
    this.told = true
    this.receiver.onReply(this.index, reply)
  }

  private onError(error: unknown): void {
    if (this.told) return
    this.told = true
    this.receiver.onError(this.index, error)
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

/** The commands as the server reads them. */
const encode = (batch: ReadonlyArray<Words>): string | Buffer => {
  // Text and bytes by turns.
  const parts: Array<string | Buffer> = []
  let text = ""
  let size = 0
  for (const words of batch) {
    text += `*${words.length}\r\n`
    for (const word of words) {
      if (typeof word === "object") {
        text += `$${word.length}\r\n`
        size += Buffer.byteLength(text) + word.length
        parts.push(text, word)
        text = "\r\n"
      } else {
        const written = String(word)
        text += `$${Buffer.byteLength(written)}\r\n${written}\r\n`
      }
    }
  }
  if (parts.length === 0) return text
  parts.push(text)
  const bytes = Buffer.allocUnsafe(size + Buffer.byteLength(text))
  let at = 0
  for (const part of parts) {
    if (typeof part === "string") at += bytes.write(part, at)
    else {
      bytes.set(part, at)
      at += part.length
    }
  }
  return bytes
}
