/** Brings answers back to their fibers: after the time is known, and many answers as one. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import { isUnsent, partialRefusal } from "../driver/breaker.js"
import type { Reply } from "../driver/driver.js"
import type { AtOnce } from "./atOnce.js"
import type { Callback } from "./batch/sender.js"
import type { Time } from "./clocks/time.js"

/**
 * The callback of a hot operation: it passes the answer to the reply, and the reply's effect to the fiber. The fiber of
 * the caller must make it.
 */
export class Hot<Answer, A, E, R> implements Callback<Answer> {
  private readonly fiber = Option.getOrUndefined(Fiber.getCurrentFiber())

  constructor(
    private readonly key: string,
    private readonly reply: Reply<Answer, A, E, R>,
    private readonly clock: Time,
    private readonly atOnce: AtOnce,
    private readonly resume: (effect: Effect.Effect<A, E, R>) => void
  ) {}

  /** Call it where the answer arrives. */
  answer(answer: Answer): void {
    const now = this.clock.now()
    if (!this.clock.isSure) return this.answerLater(answer)
    let effect: Effect.Effect<A, E, R>
    try {
      effect = this.reply.onSuccess(answer, now, this.key)
    } catch (defect) {
      // A defect of this caller, which must not affect the others whose answers came with it.
      effect = Effect.die(defect)
    }
    this.atOnce.resume(this.fiber, this.resume, effect)
  }

  private answerLater(answer: Answer): void {
    void this.clock.settle().then((failure) => failure === undefined ? this.answer(answer) : this.fail(failure))
  }

  fail(error: RedisError): void {
    let effect: Effect.Effect<A, E, R>
    try {
      effect = this.reply.onFailure(error, this.key)
    } catch (defect) {
      effect = Effect.die(defect)
    }
    this.resume(effect)
  }
}

/** Answers are delivered only after the time is known, since their handling may depend on it. */
export const tell = <A>(
  clock: Time,
  exit: Exit.Exit<A, RedisError>,
  resume: (exit: Exit.Exit<A, RedisError>) => void
): void => {
  clock.now()
  if (clock.isSure || Exit.isFailure(exit)) return resume(exit)
  void clock.settle().then((failure) => failure === undefined ? tell(clock, exit, resume) : resume(Exit.fail(failure)))
}

/** Combines many callbacks: when all were called, `done` gets the first failure, or none. */
export const gather = (count: number, done: (failure: RedisError | undefined) => void) => {
  let open = count
  let unsent = 0
  let failure: RedisError | undefined
  const arrived = (): void => {
    if (--open > 0) return
    done(failure !== undefined && isUnsent(failure) && unsent < count ? partialRefusal(failure) : failure)
  }
  const fail = (error: RedisError): void => {
    if (isUnsent(error)) unsent++
    failure ??= error
    arrived()
  }
  return { arrived, fail }
}

/** Sends many requests in one tick, so that they leave together. */
export const askAll = <In, A>(
  inputs: ReadonlyArray<In>,
  ask: (input: In, callback: Callback<A>) => void,
  callback: Callback<ReadonlyArray<A>>
): void => {
  const answers: Array<A> = new Array(inputs.length)
  const { arrived, fail } = gather(
    inputs.length,
    (failure) => failure === undefined ? callback.answer(answers) : callback.fail(failure)
  )
  for (let i = 0; i < inputs.length; i++) {
    ask(inputs[i]!, {
      answer: (answer) => {
        answers[i] = answer
        arrived()
      },
      fail
    })
  }
}

/** The same as an effect. */
export const together = <In, A, Out>(
  clock: Time,
  inputs: ReadonlyArray<In>,
  ask: (input: In, callback: Callback<A>) => void,
  read: (reply: A) => Out
): Effect.Effect<ReadonlyArray<Out>, RedisError> =>
  inputs.length === 0 ? Effect.succeed([]) : Effect.async((resume) =>
    askAll(inputs, ask, {
      answer: (answers) => tell(clock, Exit.succeed(answers.map(read)), resume),
      fail: (error) => tell(clock, Exit.fail(error), resume)
    })
  )
