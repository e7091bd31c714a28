/**
 * Server time, from this machine's own and an offset that is measured: on every new connection, now and then, and when
 * something tells that it no longer holds. Neither machine's wall clock matters; the error is half a round trip, plus what
 * the clocks drift between two measurements.
 *
 * **This machine slept** (`localClock.ts` notices at the next look). From then on the clock is not sure of itself until it
 * has measured anew, and the driver hands over no answer before: what is judged by the time is judged by one that was
 * measured afterwards, whenever it was asked for. Where it cannot be measured, the answer is an error, as if it had been
 * lost. `now` is read by writes as well, which do not wait: the time for which the machine slept counts, so it is about
 * right meanwhile.
 *
 * **The server's clock was set.** Scripts answer with the server's time, and `hear` compares: an answer that cannot have
 * been given between when it was asked for and when it was here corrects the offset at once, and has it measured.
 */
import type { RedisError } from "../../../CacheError.js"
import { connectionError, timeoutError, toRedisError, unexpectedReply } from "../errors.js"
import type { Line } from "../port.js"
import { isTime } from "../replies.js"
import type { LocalClock } from "./localClock.js"
import type { Time } from "./time.js"
import { within } from "./within.js"

/** How often the offset is measured, in ms. Crystals drift by less than 0.1 ms a second. */
const measureEvery = 60_000
/** Of this many measurements, the one with the shortest round trip counts. */
const samples = 3
/** By so much an answer may contradict the clock, in ms: far more than drift, and than the server's cached time is old. */
const tolerance = 100

export class ServerClock implements Time {
  // Until the first measurement this machine's own time has to do.
  private difference: number
  private measured = false
  /** As of which sleep it is sure. */
  private settled: number
  private settling: Promise<RedisError | undefined> | undefined
  private readonly timer: ReturnType<typeof setInterval>
  private readonly forget: () => void

  constructor(
    private readonly client: Pick<Line, "ask" | "status">,
    readonly local: LocalClock,
    /** How long a measurement may take, in ms. */
    private readonly limit: number,
    private readonly onMeasured: () => void = () => {}
  ) {
    this.difference = local.behindWall
    this.settled = local.sleeps
    this.forget = local.onSleep(() => void this.settle())
    this.timer = setInterval(() => {
      if (client.status === "ready") this.measure().catch(() => undefined)
    }, measureEvery)
    this.timer.unref()
  }

  now(): number {
    return this.local.now() + this.difference
  }

  /** What server time is ahead of this machine's, in ms, if that was measured. */
  get offset(): number | undefined {
    return this.measured ? this.difference : undefined
  }

  get isSure(): boolean {
    return this.settled === this.local.sleeps
  }

  async measure(): Promise<void> {
    const { sleeps } = this.local
    let shortest = Infinity
    let offset = this.difference
    for (let i = 0; i < samples; i++) {
      const sent = this.local.now()
      const reply = await this.client.ask("time")
      const received = this.local.now()
      if (!isTime(reply)) throw unexpectedReply("time", "time", reply)
      if (received - sent >= shortest) continue
      const [seconds, micros] = reply
      shortest = received - sent
      offset = Number(seconds) * 1000 + Number(micros) / 1000 - (sent + received) / 2
    }
    this.settled = sleeps
    this.correct(offset)
  }

  settle(): Promise<RedisError | undefined> {
    this.settling ??= this.untilSure().finally(() => {
      this.settling = undefined
    })
    return this.settling
  }

  /**
   * The server said what time it is, in whole ms, in an answer to what was sent at `sent` and was here at `received`, by
   * this machine's own time.
   */
  hear(millis: number, sent: number, received: number): void {
    const least = millis - received
    const most = millis + 1 - sent
    if (least - tolerance <= this.difference && this.difference <= most + tolerance) return
    this.correct((least + most) / 2)
    if (this.client.status === "ready") this.measure().catch(() => undefined)
  }

  close(): void {
    clearInterval(this.timer)
    this.forget()
  }

  private correct(offset: number): void {
    this.difference = offset
    this.measured = true
    this.onMeasured()
  }

  private async untilSure(): Promise<RedisError | undefined> {
    while (!this.isSure) {
      // To ask a client that has yet to connect would make it connect.
      if (this.client.status !== "ready") return connectionError("time", `not connected (${this.client.status})`)
      const { sleeps } = this.local
      try {
        await within(this.measure(), this.limit, () => timeoutError("time", this.limit))
      } catch (cause) {
        const error = toRedisError("time", cause)
        const isRefused = error !== cause && (error.reason === "Auth" || error.reason === "Command")
        if (!isRefused) return error
        // It is never told the time: this machine's own has to do.
        this.settled = sleeps
      }
    }
    return undefined
  }
}
