/** Logs the changes of a connection's state in the log of the layer, each once. */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { Place } from "../port.js"

/** Writes to the log from outside of any fiber. */
export interface Logger {
  readonly warn: (message: string) => void
  readonly info: (message: string) => void
}

export const silent: Logger = { warn: () => {}, info: () => {} }

/** Uses the loggers and the annotations of where it is run. */
export const logger: Effect.Effect<Logger> = Effect.map(Effect.runtime<never>(), (runtime) => {
  const run = Runtime.runFork(runtime)
  return {
    warn: (message) => void run(Effect.logWarning(message)),
    info: (message) => void run(Effect.logInfo(message))
  }
})

export const nameOf = ({ address, port }: Place): string => {
  const host = address?.includes(":") === true ? `[${address}]` : address
  if (host === undefined) return "an unknown address"
  return port === undefined ? host : `${host}:${port}`
}

const serverAt = (place: Place): string => `Redis at ${nameOf(place)}`

const afterSince = (since: number): string => `after ${((performance.now() - since) / 1000).toFixed(1)} s`

/** The log of one connection. */
export class Log {
  /** Since when it is down, on the monotonic clock. */
  private lostAt: number | undefined
  private isTold = false

  constructor(private readonly logger: Logger, private readonly place: () => Place) {}

  readonly warn = (message: string): void => this.logger.warn(message)

  readonly info = (message: string): void => this.logger.info(message)

  readonly server = (): string => serverAt(this.place())

  /** `quiet`: an error reports it already. */
  lost(why: string, quiet: boolean): void {
    this.lostAt ??= performance.now()
    if (this.isTold || quiet) return
    this.isTold = true
    this.warn(`${this.server()} is not connected: ${why}`)
  }

  back(): void {
    if (this.lostAt !== undefined && this.isTold) {
      this.info(`${this.server()} is connected again, ${afterSince(this.lostAt)}`)
    }
    this.lostAt = undefined
    this.isTold = false
  }
}

/** The log of the feed of changes, of one server or of several. */
export class FeedLog {
  /** Since when it is off, on the monotonic clock, if that was logged. */
  private offSince: number | undefined

  constructor(private readonly logger: Logger) {}

  off(place: Place, why: string): void {
    if (this.offSince !== undefined) return
    this.refused()
    this.logger.warn(`Near copies are off: the connection that reports changes in ${serverAt(place)} is down: ${why}`)
  }

  /** The same if an error reports it. */
  refused(): void {
    this.offSince ??= performance.now()
  }

  on(place: Place): void {
    if (this.offSince === undefined) return
    this.logger.info(`Near copies are on again, ${afterSince(this.offSince)}: ${serverAt(place)} reports changes`)
    this.offSince = undefined
  }
}
