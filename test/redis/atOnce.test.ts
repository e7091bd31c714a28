/** When fibers resume: in the event that brings their answer, unless a custom scheduler decides. */
import { assert, describe, it, vi } from "@effect/vitest"
import type { Scheduler } from "effect"
import { Cause, Effect, Exit, Fiber, Layer, ManagedRuntime, Option } from "effect"
import { AtOnce } from "../../src/internal/redis/atOnce.js"

type Runner = Fiber.RuntimeFiber<unknown, unknown>

/** An effect that waits for an answer, and a way to deliver it. */
const asking = () => {
  const steps: Array<string> = []
  let fiber: Runner | undefined
  let resume: (effect: Effect.Effect<string>) => void = () => {}
  const effect = Effect.gen(function*() {
    const answer = yield* Effect.async<string>((callback) => {
      fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
      resume = callback
    })
    steps.push(answer)
    return answer
  })
  return {
    effect,
    steps,
    fiber: () => fiber!,
    answer: (atOnce: AtOnce, text: string) => atOnce.resume(fiber, resume, Effect.succeed(text))
  }
}

/** Keeps the tasks that it is given, and runs them when told to. */
class Noting implements Scheduler.Scheduler {
  readonly tasks: Array<Scheduler.Task> = []
  shouldYield(): false {
    return false
  }
  scheduleTask(task: Scheduler.Task): void {
    this.tasks.push(task)
  }
}

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

describe("a fiber whose answer arrives", () => {
  it.live("resumes before the call returns, and has its own scheduler back by then", () =>
    Effect.gen(function*() {
      const { answer, effect, fiber, steps } = asking()
      let during: Scheduler.Scheduler | undefined
      const running = yield* Effect.fork(Effect.tap(effect, () => {
        during = fiber().currentScheduler
      }))
      yield* turn
      const before = fiber().currentScheduler
      answer(new AtOnce(), "a")
      assert.deepStrictEqual(steps, ["a"])
      assert.strictEqual(during, before)
      assert.strictEqual(fiber().currentScheduler, before)
      assert.strictEqual(yield* Fiber.join(running), "a")
    }))

  it.live("may ask again immediately, as often as it likes", () =>
    Effect.gen(function*() {
      const atOnce = new AtOnce()
      let resume: (effect: Effect.Effect<number>) => void = () => {}
      let fiber: Runner | undefined
      let seen = 0
      const ask = Effect.async<number>((callback) => {
        fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
        resume = callback
      })
      const running = yield* Effect.fork(Effect.gen(function*() {
        while (seen < 10_000) seen = yield* ask
      }))
      yield* turn
      for (let n = 1; n <= 10_000; n++) {
        atOnce.resume(fiber, resume, Effect.succeed(n))
        assert.strictEqual(seen, n)
      }
      yield* Fiber.join(running)
    }))

  it.live("resumes immediately in the runtime of an application", () =>
    Effect.gen(function*() {
      const runtime = ManagedRuntime.make(Layer.empty)
      yield* Effect.promise(() => runtime.runPromise(Effect.void))
      const { answer, effect, steps } = asking()
      const done = runtime.runPromise(effect)
      yield* turn
      answer(new AtOnce(), "a")
      assert.deepStrictEqual(steps, ["a"])
      assert.strictEqual(yield* Effect.promise(() => done), "a")
      yield* Effect.promise(() => runtime.dispose())
    }))

  it.live("waits for a scheduler that its program has chosen", () =>
    Effect.gen(function*() {
      const scheduler = new Noting()
      const { answer, effect, fiber, steps } = asking()
      const running = yield* Effect.forkDaemon(Effect.withScheduler(effect, scheduler))
      yield* turn
      answer(new AtOnce(), "a")
      assert.deepStrictEqual([steps.length, scheduler.tasks.length], [0, 1])
      assert.strictEqual(fiber().currentScheduler, scheduler)
      scheduler.tasks.pop()!()
      assert.deepStrictEqual(steps, ["a"])
      assert.strictEqual(yield* Fiber.join(running), "a")
    }))

  it.live("does not resume if it was interrupted before", () =>
    Effect.gen(function*() {
      const { answer, effect, fiber, steps } = asking()
      const running = yield* Effect.forkDaemon(effect)
      yield* turn
      const before = fiber().currentScheduler
      running.unsafeInterruptAsFork(running.id())
      answer(new AtOnce(), "a")
      assert.strictEqual(fiber().currentScheduler, before)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(running)))
      assert.deepStrictEqual(steps, [])
    }))

  it.live("does nothing when it is answered twice", () =>
    Effect.gen(function*() {
      const atOnce = new AtOnce()
      const { answer, effect, fiber, steps } = asking()
      const running = yield* Effect.fork(Effect.zipLeft(effect, Effect.never))
      yield* turn
      const before = fiber().currentScheduler
      answer(atOnce, "a")
      answer(atOnce, "b")
      assert.strictEqual(fiber().currentScheduler, before)
      assert.deepStrictEqual(steps, ["a"])
      yield* Fiber.interrupt(running)
    }))

  it.live("keeps its exceptions away from the fibers whose answers came in the same event", () =>
    Effect.gen(function*() {
      const { answer, effect } = asking()
      const cancel = Effect.runCallback(effect, {
        onExit: () => {
          throw new Error("an observer's")
        }
      })
      yield* turn
      const ticks: Array<() => void> = []
      const later = vi.spyOn(process, "nextTick").mockImplementation((tick) => void ticks.push(tick as () => void))
      try {
        answer(new AtOnce(), "a")
      } finally {
        later.mockRestore()
      }
      assert.lengthOf(ticks, 1)
      assert.throws(ticks[0]!, "an observer's")
      cancel()
    }))

  it.live("resumes in the usual way if it cannot be lent a scheduler", () =>
    Effect.gen(function*() {
      const { answer, effect, fiber, steps } = asking()
      const running = yield* Effect.fork(effect)
      yield* turn
      const { currentScheduler } = fiber()
      Object.defineProperty(fiber(), "currentScheduler", { get: () => currentScheduler, configurable: true })
      answer(new AtOnce(), "a")
      assert.deepStrictEqual(steps, [])
      Object.defineProperty(fiber(), "currentScheduler", {
        value: currentScheduler,
        writable: true,
        configurable: true
      })
      assert.strictEqual(yield* Fiber.join(running), "a")
    }))

  it.live("resumes with a failure, or a defect, too", () =>
    Effect.gen(function*() {
      let resume: (effect: Effect.Effect<never, string>) => void = () => {}
      let fiber: Runner | undefined
      const running = yield* Effect.forkDaemon(Effect.async<never, string>((callback) => {
        fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
        resume = callback
      }))
      yield* turn
      new AtOnce().resume(fiber, resume, Effect.die("broken"))
      assert.deepStrictEqual(running.unsafePoll(), Exit.failCause(Cause.die("broken")))
    }))
})
