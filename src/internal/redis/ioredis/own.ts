/**
 * A connection of our own. ioredis makes it, and makes it anew: it finds the master that sentinels name, speaks TLS,
 * authenticates, selects the database, and asks whether the server is ready. From then on until it closes its socket is
 * ours: commands are written to it, and read from it, without ioredis.
 *
 * What ioredis does for each command (a promise, its place in a queue, a look into several tables) and how its sixth
 * version reads replies cost more than all that a hit needs. And it has nothing to say meanwhile: what it asks for
 * itself it asks before, and this begins when all of that is answered.
 */
import type { Redis } from "ioredis"
import type { Events, Receiver, Status } from "../port.js"
import { Wire } from "../resp/wire.js"
import type { Words } from "../resp/words.js"
import { heedless, IoredisClient } from "./line.js"

/** Of ours, among the client's own events: the socket is ours; an error reply came. */
const taken = "effect-redis-cache:taken"
const refusal = "effect-redis-cache:refusal"

/** What is not public of a client. */
interface Inside {
  /** What it has sent that is not answered. */
  readonly commandQueue: { readonly length: number }
}

const isIdle = (client: Redis): boolean => (client as unknown as Inside).commandQueue.length === 0 // as declared there

export class OwnClient extends IoredisClient {
  readonly borrowed = false
  private wire: Wire | undefined

  constructor(client: Redis, duplicate: () => Redis) {
    super(heedless(client), duplicate)
    // The first of all that hear of it.
    client.on("ready", this.onReady)
  }

  override get status(): Status {
    const { status } = this.client
    return status === "ready" && this.wire === undefined ? "connect" : status
  }

  override ask(name: string, ...args: ReadonlyArray<string | number>): Promise<unknown> {
    return this.wire?.ask([name, ...args]) ?? Promise.reject(this.notConnected())
  }

  send(batch: ReadonlyArray<Words>, receiver: Receiver): void {
    if (this.wire !== undefined) return this.wire.send(batch, receiver)
    const error = this.notConnected()
    for (let i = 0; i < batch.length; i++) receiver.onError(i, error)
  }

  override listen({ onReady, onRefusal, ...events }: Partial<Events>): () => void {
    const forget = super.listen(events)
    const forgetOurs = this.hear([[taken, onReady], [refusal, onRefusal]])
    return () => {
      forget()
      forgetOurs()
    }
  }

  private notConnected(): Error {
    return new Error(`not sent: not connected (${this.status})`)
  }

  private readonly onReady = (): void => {
    const { client } = this
    const { stream } = client
    const take = (): void => {
      if (!isIdle(client)) return
      stream.off("data", take)
      if (client.status === "ready" && client.stream === stream) this.take()
    }
    // Some of what it asks for itself it asks when it is ready. Its own listener comes before this one.
    stream.on("data", take)
    take()
  }

  private take(): void {
    const { client } = this
    const { stream } = client
    const wire = new Wire(stream, (error) => client.emit(refusal, error))
    let failure: Error | undefined
    const [theirs] = stream.listeners("data")
    stream.on("data", (chunk: Buffer) => wire.read(chunk))
    stream.off("data", theirs as () => void) // as an emitter has listeners
    stream.once("error", (error) => {
      failure = error
    })
    stream.once("close", () => {
      if (this.wire === wire) this.wire = undefined
      wire.end(failure ?? new Error("the connection was closed before the server answered"))
    })
    this.wire = wire
    client.emit(taken)
  }
}
