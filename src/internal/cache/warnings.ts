/** The warnings of one cache. A warning that may occur at every call is logged once a minute, whatever the load. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { CodecIssue } from "../codec/codec.js"
import { sentence } from "../codec/sentence.js"
import type { Driver } from "../driver/driver.js"
import type { Recorder } from "./recorder.js"

const everyMillis = 60_000

const isOutage = ({ reason }: RedisError): boolean =>
  reason === "Connection" || reason === "Timeout" || reason === "CircuitOpen"

export class Warnings {
  /** When each warning may be logged again, on a clock that never jumps. */
  private readonly next = new Map<string, number>()

  constructor(private readonly driver: Driver, private readonly recorder: Recorder, private readonly cache: string) {}

  /** Warns, once in this process, of a mistake in the program. */
  once(message: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.next.has(message)) return Effect.void
      this.next.set(message, Infinity)
      return Effect.annotateLogs(Effect.logWarning(message), { cache: this.cache })
    })
  }

  /** Warns, once a minute for each `kind`. */
  warn(
    message: string,
    redisKey: string | undefined,
    cause?: Cause.Cause<unknown>,
    kind: string = message,
    annotations?: Record<string, string>
  ): Effect.Effect<void> {
    return Effect.clockWith((clock) => {
      const now = this.driver.unsafeMonotonic(clock)
      const next = this.next.get(kind)
      if (next !== undefined && now < next) return Effect.void
      this.next.set(kind, now + everyMillis)
      const log = cause === undefined ? Effect.logWarning(message) : Effect.logWarning(message, cause)
      return Effect.annotateLogs(log, {
        cache: this.cache,
        ...(redisKey === undefined ? {} : { key: redisKey }),
        ...annotations
      })
    })
  }

  /**
   * An operation went on without Redis: this is counted, and logged once a minute for each kind of failure. An outage
   * shows as `Connection`, `Timeout` and `CircuitOpen` by turns, and counts as one kind.
   */
  bypassed(error: RedisError, redisKey: string | undefined): Effect.Effect<void> {
    this.recorder.bypass()
    // Without its stack: the place where a command was sent says nothing about an outage.
    return this.warn(
      `The cache continues without Redis: ${error.message}`,
      redisKey,
      undefined,
      isOutage(error) ? "bypass outage" : `bypass ${error.reason}`
    )
  }

  /** An entry does not decode: this is counted, and logged once a minute. */
  undecodable(redisKey: string, issue: CodecIssue): Effect.Effect<void> {
    this.recorder.undecoded()
    const message = `A stored value could not be decoded and counts as a miss: ${sentence(issue)}`
    return this.warn(message, redisKey, undefined, "undecodable", { path: issue.path })
  }
}
