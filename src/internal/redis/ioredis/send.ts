/**
 * One batch over one connection. Its commands are joined into one write, which costs one system call and one turn of
 * the client's machinery; a pipeline of the client's would make a promise, and pieces to be joined, for each.
 */
import type { Command, Redis as Client } from "ioredis"
import type { Receiver } from "../port.js"
import { encode, nameOf, type Words } from "../resp/words.js"

/** A command of the client, as far as it matters here: without what the client needs to make promises of it. */
type Base = new(name: string, args: [], options: { replyEncoding: null }) => {
  resolve: (reply: unknown) => void
  reject: (error: unknown) => void
}

/** What is sent instead of a command whose callback was called already. */
const nothing: Words = ["ping"]

const noReplyEncoding = { replyEncoding: null } as const

/** In the client's queue like any other of its commands, where replies find it. */
const commandOf = (Base: Base) =>
  class Sent extends Base {
    constructor(
      private words: Words,
      /** What it writes: the whole batch, or nothing. Sent once more on a new connection, it writes itself. */
      private written: string | Buffer | undefined,
      private readonly index: number,
      /** Until it was told. */
      private receiver: Receiver | undefined
    ) {
      super(nameOf(words), [], noReplyEncoding)
      this.resolve = this.onReply
      this.reject = this.onError
    }

    /** A promise, which has no reader here, would cost more than all the rest. */
    protected initPromise(): void {}

    private onReply(reply: unknown): void {
      this.release()?.onReply(this.index, reply)
    }

    private onError(error: unknown): void {
      this.release()?.onError(this.index, error)
    }

    /**
     * Its receiver, once: a borrowed client may have a time limit of its own, so both may come. What the client holds of
     * it after that is to hold nothing else (`cache/prepare.ts` says why).
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

export type Send = (client: Client, batch: ReadonlyArray<Words>, receiver: Receiver) => void

/**
 * Sends a batch in its order over a connection that is ready. Every command is answered, whether it succeeds or fails.
 */
export const sending = (ioredis: { readonly Command: typeof Command }): Send => {
  const Sent = commandOf(ioredis.Command as unknown as Base) // all that matters of it here
  return (client, batch, receiver) => {
    const give = (command: InstanceType<typeof Sent>, stream?: Client["stream"]): unknown =>
      client.sendCommand(command as unknown as Command, stream) // made of its own class
    const last = batch.length - 1
    if (last > 0) {
      const beside = besides(client)
      for (let i = 0; i < last; i++) give(new Sent(batch[i]!, "", i, receiver), beside)
    }
    // The last one writes for all. By then the others are in the client's queue, or refused as it will be: what is
    // written and what waits for replies stay in step.
    give(new Sent(batch[last]!, encode(batch), last, receiver))
  }
}

/** Takes nothing from those that have nothing to write: an empty write costs the socket as much as a full one. */
const besides = (client: Client): Client["stream"] => {
  const write = (data: string | Buffer): boolean => data.length === 0 || client.stream.write(data)
  return { write } as unknown as Client["stream"] // nothing else of it is used
}
