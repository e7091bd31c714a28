/** Server time, whether of one server or of several. */
import type { RedisError } from "../../../CacheError.js"
import type { LocalClock } from "./localClock.js"

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
