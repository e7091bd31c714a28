/** Runs the user's computation of values: in a scope of its own, timed, and bounded. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Recorder } from "../cache/recorder.js"
import { aside } from "../driver/operation.js"
import { inside } from "../inFlight/circles.js"
import type { LoadRun } from "../inFlight/inFlight.js"
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

/** Runs the computation, and records how long it took. */
const run = <Key, Value, E, R>(
  recorder: Recorder,
  load: LoadRun,
  compute: Compute<Key, Value, E, R>,
  tasks: ReadonlyArray<Task<Key>>
): Effect.Effect<Computed<Key, Value, E>, never, Exclude<R, Scope.Scope>> => {
  const timed = Effect.clockWith((clock) => {
    const started = clock.unsafeCurrentTimeNanos()
    let millis = 0
    return Effect.suspend(() => compute(tasks)).pipe(
      Effect.scoped,
      Effect.onExit((exit) => {
        millis = Number(clock.unsafeCurrentTimeNanos() - started) / 1e6
        recorder.load(millis, Exit.isSuccess(exit))
        return Effect.void
      }),
      Effect.exit,
      Effect.map((exit) => ({ exit, millis }))
    )
  })
  return aside(Effect.locally(timed, inside, [...load.inside, load]))
}

/**
 * Runs the computation until its time is over. `every` runs beside it, each `period` ms: it keeps the leases. `onLate`
 * is run first thing when the time is over, since an uninterruptible computation may go on: callers do not wait for it.
 */
export const bounded = <Key, Value, E, R>(
  recorder: Recorder,
  load: LoadRun,
  compute: Compute<Key, Value, E, R>,
  tasks: ReadonlyArray<Task<Key>>,
  limit: TimeLimit,
  period: number,
  every: Effect.Effect<void>,
  onLate: (cause: Cause.Cause<never>) => Effect.Effect<void>
): Effect.Effect<Computed<Key, Value, E>, never, Exclude<R, Scope.Scope>> =>
  Effect.clockWith((clock) => {
    const started = clock.unsafeCurrentTimeNanos()
    // By the clock, and not by the pauses: other work takes its time, too.
    const beside: Effect.Effect<never> = Effect.suspend(() => {
      const left = limit.millis - Number(clock.unsafeCurrentTimeNanos() - started) / 1e6
      if (left <= 0) {
        const late = Cause.die(cutOff(tasks.map((task) => task.redisKey), limit))
        return Effect.zipRight(onLate(late), Exit.failCause(late))
      }
      return left <= period
        ? Effect.zipRight(Effect.sleep(left), beside)
        : Effect.sleep(period).pipe(Effect.zipRight(every), Effect.zipRight(beside))
    })
    return Effect.map(
      Effect.exit(Effect.raceFirst(run(recorder, load, compute, tasks), beside)),
      (raced) => Exit.isSuccess(raced) ? raced.value : { exit: Exit.failCause(raced.cause), millis: 0 }
    )
  })
