/**
 * The model: random histories of concurrent fibers, on some `Redis` instances over one server, with delays, lost answers,
 * interruptions and outages. See `judge/` for what must never be seen, and `mutants/` for what the model is known to find.
 *
 * There are two hundred of everything at once, or `MODEL_RUNS` (a thousand in CI), and a fifth of that of what belongs
 * together, each.
 * `MODEL_SEED=… npx vitest run test/model/histories.test.ts` runs the histories of a seed again.
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
    `${numRuns} random histories of ${of}, seed ${seed}: nobody sees what was replaced`,
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
