import type { Redis } from "ioredis"
import type { Receiver } from "../port.js"
import type { Words } from "../resp/words.js"
import { IoredisClient } from "./line.js"
import type { Send } from "./send.js"

/** A client that its owner uses as well: commands of ours go into its queue like any other. */
export class BorrowedClient extends IoredisClient {
  readonly borrowed = true

  constructor(client: Redis, duplicate: () => Redis, private readonly give: Send) {
    super(client, duplicate)
  }

  send(batch: ReadonlyArray<Words>, receiver: Receiver): void {
    this.give(this.client, batch, receiver)
  }
}
