/**
 * The model: random histories of concurrent fibers, on one and on two `Redis` instances over one server, with delays,
 * lost answers and interruptions. See `record.ts` for what must never be seen, and `mutants.test.ts` for what the model
 * is known to find.
 *
 * There are a thousand of them, or `MODEL_RUNS`. `MODEL_SEED=… npx vitest run test/model/histories.test.ts` runs the histories of a seed again.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { history } from "./history.js"
import { breath, run } from "./run.js"

const seed = Number(process.env.MODEL_SEED ?? Date.now() % 0x7fffffff)
const histories = Number(process.env.MODEL_RUNS ?? 1_000)

it(
  `${histories} random histories, seed ${seed}: nobody sees what was replaced`,
  { timeout: 240_000 },
  () =>
    fc.assert(
      fc.asyncProperty(history, async (tried) => {
        await breath()
        const wrong = run(tried)
        assert.strictEqual(wrong.length, 0, `\n${wrong.join("\n")}`)
      }),
      { seed, numRuns: histories }
    )
)
