/**
 * The model: random histories of concurrent fibers, on several `Redis` instances over one server, with delays, lost
 * answers, interruptions and outages. `judge/` says what must never be seen, and `mutants/` proves what the model
 * finds.
 *
 * It runs two hundred histories of all operations, or `MODEL_RUNS` (a thousand in CI), and a fifth of that for each
 * group of related operations. `MODEL_SEED=… npx vitest run test/model/histories.test.ts` runs the histories of a seed
 * again.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { focused, history } from "./arbitraries.js"
import type { History } from "./history.js"
import { breath, run } from "./run.js"

const seed = Number(process.env.MODEL_SEED ?? 540_758_787)
const histories = Number(process.env.MODEL_RUNS ?? 200)

const holds = (of: string, arbitrary: fc.Arbitrary<History>, numRuns: number): void =>
  it(
    `${numRuns} random histories of ${of}, seed ${seed}: no caller gets a replaced value`,
    { timeout: 240_000 },
    () =>
      fc.assert(
        fc.asyncProperty(arbitrary, async (tried) => {
          await breath()
          const wrong = run(tried)
          assert.strictEqual(wrong.length, 0, `\n${wrong.join("\n")}`)
        }),
        { seed, numRuns }
      )
  )

holds("everything", history, histories)
for (const [of, arbitrary] of Object.entries(focused)) holds(of, arbitrary, Math.ceil(histories / 5))
