/**
 * The model must bite: each mutant breaks one promise, and must be caught. The histories come from a fixed seed. The
 * mutant itself must cause the violation: without it, the same history has none.
 *
 * `MODEL_SHOW=1` prints the violations, and how many histories it took to find them.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { history } from "../arbitraries.js"
import type { History } from "../history.js"
import { breath, type Mutant, run } from "../run.js"

/** Where to look for a mutant; the seeds are chosen so that each finds its mutant soon. */
export interface Hunt {
  readonly histories?: fc.Arbitrary<History>
  readonly seed?: number
}

/** Runs histories with a mutant, and then without it. */
type Mutated = <A>(run: (mutant: Mutant) => A) => A

const bites = async (mutated: Mutated, { histories = history, seed = 20_251 }: Hunt): Promise<void> => {
  let shown: History | undefined
  const property = fc.asyncProperty(histories, async (tried) => {
    await breath()
    const wrong = mutated((mutant) => run(tried, mutant))
    if (wrong.length === 0) return true
    if (process.env.MODEL_SHOW !== undefined) console.log(wrong[0])
    shown = tried
    return false
  })
  const checked = await fc.check(property, { seed, numRuns: 2_000, endOnFailure: true })
  if (process.env.MODEL_SHOW !== undefined) console.log(checked.numRuns)
  assert.isTrue(checked.failed, `${checked.numRuns} histories have not shown it`)
  assert.strictEqual(run(shown!).join("\n"), "", "it shows without the mutant, too")
}

const timeout = 240_000

/** Changes a driver. */
export const driverIsCaught = (name: string, mutant: Mutant, hunt: Hunt = {}): void =>
  it(name, { timeout }, () => bites((go) => go(mutant), hunt))

/** Replaces methods and getters. */
export const classIsCaught = (
  name: string,
  methods: object,
  patch: Record<string, (...args: Array<never>) => unknown>,
  hunt: Hunt = {}
): void =>
  it(name, { timeout }, () => {
    const own = Object.getOwnPropertyDescriptors(methods)
    for (const method of Object.keys(patch)) assert.property(own, method, "the method has another name by now")
    return bites((go) => {
      for (const [method, value] of Object.entries(patch)) {
        Object.defineProperty(methods, method, {
          configurable: true,
          ...(own[method]!.get === undefined ? { value, writable: true } : { get: value })
        })
      }
      try {
        return go((driver) => driver)
      } finally {
        for (const method of Object.keys(patch)) Object.defineProperty(methods, method, own[method]!)
      }
    }, hunt)
  })
