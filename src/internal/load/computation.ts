/** Runs the user's computation of values: in a scope of its own, timed, and bounded. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import type { Recorder } from "../cache/recorder.js"
import type * as CacheRuntime from "../cache/runtime.js"
import { aside } from "../driver/operation.js"
import { setFiberRef } from "../driver/setFiberRef.js"
import { inside } from "../inFlight/circles.js"
import type { LoadRun } from "../inFlight/inFlight.js"
import type { Timer } from "../inFlight/timers.js"
import { endChildren } from "./children.js"
import type { Unchanged } from "./previous.js"
import type { Compute, Task } from "./task.js"

/** What the tasks' values are looked up with, or why there are none; and how long it took, in ms. */
export interface Computed<Key, Value, E> {
  readonly exit: Exit.Exit<(task: Task<Key>) => Exit.Exit<Value | Unchanged, E> | undefined, E>
  readonly millis: number
}

/** How long a computation may take, in ms, and which option says so. */
export interface TimeLimit {
  readonly millis: number
  readonly option: "lease.maxDuration" | "refreshTimeout"
}

/** A computation that was cut off is a failed load like any other: a defect, so that callers see why. */
const cutOff = (keys: ReadonlyArray<string>, { millis, option }: TimeLimit): Cause.RuntimeException => {
  const shown = keys.length === 1 ? keys[0]! : `${keys[0]!} and ${keys.length - 1} more`
  const ran = Duration.format(Duration.millis(millis))
  return new Cause.RuntimeException(
    `The load of ${shown} ran for ${ran} and was interrupted: ${option} allows no more. Give the load a time limit, or ` +
      `raise ${option}. If the load reads its own key where that cannot be detected (through Runtime.runPromise, for ` +
      `example), it never ends: remove that read.`
  )
}

const uninterruptible = RuntimeFlags.disable(Runtime.defaultRuntimeFlags, RuntimeFlags.Interruption)

/** What goes on beside a computation that runs for long. */
export interface Beside {
  /** What is done each `period` ms: it keeps the leases. */
  readonly every: Effect.Effect<void>
  readonly period: number
  /** Run once if the load is interrupted and its computation takes time to end: its result will not be used. */
  readonly onInterrupted: Effect.Effect<void>
  /**
   * Called first thing when the time is over, since an uninterruptible computation may go on: callers do not wait for it.
   * Then the load is interrupted. What it returns is run beside that.
   */
  readonly onLate: (cause: Cause.Cause<never>) => Effect.Effect<void>
}

/**
 * Runs the computation on the load's own fiber, and records how long it took. A timer begins what goes on beside it:
 * for most loads it never goes off.
 */
export const bounded = <Key, Value, E, R>(
  { background, timers }: Pick<CacheRuntime.Runtime, "background" | "timers">,
  recorder: Recorder,
  load: LoadRun,
  compute: Compute<Key, Value, E, R>,
  tasks: ReadonlyArray<Task<Key>>,
  limit: TimeLimit,
  { every, onInterrupted, onLate, period }: Beside
): Effect.Effect<Computed<Key, Value, E>, never, Exclude<R, Scope.Scope>> =>
  Effect.withFiberRuntime((fiber) => {
    const clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
    const started = clock.unsafeCurrentTimeNanos()
    const elapsed = () => Number(clock.unsafeCurrentTimeNanos() - started) / 1e6
    const isInterrupted = () => !Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause))
    let scope: Scope.CloseableScope | undefined
    let timer: Timer | undefined
    let beside: Fiber.RuntimeFiber<void> | undefined
    let millis = 0

    // By the clock, and not by the pauses: other work takes its time, too.
    const turn: Effect.Effect<void> = Effect.suspend(() =>
      isInterrupted() ? Effect.interrupt : elapsed() < limit.millis ? Effect.zipRight(every, nextTurn) : late()
    )
    const late = () =>
      Effect.uninterruptible(Effect.suspend(() => {
        const told = onLate(Cause.die(cutOff(tasks.map((task) => task.redisKey), limit)))
        fiber.unsafeInterruptAsFork(fiber.id())
        return told
      }))
    const nextTurn = Effect.suspend(() =>
      Effect.zipRight(Effect.sleep(Math.max(0, Math.min(period, limit.millis - elapsed()))), turn)
    )

    const turns = () =>
      Effect.onInterrupt(
        Effect.interruptible(turn),
        // When the layer closes, both are interrupted, this first.
        () => Effect.flatMap(Effect.yieldNow(), () => isInterrupted() ? onInterrupted : Effect.void)
      )

    const begin = Effect.flatMap(Scope.make(), (made) => {
      scope = made
      // Before the computation sets a clock, a tracer, a span of its own.
      const context = fiber.currentContext
      const runtime = Runtime.make({
        context,
        fiberRefs: fiber.getFiberRefs(),
        // Interrupted before its first step, it still does what it does last.
        runtimeFlags: uninterruptible
      })
      const takeTurn = () => {
        if (beside === undefined) beside = background.runFork(runtime, turns())
        else beside.unsafeInterruptAsFork(fiber.id())
      }
      timer = timers.set(clock, Math.min(period, limit.millis), takeTurn)
      load.onInterrupted = takeTurn
      setFiberRef(fiber, inside, [...load.inside, load])
      setFiberRef(fiber, FiberRef.currentContext, Context.add(context, Scope.Scope, made))
      return compute(tasks) as ReturnType<Compute<Key, Value, E, Exclude<R, Scope.Scope>>> // it has its scope
    })
    const end = (exit: Exit.Exit<unknown, unknown>) => {
      timer?.cancel()
      load.onInterrupted = undefined
      beside?.unsafeInterruptAsFork(fiber.id())
      millis = elapsed()
      // A value that was computed and then dropped counts as none.
      recorder.load(millis, Exit.isSuccess(exit) && !isInterrupted())
    }
    return aside(begin).pipe(
      Effect.onExit((exit) =>
        scope === undefined ? Effect.void : Effect.flatMap(Effect.exit(Scope.close(scope, exit)), (closed) =>
          // A computation forks on the load's fiber, which goes on: what it forked ends here, before its value is stored.
          Effect.flatMap(endChildren(fiber), () => {
            end(Exit.isSuccess(exit) ? closed : exit)
            return closed
          }))
      ),
      Effect.exit,
      Effect.map((exit) => ({ exit, millis }))
    )
  })
