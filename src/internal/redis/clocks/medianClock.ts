/**
 * The time of several servers, whose clocks may differ: the median of them. All processes agree about it, and one clock
 * that is wrong does not move it.
 */
import type { RedisError } from "../../../CacheError.js"
import type { LocalClock } from "./localClock.js"
import type { ServerClock } from "./serverClock.js"
import type { Time } from "./time.js"

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
