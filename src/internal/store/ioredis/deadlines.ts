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

  constructor(private readonly millis: number) {}

  /** Calls `expire` after the time limit, unless the function that this gives back is called before. */
  start(expire: () => void): () => void {
    const limit: Limit = { at: performance.now() + this.millis, expire }
    this.limits.add(limit)
    this.timer ??= setTimeout(this.expireDue, this.millis)
    return () => {
      this.limits.delete(limit)
    }
  }

  close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.limits.clear()
  }

  private readonly expireDue = (): void => {
    this.timer = undefined
    const now = performance.now()
    for (const limit of this.limits) {
      if (limit.at > now) {
        this.timer = setTimeout(this.expireDue, Math.ceil(limit.at - now))
        return
      }
      this.limits.delete(limit)
      limit.expire()
    }
  }
}
