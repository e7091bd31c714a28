/** The error of an operation on several servers if some of them are not asked because their circuits are open. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isUnsent, refusal } from "../../src/internal/driver/breaker.js"
import { together } from "../../src/internal/redis/answers.js"
import type { Callback } from "../../src/internal/redis/batch/sender.js"
import { LocalClock } from "../../src/internal/redis/clocks/localClock.js"
import { MedianClock } from "../../src/internal/redis/clocks/medianClock.js"
import { timeoutError } from "../../src/internal/redis/errors.js"

const ask = (outcome: string, callback: Callback<string>): void => {
  if (outcome === "answered") callback.answer(outcome)
  else callback.fail(outcome === "refused" ? refusal("lease") : timeoutError("lease", 1_000))
}

const clock = new MedianClock(new LocalClock(), () => [])

const failureOf = (...outcomes: ReadonlyArray<string>) =>
  Effect.flip(together(clock, outcomes, ask, (answer) => answer))

describe("an operation on several servers", () => {
  it.effect("was not sent if all have refused it", () =>
    Effect.gen(function*() {
      for (const outcomes of [["refused"], ["refused", "refused"]]) {
        const error = yield* failureOf(...outcomes)
        assert.isTrue(isUnsent(error))
        assert.strictEqual(error.message, "Redis lease failed (CircuitOpen)")
      }
    }))

  it.effect("says so if it was sent to some, whatever happened there", () =>
    Effect.gen(function*() {
      for (const other of ["answered", "late"]) {
        const error = yield* failureOf("refused", other)
        assert.strictEqual(error.reason, "CircuitOpen")
        assert.isFalse(isUnsent(error))
        assert.match(error.message, /sent for the others/)
      }
    }))

  it.effect("may have been sent if it failed in another way first", () =>
    Effect.gen(function*() {
      const error = yield* failureOf("late", "refused")
      assert.strictEqual(error.reason, "Timeout")
      assert.isFalse(isUnsent(error))
    }))
})
