/**
 * Server time, from this machine's monotonic clock and an offset that is measured now and then. Neither machine's wall
 * clock matters; the error is half a round trip, plus what the clocks drift between two measurements.
 */
import type { Redis as Client } from "ioredis"
import { unexpectedReply } from "./redisErrors.js"
import { isTime } from "./replies.js"

/** How often the offset is measured, in ms. Crystals drift by less than 0.1 ms a second. */
const measureEvery = 60_000
/** Of so many measurements the one with the shortest round trip counts. */
const samples = 3

export class ServerClock {
  // Until the first measurement this machine's own time has to do.
  private difference = Date.now() - performance.now()
  private measured = false
  private readonly timer: ReturnType<typeof setInterval>

  constructor(private readonly client: Client, private readonly onMeasured: () => void = () => {}) {
    this.timer = setInterval(() => {
      if (client.status === "ready") this.measure().catch(() => undefined)
    }, measureEvery)
    this.timer.unref()
  }

  /** Server time in ms. */
  now(): number {
    return performance.now() + this.difference
  }

  /** What server time is ahead of this machine's monotonic clock, in ms, if that was measured. */
  get offset(): number | undefined {
    return this.measured ? this.difference : undefined
  }

  async measure(): Promise<void> {
    let shortest = Infinity
    let offset = this.difference
    for (let i = 0; i < samples; i++) {
      const sent = performance.now()
      const reply: unknown = await this.client.time()
      const received = performance.now()
      if (!isTime(reply)) throw unexpectedReply("time", "time", reply)
      const [seconds, micros] = reply
      if (received - sent >= shortest) continue
      shortest = received - sent
      offset = Number(seconds) * 1000 + Number(micros) / 1000 - (sent + received) / 2
    }
    this.difference = offset
    this.measured = true
    this.onMeasured()
  }

  close(): void {
    clearInterval(this.timer)
  }
}
