/**
 * Time limits at the price of one timer: all limits are equally long, so those that began first end first, and one
 * timer for the first of them is enough. Time is the machine's monotonic clock.
 *
 * Only objects that are under way are held, in an intrusive list: a list of all limits of the last second would let
 * whole batches grow old in the heap, at several times the cost of everything else here.
 */

/** An object with a time limit. Between `start` and `stop` it is part of the list. */
export abstract class Limited {
  /** When it is late. */
  due = 0
  before: Limited | undefined
  after: Limited | undefined

  /** The time limit is over, and it is no longer held. */
  abstract expire(): void
}

export class Deadlines {
  private first: Limited | undefined
  private last: Limited | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private immediate: ReturnType<typeof setImmediate> | undefined

  constructor(private readonly millis: number) {}

  /** Makes it expire after the time limit, unless it is stopped before. */
  start(limited: Limited): void {
    limited.due = performance.now() + this.millis
    limited.before = this.last
    if (this.last === undefined) this.first = limited
    else this.last.after = limited
    this.last = limited
    this.timer ??= setTimeout(this.timeIsUp, this.millis)
  }

  /** Call it once, and not after the object has expired. */
  stop(limited: Limited): void {
    const { after, before } = limited
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    limited.before = undefined
    limited.after = undefined
  }

  /** Expires everything that is under way, so that no caller goes on waiting. */
  close(): void {
    clearTimeout(this.timer)
    clearImmediate(this.immediate)
    this.timer = undefined
    while (this.first !== undefined) this.expire(this.first)
  }

  private expire(limited: Limited): void {
    this.stop(limited)
    limited.expire()
  }

  /**
   * A process that was busy or stopped for long runs its timers before it reads its sockets. Answers that arrived
   * meanwhile must not count as timeouts: one turn of the event loop later they have been read.
   */
  private readonly timeIsUp = (): void => {
    this.immediate = setImmediate(this.expireDue)
  }

  private readonly expireDue = (): void => {
    this.timer = undefined
    const now = performance.now()
    while (this.first !== undefined && this.first.due <= now) this.expire(this.first)
    if (this.first === undefined) return
    // An expiry may have started something new, and a timer for it; the first of the list is due before that.
    clearTimeout(this.timer)
    this.timer = setTimeout(this.timeIsUp, Math.ceil(this.first.due - now))
  }
}
