/**
 * A driver that misbehaves, around any other.
 *
 * What a connection promises stays: operations of one key take place in the order in which they were sent (those of
 * different keys need not: on a cluster they go over different connections), each takes place once or never, and once
 * sent it takes place whether or not anybody still waits. So each delayed operation runs on a fiber of its own, in the
 * layer's scope, and who asked waits for it interruptibly.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { RedisError, type RedisErrorReason } from "../../CacheError.js"
import type { Driver, Link, Reply, Watcher } from "../../Driver.js"
import type { Delay, Fault, FaultyOptions } from "../../RedisLayer.js"
import { heartbeatKey } from "../key/reserved.js"

const defaultTimeout: Duration.DurationInput = "1 second"

const isRange = (
  delay: Delay
): delay is { readonly min: Duration.DurationInput; readonly max: Duration.DurationInput } =>
  typeof delay === "object" && "min" in delay

const millisOf = (delay: Delay | undefined): Effect.Effect<number> => {
  if (delay === undefined) return Effect.succeed(0)
  if (!isRange(delay)) return Effect.succeed(Duration.toMillis(delay))
  const min = Duration.toMillis(delay.min)
  return Effect.map(Random.next, (random) => Math.floor(min + (Duration.toMillis(delay.max) - min) * random))
}

const happens = (probability: number | undefined): Effect.Effect<boolean> =>
  probability === undefined || probability <= 0
    ? Effect.succeed(false)
    : Effect.map(Random.next, (random) => random < probability)

const pause = (millis: number): Effect.Effect<void> => millis > 0 ? Effect.sleep(millis) : Effect.void

/** What is to happen to one operation, all of it drawn. */
interface Decided {
  readonly before: number
  readonly after: number
  readonly fail: RedisErrorReason | undefined
  readonly lost: number | undefined
}

const drawn = (fault: Fault): Effect.Effect<Decided> =>
  Effect.gen(function*() {
    return {
      before: yield* millisOf(fault.before),
      after: yield* millisOf(fault.after),
      fail: fault.fail,
      lost: fault.lostReply === undefined ? undefined : yield* millisOf(fault.lostReply)
    }
  })

const byChance = (options: FaultyOptions): Effect.Effect<Fault> =>
  Effect.gen(function*() {
    const failed = yield* happens(options.failure?.probability)
    const lost = yield* happens(options.lostReply?.probability)
    return {
      before: options.delayBefore,
      after: options.delayAfter,
      fail: failed ? options.failure?.reason ?? "Connection" : undefined,
      lostReply: lost ? options.lostReply?.timeout ?? defaultTimeout : undefined
    }
  })

/** How an operation takes place, and what becomes of its answer. */
interface Operation<in out Answer, out A, out E, out R> {
  readonly name: string
  readonly keys: ReadonlyArray<string>
  readonly place: Effect.Effect<Answer, RedisError>
  readonly onSuccess: (answer: Answer) => Effect.Effect<A, E, R>
  readonly onFailure: (error: RedisError) => Effect.Effect<A, E, R>
}

/** What an inner driver answered, to be handed on later. */
interface Answered<out Answer> {
  readonly answer: Answer
  readonly now: number
  readonly key: string
}

const capture = <Answer>(): Reply<Answer, Answered<Answer>, RedisError, never> => ({
  onSuccess: (answer, now, key) => Effect.succeed({ answer, now, key }),
  onFailure: (error) => Effect.fail(error)
})

type Told =
  | { readonly _tag: "Link" }
  | { readonly _tag: "Renew" }
  | { readonly _tag: "Change"; readonly keys: ReadonlyArray<string> | undefined; readonly at: number }

/**
 * Changes are told late, in their order. A link that breaks falls silent first, as links do: what happens then is not
 * told, and that it is lost is told later.
 */
const late = (
  driver: Driver,
  feed: NonNullable<FaultyOptions["feed"]>,
  watcher: Watcher
): Effect.Effect<never, RedisError> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const told = yield* Mailbox.make<Told, RedisError>()
    let inner: Link | undefined
    const link: Link = {
      heartbeats: (id) => {
        const keys = inner?.heartbeats(id) ?? []
        // What cannot be late is late here.
        return keys.length > 0 ? keys : [heartbeatKey(driver.prefix, id)]
      },
      renew: () => told.unsafeOffer({ _tag: "Renew" })
    }
    const remake = (pause: number) =>
      Effect.gen(function*() {
        watcher.onLoss()
        yield* Effect.sleep(pause)
        yield* told.clear
        watcher.onLink(link)
      })
    const tell = (next: Told) =>
      Effect.gen(function*() {
        if (next._tag === "Link") return watcher.onLink(link)
        if (next._tag === "Renew") return yield* remake(yield* millisOf(feed.silence))
        const delay = yield* millisOf(feed.delay)
        yield* Effect.sleep(Math.max(0, next.at + delay - clock.unsafeCurrentTimeMillis()))
        if (!(yield* happens(feed.loss))) return watcher.onChange(next.keys)
        yield* Effect.sleep(yield* millisOf(feed.silence))
        yield* remake(yield* millisOf(feed.silence))
      })
    const watching = driver.watch({
      onLink: (opened) => {
        inner = opened
        told.unsafeOffer({ _tag: "Link" })
      },
      onChange: (keys) => told.unsafeOffer({ _tag: "Change", keys, at: clock.unsafeCurrentTimeMillis() }),
      onLoss: watcher.onLoss,
      onSleep: watcher.onSleep
    })
    yield* Effect.forkScoped(Effect.catchAll(watching, (error) => told.fail(error)))
    // It ends with that failure alone, so there is always a next one.
    return yield* Effect.forever(
      Effect.flatMap(Effect.catchTag(told.take, "NoSuchElementException", Effect.die), tell)
    )
  }).pipe(Effect.scoped)

/** What an operation on a whole cache is for. */
const everyKey: ReadonlyArray<string> = []

/** Operations that were sent and have not taken place: the last one of each key, and the last one of all keys. */
class Queue {
  private readonly last = new Map<string, Deferred.Deferred<void>>()
  private lastOfAll: Deferred.Deferred<void> | undefined

  /** Stands in line for these keys. The first effect waits for those before, the second lets those behind go on. */
  enter(keys: ReadonlyArray<string>): readonly [turn: Effect.Effect<void>, leave: () => void] {
    const before = new Set<Deferred.Deferred<void>>()
    const mine = Deferred.unsafeMake<void>(FiberId.none)
    if (this.lastOfAll !== undefined) before.add(this.lastOfAll)
    for (const key of keys) {
      const last = this.last.get(key)
      if (last !== undefined) before.add(last)
      this.last.set(key, mine)
    }
    if (keys === everyKey) {
      for (const last of this.last.values()) before.add(last)
      // Those behind wait for this one, which waits for them.
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

export const make = (driver: Driver, options: FaultyOptions): Effect.Effect<Driver, never, Scope.Scope> =>
  Effect.map(
    Effect.flatMap(Effect.scope, (parent) => Scope.fork(parent, parent.strategy)),
    (scope) => around(driver, options, scope)
  )

const around = (driver: Driver, options: FaultyOptions, scope: Scope.Scope): Driver => {
  const queue = new Queue()
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
        // The first answer counts, and is handed on also when who asked has gone.
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
          // However it ends, also before its first step: nobody waits for ever, and nobody behind it either.
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

  const hot = <Answer, A, E, R>(
    name: string,
    keys: ReadonlyArray<string>,
    reply: Reply<Answer, A, E, R>,
    place: (reply: Reply<Answer, Answered<Answer>, RedisError, never>) => Effect.Effect<Answered<Answer>, RedisError>
  ): Effect.Effect<A, E, R> =>
    misbehave({
      name,
      keys,
      place: place(capture()),
      onSuccess: ({ answer, key, now }) => reply.onSuccess(answer, now, key),
      onFailure: (error) => reply.onFailure(error, keys[0] ?? "")
    })

  const cold = <A>(
    name: string,
    keys: ReadonlyArray<string>,
    place: Effect.Effect<A, RedisError>
  ): Effect.Effect<A, RedisError> => misbehave({ name, keys, place, onSuccess: Effect.succeed, onFailure: Effect.fail })

  const keysOf = (requests: ReadonlyArray<{ readonly key: string }>) => requests.map(({ key }) => key)

  return {
    prefix: driver.prefix,
    unsafeNow: driver.unsafeNow,
    unsafeMonotonic: driver.unsafeMonotonic,
    unsafeConnections: driver.unsafeConnections,
    get: (key, reply) => hot("get", [key], reply, (captured) => driver.get(key, captured)),
    getMany: (keys, reply) => hot("getMany", keys, reply, (captured) => driver.getMany(keys, captured)),
    set: (write, reply) => hot("set", [write.key], reply, (captured) => driver.set(write, captured)),
    setMany: (writes, reply) => hot("setMany", keysOf(writes), reply, (captured) => driver.setMany(writes, captured)),
    take: (keys) => cold("take", keys, driver.take(keys)),
    lease: (requests, kind) => cold("lease", keysOf(requests), driver.lease(requests, kind)),
    fill: (requests) => cold("fill", keysOf(requests), driver.fill(requests)),
    release: (requests) => cold("release", keysOf(requests), driver.release(requests)),
    renew: (requests) => cold("renew", keysOf(requests), driver.renew(requests)),
    swap: (request, kind) => cold("swap", [request.key], driver.swap(request, kind)),
    touch: (request, kind) => cold("touch", [request.key], driver.touch(request, kind)),
    increment: (request) => cold("increment", [request.key], driver.increment(request)),
    ensureEpochs: (requests) => cold("ensureEpochs", keysOf(requests), driver.ensureEpochs(requests)),
    replaceEpochs: (requests) => cold("replaceEpochs", keysOf(requests), driver.replaceEpochs(requests)),
    scan: (prefix) => Stream.unwrap(cold("scan", [], Effect.succeed(driver.scan(prefix)))),
    clear: (prefix) => cold("clear", everyKey, driver.clear(prefix)),
    heads: (keys, size) => cold("heads", keys, driver.heads(keys, size)),
    watch: (watcher) => options.feed === undefined ? driver.watch(watcher) : late(driver, options.feed, watcher),
    inspect: (key) => cold("inspect", [key], driver.inspect(key))
  }
}
