/** Timers that share one fiber per clock. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, TestClock } from "effect"
import { Timers } from "../../src/internal/inFlight/timers.js"

/** This fiber's clock; `slept` records the sleeps that began on it, in ms. */
const watched = Effect.map(Effect.clock, (clock) => {
  const slept: Array<number> = []
  const sleep = (duration: Duration.Duration) => {
    slept.push(Duration.toMillis(duration))
    return clock.sleep(duration)
  }
  return { slept, clock: Object.assign(Object.create(clock) as Clock.Clock, { sleep }) } // the rest is the clock's
})

const make = Effect.gen(function*() {
  const { clock, slept } = yield* watched
  const timers = yield* Effect.acquireRelease(
    Effect.sync(() => new Timers()),
    (made) => Effect.sync(() => made.close())
  )
  const gone: Array<string> = []
  return {
    timers,
    slept,
    gone,
    set: (millis: number, name: string) => timers.set(clock, millis, () => gone.push(name))
  }
})

describe("a timer", () => {
  it.scoped("runs when its time has come, and once", () =>
    Effect.gen(function*() {
      const { gone, set } = yield* make
      set(1_000, "a")
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(gone, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(gone, ["a"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(gone, ["a"])
    }))

  it.scoped("does not run if it was cancelled, even by another one that is due at the same time", () =>
    Effect.gen(function*() {
      const { gone, set, timers } = yield* make
      const cancelled = set(1_000, "cancelled")
      const clock = yield* Effect.clock
      timers.set(clock, 1_000, () => second.cancel())
      const second = timers.set(clock, 1_000, () => gone.push("second"))
      set(1_000, "kept")
      cancelled.cancel()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(gone, ["kept"])
    }))

  it.scoped("that is set later, and due sooner, runs sooner", () =>
    Effect.gen(function*() {
      const { gone, set } = yield* make
      set(5_000, "late")
      yield* TestClock.adjust("1 second")
      set(1_000, "soon")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(gone, ["soon"])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(gone, ["soon", "late"])
    }))

  it.scoped("may set another one when it runs", () =>
    Effect.gen(function*() {
      const { gone, set, timers } = yield* make
      const clock = yield* Effect.clock
      timers.set(clock, 1_000, () => {
        gone.push("first")
        timers.set(clock, 10, () => gone.push("of the first"))
      })
      set(2_000, "last")
      yield* TestClock.adjust("1010 millis")
      assert.deepStrictEqual(gone, ["first", "of the first"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(gone, ["first", "of the first", "last"])
    }))

  it.scoped("does not run once all are closed", () =>
    Effect.gen(function*() {
      const { gone, set, timers } = yield* make
      set(1_000, "a")
      timers.close()
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(gone, [])
    }))

  it.scoped("runs at once if all are told to, and only once", () =>
    Effect.gen(function*() {
      const { gone, set, timers } = yield* make
      set(1_000, "a")
      set(2_000, "b")
      timers.goOff()
      assert.deepStrictEqual(gone, ["a", "b"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(gone, ["a", "b"])
    }))

  it.scoped("uses its own clock", () =>
    Effect.gen(function*() {
      const { gone, set, timers } = yield* make
      set(1_000, "test")
      timers.set(Clock.make(), 5, () => gone.push("machine"))
      yield* TestClock.adjust("999 millis")
      while (gone.length === 0) yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
      assert.deepStrictEqual(gone, ["machine"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(gone, ["machine", "test"])
    }))
})

describe("many timers", () => {
  it.scoped("that are cancelled before their time sleep only once", () =>
    Effect.gen(function*() {
      const { gone, set, slept } = yield* make
      for (let i = 0; i < 1_000; i++) set(900, "cancelled").cancel()
      assert.deepStrictEqual(slept, [900])
      yield* TestClock.adjust("500 millis")
      set(900, "kept")
      yield* TestClock.adjust("400 millis")
      // It wakes when the first would have been due, and sleeps until the remaining one.
      assert.deepStrictEqual(slept, [900, 500])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(gone, ["kept"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(slept, [900, 500])
    }))

  it.scoped("that are all cancelled keep nothing asleep for longer than a second", () =>
    Effect.gen(function*() {
      const { set, slept } = yield* make
      const timer = set(600_000, "long")
      yield* TestClock.adjust("10 seconds")
      timer.cancel()
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(slept, Array(11).fill(1_000))
    }))

  it.scoped("of any durations run in the order in which they are due", () =>
    Effect.gen(function*() {
      const { gone, set } = yield* make
      const lengths = Array.from({ length: 200 }, (_, i) => 1_000 - 5 * i)
      for (const millis of lengths) set(millis, String(millis))
      for (let n = 0; n < 100; n++) yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(gone, lengths.sort((a, b) => a - b).map(String))
    }))
})
