/** How loops run over a contestant's operations: as promises, or inside one long fiber. */
import { setTimeout as sleep } from "node:timers/promises"

/** A cheap clock: reading the time must not affect the measurement. */
const open = (until) => performance.now() < until

/** How many operations run between two looks at the clock, if one takes less time than the look. */
const sweepSize = 64

/**
 * - `loops`: `width` loops, each of which waits for its own answer before its next call
 * - `bursts`: `width` at once, then the next `width`
 * - `sweeps`: one after the other, reading the clock seldom
 * - `settle`: one operation, as a promise
 * - `compute`: takes `millis`, like a memoized or loaded value
 */
export const promises = {
  loops: async (width, until, { ask, check, next }) => {
    let done = 0
    const loop = async () => {
      while (open(until)) {
        const input = next()
        check(await ask(input), input)
        done++
      }
    }
    await Promise.all(Array.from({ length: width }, loop))
    return done
  },
  bursts: async (width, until, { ask, check, next }) => {
    let done = 0
    while (open(until)) {
      const inputs = Array.from({ length: width }, next)
      const answers = await Promise.all(inputs.map(ask))
      for (let i = 0; i < width; i++) check(answers[i], inputs[i])
      done += width
    }
    return done
  },
  sweeps: async (until, { ask, check, next }) => {
    let done = 0
    while (open(until)) {
      for (let i = 0; i < sweepSize; i++) {
        const input = next()
        check(await ask(input), input)
      }
      done += sweepSize
    }
    return done
  },
  settle: (operation) => operation,
  compute: (millis, f) => async (...args) => {
    if (millis > 0) await sleep(millis)
    return f(...args)
  }
}

/** An operation that answers without a promise. */
export const plain = {
  sweeps: async (until, { ask, check, next }) => {
    let done = 0
    while (open(until)) {
      for (let i = 0; i < sweepSize; i++) {
        const input = next()
        check(ask(input), input)
      }
      done += sweepSize
    }
    return done
  },
  settle: async (operation) => operation
}

/** The same for an Effect, of either version. */
export const effects = (Effect, runPromise) => ({
  loops: async (width, until, { ask, check, next }) => {
    let done = 0
    const loop = Effect.gen(function*() {
      while (open(until)) {
        const input = next()
        check(yield* ask(input), input)
        done++
      }
    })
    await runPromise(
      width === 1 ? loop : Effect.all(Array.from({ length: width }, () => loop), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return done
  },
  bursts: async (width, until, { ask, check, next }) => {
    let done = 0
    await runPromise(Effect.gen(function*() {
      while (open(until)) {
        const inputs = Array.from({ length: width }, next)
        const answers = yield* Effect.forEach(inputs, ask, { concurrency: "unbounded" })
        for (let i = 0; i < width; i++) check(answers[i], inputs[i])
        done += width
      }
    }))
    return done
  },
  sweeps: (until, { ask, check, next }) =>
    runPromise(Effect.gen(function*() {
      let done = 0
      while (open(until)) {
        for (let i = 0; i < sweepSize; i++) {
          const input = next()
          check(yield* ask(input), input)
        }
        done += sweepSize
      }
      return done
    })),
  settle: runPromise,
  compute: (millis, f) => (...args) => {
    const computed = Effect.sync(() => f(...args))
    return millis > 0 ? Effect.delay(computed, `${millis} millis`) : computed
  }
})
