/**
 * One socket: batches are sent over it, each in one write, and replies go to their receivers.
 *
 * A server answers in the order of the commands, and a reply does not say which command it answers. So written batches
 * wait in a queue. The queue ends with its socket: the remaining commands fail, and none is sent anywhere else.
 */
import type { Receiver } from "../port.js"
import { ProtocolError, Reader, type ReplyError } from "./reader.js"
import { encode, type Words } from "./words.js"

/** The part of a socket's interface that is needed. */
export interface Stream {
  readonly writable: boolean
  readonly write: (data: string | Buffer) => unknown
  readonly destroy: (error: Error) => unknown
}

/** A batch that was written, or the part of it that awaits replies. */
class Sent {
  next: Sent | undefined

  constructor(readonly receiver: Receiver, readonly size: number) {}
}

export class Wire {
  private readonly reader = new Reader(this)
  private first: Sent | undefined
  private last: Sent | undefined
  /** How many commands of the first batch have been answered. */
  private index = 0
  private isBroken = false

  constructor(private readonly stream: Stream, private readonly onRefusal: (error: ReplyError) => void) {}

  send(batch: ReadonlyArray<Words>, receiver: Receiver): void {
    if (!this.stream.writable) {
      const closed = new Error("not sent: the connection is being closed")
      for (let i = 0; i < batch.length; i++) receiver.onError(i, closed)
      return
    }
    const sent = new Sent(receiver, batch.length)
    if (this.last === undefined) this.first = sent
    else this.last.next = sent
    this.last = sent
    this.stream.write(encode(batch))
  }

  /** One command, and its reply, bulks as text. */
  ask(words: Words): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.send([words], {
        onReply: (_, reply) => resolve(asText(reply)),
        onError: (_, error) => reject(error)
      })
    )
  }

  /** Bytes have come. After malformed ones it is unknown which command the others answer. */
  read(chunk: Buffer): void {
    if (this.isBroken) return
    try {
      this.reader.read(chunk)
    } catch (error) {
      this.isBroken = true
      this.stream.destroy(error as Error) // the reader throws nothing else: what receivers throw is kept from it
    }
  }

  /** The socket is closed. */
  end(error: Error): void {
    this.isBroken = true
    while (this.first !== undefined) {
      const { index } = this
      const receiver = this.next()
      apart(() => receiver.onError(index, error))
    }
  }

  onReply(reply: unknown): void {
    const { index } = this
    const receiver = this.next()
    try {
      receiver.onReply(index, reply)
    } catch (defect) {
      later(defect)
    }
  }

  onError(error: ReplyError): void {
    const { index } = this
    const receiver = this.next()
    apart(() => this.onRefusal(error))
    apart(() => receiver.onError(index, error))
  }

  /** The receiver of the next answer. It leaves the queue before it is called, since it may send again in the call. */
  private next(): Receiver {
    const { first } = this
    if (first === undefined) throw new ProtocolError("an answer to no command that was sent")
    if (++this.index === first.size) {
      this.index = 0
      this.first = first.next
      if (this.first === undefined) this.last = undefined
    }
    return first.receiver
  }
}

/** A defect of one callback must not keep the others from their answers. */
const apart = (tell: () => void): void => {
  try {
    tell()
  } catch (defect) {
    later(defect)
  }
}

const later = (defect: unknown): void => {
  process.nextTick(() => {
    throw defect
  })
}

const asText = (reply: unknown): unknown =>
  Buffer.isBuffer(reply) ? reply.toString() : Array.isArray(reply) ? reply.map(asText) : reply
