/**
 * A driver that misbehaves, around any other.
 *
 * It keeps what a connection promises: operations on one key take place in the order in which they were sent (those on
 * different keys need not: on a cluster they go over different connections), each takes place once or never, and once
 * sent it takes place whether or not its caller still waits. So each delayed operation runs on a fiber of its own, in
 * the layer's scope, and the caller waits for it interruptibly.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { RedisError, type RedisErrorReason } from "../../CacheError.js"
import { RandomBytes } from "../bytes/randomBytes.js"
import { Breaker } from "./breaker.js"
import { decorate, every } from "./decorate.js"
import type { Driver, Reply } from "./driver.js"
import { byChance, type Decided, drawn, type FaultyOptions } from "./faults.js"
import { late } from "./lateChanges.js"

const pause = (millis: number): Effect.Effect<void> => millis > 0 ? Effect.sleep(millis) : Effect.void

/** How an operation takes place, and what happens to its answer. */
interface Operation<in out Answer, out A, out E, out R> {
  readonly name: string
  readonly keys: ReadonlyArray<string>
  readonly place: Effect.Effect<Answer, RedisError>
  readonly onSuccess: (answer: Answer) => Effect.Effect<A, E, R>
  readonly onFailure: (error: RedisError) => Effect.Effect<A, E, R>
}

/** The inner driver's answer, to be delivered later. */
interface Answered<out Answer> {
  readonly answer: Answer
  readonly now: number
  readonly key: string
}

const capture = <Answer>(): Reply<Answer, Answered<Answer>, RedisError, never> => ({
  onSuccess: (answer, now, key) => Effect.succeed({ answer, now, key }),
  onFailure: (error) => Effect.fail(error)
})

/** Operations that were sent and have not taken place: the last one of each key, and the last one of all keys. */
class Queue {
  private readonly last = new Map<string, Deferred.Deferred<void>>()
  private lastOfAll: Deferred.Deferred<void> | undefined

  /** Queues for these keys. The first effect waits for earlier operations, the second lets later ones go on. */
  enter(keys: ReadonlyArray<string>): readonly [turn: Effect.Effect<void>, leave: () => void] {
    const before = new Set<Deferred.Deferred<void>>()
    const mine = Deferred.unsafeMake<void>(FiberId.none)
    if (this.lastOfAll !== undefined) before.add(this.lastOfAll)
    for (const key of keys) {
      const last = this.last.get(key)
      if (last !== undefined) before.add(last)
      this.last.set(key, mine)
    }
    if (keys === every) {
      for (const last of this.last.values()) before.add(last)
      // Later operations wait for this one, which waits for the earlier ones.
      this.last.clear()
      this.lastOfAll = mine
    }
    return [
      Effect.forEach(before, (turn) => Deferred.await(turn), { discard: true }),
      () => {
        for (const key of keys) if (this.last.get(key) === mine) this.last.delete(key)
        if (this.lastOfAll === mine) this.lastOfAll = undefined
        Deferred.unsafeDone(mine, Exit.void)
      }
    ]
  }
}

export const faulty = (driver: Driver, options: FaultyOptions): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.map(
    Effect.flatMap(Effect.scope, (parent) => Scope.fork(parent, parent.strategy)),
    (scope) => around(driver, options, scope)
  )

const around = (driver: Driver, options: FaultyOptions, scope: Scope.Scope): Driver => {
  const queue = new Queue()
  const random = new RandomBytes()
  const calls = new Map<string, number>()

  const decide = (name: string, keys: ReadonlyArray<string>): Effect.Effect<Decided> =>
    Effect.suspend(() => {
      const call = (calls.get(name) ?? 0) + 1
      calls.set(name, call)
      const scripted = options.script?.(name, keys, call)
      return Effect.flatMap(scripted === undefined ? byChance(options) : Effect.succeed(scripted), drawn)
    })

  const send = <Answer, A, E, R>(
    operation: Operation<Answer, A, E, R>,
    { after, before, fail, lost }: Decided
  ): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const { keys, name, onFailure, onSuccess, place } = operation
        const [turn, leave] = fail === undefined ? queue.enter(keys) : [Effect.void, () => {}] as const
        let told: Effect.Effect<A, E, R> | undefined
        let wake: ((answer: Effect.Effect<A, E, R>) => void) | undefined
        // The first answer counts, and is handed on also when the caller has gone.
        const tell = (answer: Exit.Exit<Answer, RedisError>): void => {
          if (told !== undefined) return
          told = Exit.isSuccess(answer) ? onSuccess(answer.value) : Option.match(Cause.failureOption(answer.cause), {
            onNone: () => Effect.failCause(answer.cause as Cause.Cause<never>), // a defect, as `none` has just shown
            onSome: onFailure
          })
          wake?.(told)
        }
        const failure = (reason: RedisErrorReason, detail: string) =>
          Exit.fail(new RedisError({ reason, operation: name, cause: new Error(detail) }))
        const taken = pause(before).pipe(
          Effect.zipRight(turn),
          Effect.zipRight(fail === undefined ? Effect.exit(place) : Effect.succeed(failure(fail, "injected"))),
          Effect.ensuring(Effect.sync(leave)),
          Effect.flatMap((answer) =>
            Effect.map(pause(after), () => {
              if (lost === undefined) tell(answer)
            })
          )
        )
        const timer = lost === undefined ? Effect.void : Effect.forkIn(
          Effect.interruptible(
            Effect.map(Effect.sleep(lost), () => tell(failure("Timeout", "injected: the reply was lost")))
          ),
          scope
        )
        const sent = Effect.map(Effect.forkIn(Effect.interruptible(taken), scope), (fiber) => {
          // However it ends, also before its first step, neither its caller nor later operations on its keys wait on.
          fiber.addObserver((exit) => {
            leave()
            if (Exit.isFailure(exit)) tell(failure("Connection", "the layer is closed"))
          })
        })
        const answer = Effect.async<A, E, R>((resume) => {
          if (told === undefined) wake = resume
          else resume(told)
        })
        return Effect.zipRight(Effect.zipRight(timer, sent), restore(answer))
      })
    )

  const misbehave = <Answer, A, E, R>(operation: Operation<Answer, A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(decide(operation.name, operation.keys), (decided) => send(operation, decided))

  const cold = <A>(
    name: string,
    keys: ReadonlyArray<string>,
    place: Effect.Effect<A, RedisError>
  ): Effect.Effect<A, RedisError> => misbehave({ name, keys, place, onSuccess: Effect.succeed, onFailure: Effect.fail })

  return {
    ...decorate(driver, {
      hot: ({ keys, name }, send) => (input, reply) =>
        misbehave({
          name,
          keys: keys(input),
          place: send(input, capture()),
          onSuccess: ({ answer, key, now }) => reply.onSuccess(answer, now, key),
          onFailure: (error) => reply.onFailure(error, keys(input)[0] ?? "")
        }),
      cold: ({ keys, name }, send) => (first, ...rest) => cold(name, keys(first), send(first, ...rest)),
      // Its pages come when they are asked for: no other operation waits for it.
      paged: ({ name }, send) => (prefix) => Stream.unwrap(cold(name, [], Effect.succeed(send(prefix))))
    }),
    breaker: new Breaker(() => random.fraction()),
    watch: (watcher) => options.feed === undefined ? driver.watch(watcher) : late(driver, options.feed, watcher)
  }
}
