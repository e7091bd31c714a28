/**
 * Goes on with a fiber right where its answer arrives.
 *
 * A fiber that is resumed goes to its scheduler, and the default one runs it in a microtask. For each fiber, that costs
 * a lookup in a table of runners, new lists, and a promise: more than most of what the fiber then does. In the event
 * that brings the answer nothing else is under way, so the fiber can run synchronously. For that moment this replaces
 * its scheduler: it runs its tasks at once.
 *
 * - Only where an answer arrives. During the registration of a wait, the fiber still runs; and if fibers resume fibers,
 *   or a timer ends many, one would run inside the other, as deep as there are many.
 * - Only instead of the default scheduler: a program that chose another one wants it to decide when fibers run.
 * - Code that resumes a fiber this way must be done with the answer: the fiber may send again inside the call.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

type Runner = Fiber.RuntimeFiber<unknown, unknown>

export class AtOnce implements Scheduler.Scheduler {
  /** Whether fibers of this Effect can be lent another scheduler. Not known before there is one. */
  private lends: boolean | undefined
  /** The scheduler that this replaces. */
  private own: Scheduler.Scheduler = Scheduler.defaultScheduler

  /** Not used: a running fiber has its own scheduler back. */
  shouldYield(): false {
    return false
  }

  scheduleTask(task: Scheduler.Task, priority: number, fiber?: Runner): void {
    if (fiber === undefined) return this.own.scheduleTask(task, priority)
    lend(fiber, this.own)
    try {
      task()
    } catch (defect) {
      // A defect of an observer of the fiber, which must not affect the others whose answers came with its own.
      process.nextTick(() => {
        throw defect
      })
    }
  }

  resume<A, E, R>(
    fiber: Runner | undefined,
    resume: (effect: Effect.Effect<A, E, R>) => void,
    effect: Effect.Effect<A, E, R>
  ): void {
    if (fiber === undefined) return resume(effect)
    const own = fiber.currentScheduler
    if (!isDefault(own) || !(this.lends ??= isLent(fiber))) return resume(effect)
    this.own = own
    lend(fiber, this)
    resume(effect)
    // It has another event to handle first, and will come to this one after that.
    if (fiber.currentScheduler === this) lend(fiber, own)
  }
}

/** The second is what a `ManagedRuntime` leaves its fibers: having run what could run at once, it passes all else on. */
const isDefault = (scheduler: Scheduler.Scheduler): boolean =>
  scheduler === Scheduler.defaultScheduler || (scheduler instanceof Scheduler.SyncScheduler && scheduler.deferred)

/** Effect has it as a plain field, which it only declares to be read. */
const lend = (fiber: Runner, scheduler: Scheduler.Scheduler): void => {
  ;(fiber as { currentScheduler: Scheduler.Scheduler }).currentScheduler = scheduler // as the comment says
}

const isLent = (fiber: Runner): boolean => Object.getOwnPropertyDescriptor(fiber, "currentScheduler")?.writable === true
