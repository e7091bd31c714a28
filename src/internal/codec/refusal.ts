/**
 * Why a walk over a key or a value stopped, and where.
 *
 * It is thrown inside a walk, gathers the path while the walk unwinds, and becomes an issue at its edge: so walks
 * that succeed pay nothing for paths, nor for finding cycles.
 */
import type { CodecIssue } from "./codec.js"

/** How many levels of nesting a key or a value may have. The stack holds many more. */
export const maxDepth = 1_000

const maxPathLength = 200

const identifier = /^[A-Za-z_$][\w$]*$/

/** How a field is written in a path: `.name`, or `["a name"]`. */
export const field = (name: string): string => identifier.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`

/** How an index is written in a path. */
export const index = (position: number): string => `[${position}]`

/** `$`, then its segments; what is very long is cut. */
export const path = (segments: ReadonlyArray<string>): string => {
  const text = `$${segments.join("")}`
  return text.length > maxPathLength ? `${text.slice(0, maxPathLength)}…` : text
}

interface Options {
  readonly cause?: unknown
  readonly tooDeep?: boolean
}

export class Refusal extends Error {
  /** Innermost first, each with the container that it is a segment of. */
  readonly #steps: Array<{ readonly container: object; readonly segment: string }> = []
  readonly #tooDeep: boolean

  constructor(detail: string, options: Options = {}) {
    super(detail, "cause" in options ? { cause: options.cause } : undefined)
    this.#tooDeep = options.tooDeep === true
  }

  within(container: object, segment: string): this {
    this.#steps.push({ container, segment })
    return this
  }

  toIssue(): CodecIssue {
    const steps = this.#steps.toReversed()
    // Only what is endless or absurd gets so deep: whether it is a cycle is found out here, not on the way down.
    const seen = new Set<object>()
    const repeated = this.#tooDeep ? steps.findIndex(({ container }) => seen.size === seen.add(container).size) : -1
    const shown = repeated === -1 ? steps : steps.slice(0, repeated)
    return {
      path: path(shown.map(({ segment }) => segment)),
      detail: repeated === -1 ? this.message : "a cycle",
      ...("cause" in this ? { cause: this.cause } : {})
    }
  }
}

export const tooDeep = (): Refusal => new Refusal(`nested more than ${maxDepth} levels deep`, { tooDeep: true })

/** Anything else that was thrown came out of a getter or a Proxy, or the stack was nearly full to begin with. */
const refusal = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  return error instanceof RangeError && error.message.includes("call stack")
    ? tooDeep()
    : new Refusal("reading it threw an error", { cause: error })
}

/** The same refusal, one level further out. */
export const within = (error: unknown, container: object, segment: string): Refusal =>
  refusal(error).within(container, segment)

/** Turns what a walk has thrown into an issue. */
export const issue = (error: unknown): CodecIssue => refusal(error).toIssue()
