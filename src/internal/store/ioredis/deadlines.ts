/**
 * Time limits at the price of one timer: all limits are equally long, so those that began first end first, and one
 * timer for the first of them will do. Time is the machine's monotonic clock.
 *
 * Only what is under way is held. A list of all limits of the last second would let whole batches grow old in the heap,
 * at several times the cost of everything else here.
 */

interface Limit {
  readonly at: number
  readonly expire: () => void
}

export class Deadlines {
  private readonly limits = new Set<Limit>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private immediate: ReturnType<typeof setImmediate> | undefined

  constructor(private readonly millis: number) {}

  /** Calls `expire` after the time limit, unless the function that this gives back is called before. */
  start(expire: () => void): () => void {
    const limit: Limit = { at: performance.now() + this.millis, expire }
    this.limits.add(limit)
    this.timer ??= setTimeout(this.timeIsUp, this.millis)
    return () => {
      this.limits.delete(limit)
    }
  }

  /** Nobody waits for ever: what is under way is expired. */
  close(): void {
    clearTimeout(this.timer)
    clearImmediate(this.immediate)
    this.timer = undefined
    for (const limit of this.limits) limit.expire()
    this.limits.clear()
  }

  /**
   * A process that was busy or stopped for long runs its timers before it reads its sockets. What arrived meanwhile is
   * no timeout: one turn of the event loop later it has been read.
   */
  private readonly timeIsUp = (): void => {
    this.immediate = setImmediate(this.expireDue)
  }

  private readonly expireDue = (): void => {
    this.timer = undefined
    const now = performance.now()
    for (const limit of this.limits) {
      if (limit.at > now) {
        this.timer = setTimeout(this.timeIsUp, Math.ceil(limit.at - now))
        return
      }
      this.limits.delete(limit)
      limit.expire()
    }
  }
}
