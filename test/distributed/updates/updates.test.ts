/**
 * Caches of rows that four processes update and read; one of them is killed every two seconds, between any two steps.
 * `docs/guides/updates.md` has the results of a minute of each strategy.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Strategy } from "./protocol.js"
import { type Outcome, run } from "./run.js"

/** In ms: with `UPDATES_MILLIS=60000`, the strategies that are known to be wrong run for a minute, too. */
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

/** Checks that there was something to judge. */
const assertBusy = ({ cached, deaths, failures, hitShare, updates }: Outcome): void => {
  assert.deepStrictEqual(failures, [])
  assert.isAbove(cached, 100)
  assert.isAbove(updates, 300)
  assert.isAbove(deaths, 2)
  assert.isAtLeast(hitShare, 0.5)
}

describe("updates of a database under a cache", () => {
  it.scopedLive("invalidating leaves nothing old: no read, and no entry at the end", () =>
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
    "a delete before the commit lets old rows be cached: the judge finds them",
    () =>
      Effect.gen(function*() {
        const outcome = yield* runFor("delete before commit", 10_000)
        assertBusy(outcome)
        assert.isAbove(outcome.stale, 0)
      }),
    120_000
  )

  it.scopedLive(
    "a delete after the commit is lost if its process dies: the judge finds the old rows",
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
