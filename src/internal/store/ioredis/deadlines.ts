/**
 * Time limits at the price of one timer: all limits are equally long, so those that began first end first, and one
 * timer for the first of them will do. Time is the machine's monotonic clock.
 */

interface Limit {
  readonly at: number
  /** Gone once it is met. */
  expire: (() => void) | undefined
}

export class Deadlines {
  private limits: Array<Limit> = []
  private first = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly millis: number) {}

  /** Calls `expire` after the time limit, unless the function that this gives back is called before. */
  start(expire: () => void): () => void {
    const limit: Limit = { at: performance.now() + this.millis, expire }
    this.limits.push(limit)
    this.timer ??= setTimeout(this.expireDue, this.millis)
    return () => {
      limit.expire = undefined
    }
  }

  close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.limits = []
    this.first = 0
  }

  private readonly expireDue = (): void => {
    this.timer = undefined
    const now = performance.now()
    while (this.first < this.limits.length) {
      const limit = this.limits[this.first]!
      if (limit.expire !== undefined && limit.at > now) {
        this.timer = setTimeout(this.expireDue, Math.ceil(limit.at - now))
        break
      }
      this.first++
      limit.expire?.()
    }
    this.limits = this.limits.slice(this.first)
    this.first = 0
  }
}
