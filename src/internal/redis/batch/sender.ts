/** The interface through which the driver sends its commands. */
import type { RedisError } from "../../../CacheError.js"
import type { Write } from "../../driver/driver.js"
import type { Script } from "../lua.js"
import type { Shape } from "../replies.js"
import type { Argument } from "../resp/request.js"

/** Receives an answer, or why there is none. It is called exactly once. */
export interface Callback<in Answer> {
  readonly answer: (answer: Answer) => void
  readonly fail: (error: RedisError) => void
}

/** Sends commands. */
export interface Sender {
  readonly read: (key: string, callback: Callback<Buffer | undefined>) => void
  readonly write: (write: Write, callback: Callback<void>) => void
  readonly call: <A>(
    operation: string,
    name: string,
    args: ReadonlyArray<Argument>,
    gives: Shape<A>,
    callback: Callback<A>
  ) => void
  readonly run: <A>(
    script: Script<A>,
    keys: ReadonlyArray<string | Buffer>,
    args: ReadonlyArray<Argument>,
    callback: Callback<A>
  ) => void
}
