/** What becomes of a connection, in the log of the layer: once for each change. */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { Place } from "../port.js"

/** Writes to the log from outside of any fiber. */
export interface Logger {
  readonly warn: (message: string) => void
  readonly info: (message: string) => void
}

export const silent: Logger = { warn: () => {}, info: () => {} }

/** With the loggers and the annotations of where it is run. */
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

/** What one connection tells. */
export class Log {
  /** Since when it is not there, on the monotonic clock. */
  private lostAt: number | undefined
  private isTold = false

  constructor(private readonly logger: Logger, private readonly place: () => Place) {}

  readonly warn = (message: string): void => this.logger.warn(message)

  readonly info = (message: string): void => this.logger.info(message)

  readonly server = (): string => `Redis at ${nameOf(this.place())}`

  /** `quiet`: an error tells of it already. */
  lost(why: string, quiet: boolean): void {
    this.lostAt ??= performance.now()
    if (this.isTold || quiet) return
    this.isTold = true
    this.warn(`${this.server()} is not connected: ${why}`)
  }

  back(): void {
    if (this.lostAt !== undefined && this.isTold) {
      this.info(`${this.server()} is connected again, after ${((performance.now() - this.lostAt) / 1000).toFixed(1)} s`)
    }
    this.lostAt = undefined
    this.isTold = false
  }
}
