/** Exit codes for scripts. */
import * as Data from "effect/Data"

/**
 * 0: done, or found. 1: the answer is no: no fresh value, nothing to delete, or `doctor` found something bad. 2: it was
 * not understood, or needs `--yes`. 3: Redis could not be reached, or did not do it.
 */
export const Code = { Ok: 0, No: 1, Usage: 2, Redis: 3 } as const

/** Ends the command with a message for people, which is not part of its output. */
export class Ended extends Data.TaggedError("Ended")<{
  readonly code: number
  readonly message: string
}> {}

export const no = (message: string): Ended => new Ended({ code: Code.No, message })

export const usage = (message: string): Ended => new Ended({ code: Code.Usage, message })
