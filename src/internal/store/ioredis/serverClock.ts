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
import type { Redis as Client } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { LocalClock } from "./localClock.js"
import { connectionError, timeoutError, toRedisError, unexpectedReply } from "./redisErrors.js"
import { isTime } from "./replies.js"
import { within } from "./within.js"

/** How often the offset is measured, in ms. Crystals drift by less than 0.1 ms a second. */
const measureEvery = 60_000
/** Of so many measurements the one with the shortest round trip counts. */
const samples = 3
/** By so much an answer may contradict the clock, in ms: far more than drift, and than the server's cached time is old. */
const tolerance = 100

/** What the driver asks for the time. */
export interface Time {
  readonly local: LocalClock
  /** Server time in ms. */
  readonly now: () => number
  /** Whether it was measured since this machine was last found to have slept, as far as it can be. */
  readonly isSure: boolean
  /** Measures until it is sure; gives why it is not, if it cannot be. */
  readonly settle: () => Promise<RedisError | undefined>
}

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
    private readonly client: Client,
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
      const reply: unknown = await this.client.time()
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

/**
 * The time of several servers, whose clocks may differ: the median of them. All processes agree about it, and one clock
 * that is wrong does not move it.
 */
export class MedianClock implements Time {
  private offset: number
  private settled: number
  private settling: Promise<RedisError | undefined> | undefined

  constructor(readonly local: LocalClock, private readonly clocks: () => ReadonlyArray<ServerClock>) {
    this.offset = local.behindWall
    this.settled = local.sleeps
  }

  now(): number {
    return this.local.now() + this.offset
  }

  get isSure(): boolean {
    return this.settled === this.local.sleeps
  }

  /** To be called when a clock was measured, or there are other ones. */
  tell(): void {
    const measured = this.clocks().filter(({ offset }) => offset !== undefined)
    const sure = measured.filter(({ isSure }) => isSure)
    const offsets = (sure.length > 0 ? sure : measured).map(({ offset }) => offset!).sort((a, b) => a - b)
    const median = offsets[(offsets.length - 1) >> 1]
    if (median !== undefined) this.offset = median
  }

  settle(): Promise<RedisError | undefined> {
    this.settling ??= this.untilSure().finally(() => {
      this.settling = undefined
    })
    return this.settling
  }

  /** One of the servers is enough, where the others do not answer. */
  private async untilSure(): Promise<RedisError | undefined> {
    while (!this.isSure) {
      const { sleeps } = this.local
      const failures = await Promise.all(this.clocks().map((clock) => clock.settle()))
      const failure = failures.find((each) => each !== undefined)
      if (failure !== undefined && failures.every((each) => each !== undefined)) return failure
      this.tell()
      this.settled = sleeps
    }
    return undefined
  }
}
