/**
 * Caches of rows that four processes update and read, one of which is killed every two seconds, between any two steps.
 * `docs/guides/updates.md` has what came of a minute of each strategy.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Strategy } from "./protocol.js"
import { type Outcome, run } from "./run.js"

/** In ms: `UPDATES_MILLIS=60000` runs those for a minute that are shown to be wrong, too. */
const given = process.env.UPDATES_MILLIS

const runFor = (strategy: Strategy, millis: number) =>
  Effect.map(run(strategy, given === undefined ? millis : Number(given)), (outcome) => {
    const { cached, deaths, hitShare, longest, reads, stale, uncommitted, updates, wrong } = outcome
    console.log(
      `${strategy}: ${updates} updates, ${deaths} deaths, ${reads} reads, ${(100 * hitShare).toFixed(0)} % hits; ` +
        `${stale} reads too old, by up to ${longest.toFixed(0)} ms, ${uncommitted} of what was rolled back; ` +
        `${wrong} of ${cached} cached rows wrong in the end`
    )
    return outcome
  })

/** That there was something to judge. */
const assertBusy = ({ cached, deaths, failures, hitShare, updates }: Outcome): void => {
  assert.deepStrictEqual(failures, [])
  assert.isAbove(cached, 100)
  assert.isAbove(updates, 300)
  assert.isAbove(deaths, 2)
  assert.isAtLeast(hitShare, 0.5)
}

describe("updates of a database under a cache", () => {
  it.scopedLive("invalidating leaves nothing old: no read, and no entry in the end", () =>
    Effect.gen(function*() {
      const outcome = yield* runFor("invalidating", 60_000)
      assertBusy(outcome)
      const { examples, stale, uncommitted, wrong } = outcome
      assert.deepStrictEqual({ examples, stale, uncommitted, wrong }, {
        examples: [],
        stale: 0,
        uncommitted: 0,
        wrong: 0
      })
    }), 180_000)

  it.scopedLive(
    "a delete before the commit lets old rows be cached: the judge sees them",
    () =>
      Effect.gen(function*() {
        const outcome = yield* runFor("delete before commit", 10_000)
        assertBusy(outcome)
        assert.isAbove(outcome.stale, 0)
      }),
    120_000
  )

  it.scopedLive(
    "a delete after the commit is lost with its process: the judge sees what is left",
    () =>
      Effect.gen(function*() {
        const outcome = yield* runFor("delete after commit", 20_000)
        assertBusy(outcome)
        const { stale, uncommitted, wrong } = outcome
        assert.isAbove(stale + uncommitted + wrong, 0)
      }),
    120_000
  )
})
