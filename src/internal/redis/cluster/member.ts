import { Breaker } from "../../driver/breaker.js"
import { heartbeatKey } from "../../key/reserved.js"
import { Batcher } from "../batch/batcher.js"
import type { Connection } from "../connection/connection.js"
import type { Address, Client, Line, Place } from "../port.js"
import type { Server } from "../servers.js"
import type { Target } from "./routing.js"
import { slotCount, slotOf, slotOfPrefix } from "./slots.js"

/** A server of the cluster, and the connection to it. */
export class Member implements Server, Target {
  readonly sender: Batcher
  /** Stops the reports of its connection. */
  readonly forget: () => void
  readonly breaker: Breaker
  neededAt = performance.now()
  /** A number that makes a hash tag of one of this server's slots. */
  private spot = ""

  constructor(
    readonly address: Address,
    readonly connection: Connection,
    private readonly prefix: string,
    commandTimeout: number,
    onClose: () => void
  ) {
    this.breaker = new Breaker(Math.random, connection.figures.circuit)
    this.sender = new Batcher(connection, commandTimeout, prefix, slotOf)
    this.forget = this.client.listen({ onClose })
  }

  readonly place = (): Place => this.client.place

  readonly openFeed = (): Line => this.client.openFeed()

  readonly connections = (): number => this.connection.connections()

  readonly beacon = (id: string): string => heartbeatKey(this.prefix, id, this.spot)

  get client(): Client {
    return this.connection.client
  }

  readonly isBeacon = (key: string): boolean => key.startsWith(this.beacon(""))

  /** It has these slots now. */
  settle(has: (slot: number) => boolean): void {
    // Where a hash tag in the prefix decides, all keys lie on one server.
    if (slotOfPrefix(this.prefix) !== undefined || (this.spot !== "" && has(slotOf(this.beacon(""))))) return
    for (let n = 0; n < 20 * slotCount; n++) {
      this.spot = `{${n}}`
      if (has(slotOf(this.beacon("")))) return
    }
  }
}
