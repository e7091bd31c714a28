/**
 * A circuit breaker: when at least half of the latest operations failed for want of a connection or an answer, further
 * ones fail at once, except for a probe now and then. Counting an operation costs an increment; everything that needs a
 * clock is done only when something fails.
 *
 * It opens on a rate, not on one error: at least `minFailures` in `windowMillis`, and at least half of what was tried.
 * A probe goes out at most every `probeMillis` (less a random part, so that a fleet does not probe in step), and at
 * once after the link was made anew. A probe that succeeds closes it.
 */
import { RedisError } from "../../CacheError.js"

const windowMillis = 10_000
const minFailures = 10
const failureRate = 0.5
const probeMillis = 500

export class Breaker {
  private isOpen = false
  private attempts = 0
  private failures = 0
  private windowStart = 0
  private nextProbe = 0
  private connections = 0
  /** The last failure. */
  private last: unknown

  /** A number from 0 to 1, for the jitter of probes. */
  constructor(private readonly random: () => number, private readonly onChange: (open: boolean) => void = () => {}) {}

  get open(): boolean {
    return this.isOpen
  }

  private change(open: boolean): void {
    if (open === this.isOpen) return
    this.isOpen = open
    this.onChange(open)
  }

  /** Counts an operation that is about to be sent. */
  attempt(): void {
    this.attempts++
  }

  /** Whether an operation may go out as a probe, now that the breaker is open. */
  mayProbe(now: number, connections: number): boolean {
    if (connections === this.connections && now < this.nextProbe) return false
    this.connections = connections
    this.scheduleProbe(now)
    return true
  }

  succeeded(): void {
    this.change(false)
    this.attempts = 0
    this.failures = 0
  }

  failed(error: RedisError, now: number, connections: number): void {
    if (error.reason !== "Connection" && error.reason !== "Timeout") {
      // An error reply is an answer, and so a sign of life.
      if (this.open) this.succeeded()
      return
    }
    this.last = error.cause
    if (this.open) return
    // A clock that jumps back starts a new window, too.
    if (now - this.windowStart > windowMillis || now < this.windowStart) {
      this.windowStart = now
      this.attempts = 1
      this.failures = 0
    }
    this.failures++
    if (this.failures >= minFailures && this.failures >= this.attempts * failureRate) {
      this.change(true)
      this.connections = connections
      this.scheduleProbe(now)
    }
  }

  refusal(operation: string): RedisError {
    return refusal(operation, this.last)
  }

  private scheduleProbe(now: number): void {
    this.nextProbe = now + probeMillis * (1 - this.random() / 2)
  }
}

/** The error of an operation that is not sent, with the last failure as its cause. */
export const refusal = (operation: string, cause?: unknown): RedisError =>
  new RedisError({ reason: "CircuitOpen", operation, cause })

/** An operation that was refused for some of its keys, and sent for others. */
class SentInPart extends Error {
  override readonly name = "SentInPart"

  constructor() {
    super("not sent for some keys, whose server keeps failing; sent for the others")
  }
}

/** The refusal of an operation on several servers, some of which were asked. */
export const partialRefusal = ({ operation, reason }: RedisError): RedisError =>
  new RedisError({ reason, operation, cause: new SentInPart() })

/** Whether an operation that failed with this error was not sent at all. */
export const isUnsent = ({ cause, reason }: RedisError): boolean =>
  reason === "CircuitOpen" && !(cause instanceof SentInPart)
