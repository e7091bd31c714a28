/**
 * `Cache.resolver`: requests that a cache answers, or a resolver if the cache cannot.
 *
 * A batch of requests is one call for many keys: one read, one round of leases, one run of the resolver with a request
 * for each absent key, one fill. Each request has its own outcome. Only a defect ends the call as a whole: then the
 * keys are requested one by one, so that each has its own outcome; a request that has died does not run again.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Request from "effect/Request"
import * as RequestBlock from "effect/RequestBlock"
import * as RequestResolver from "effect/RequestResolver"
import type * as Scope from "effect/Scope"
import { CodecError } from "../../CacheError.js"
import { Redis } from "../../Redis.js"
import { bind } from "../cache/bind.js"
import type { CacheInstance } from "../cache/instance.js"
import type { CacheDefinition } from "../definition/definition.js"
import { Caller } from "../load/caller.js"
import { type Compute, noOptions } from "../load/task.js"

/**
 * That a request can fail with what the cache fails with, `CodecError` left out.
 */
export type Covers<Req extends Request.Request<any, any>, Error> = // any request
  [Exclude<Error, CodecError>] extends [Request.Request.Error<Req>] ? unknown
    : { readonly "the request's error lacks": Exclude<Error, CodecError> }

/** Any request: its types are those of the front door. */
type AnyRequest = Request.Request<any, any>

type Outcome = Exit.Exit<any, any>

interface Options<Key> {
  readonly key: (request: any) => Key
}

/** The requests for one key, which are answered alike. */
interface Asked<Key> {
  readonly key: Key
  readonly requests: Array<AnyRequest>
}

class Batch<Key, Value, R> {
  private readonly asked = new Map<string, Asked<Key>>()
  /** Requests with an invalid key. */
  private readonly refused: Array<Effect.Effect<void>> = []
  /** Requests that have died, by where their value would be. */
  private readonly died = new Map<string, Exit.Exit<never>>()

  constructor(
    private readonly instance: CacheInstance<Key, Value>,
    private readonly source: RequestResolver.RequestResolver<AnyRequest, R>,
    options: Options<Key>,
    requests: ReadonlyArray<AnyRequest>
  ) {
    for (const request of requests) {
      try {
        const key = options.key(request)
        const redisKey = Either.getOrThrowWith(instance.redisKey(key), (error) => error)
        const there = this.asked.get(redisKey)
        if (there === undefined) this.asked.set(redisKey, { key, requests: [request] })
        else there.requests.push(request)
      } catch (defect) {
        this.refused.push(Request.complete(request, Exit.die(defect)))
      }
    }
  }

  get run(): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    const keys = [...this.asked.values()].map(({ key }) => key)
    return Effect.all(this.refused, { discard: true }).pipe(
      Effect.zipRight(Effect.exit(this.look(keys))),
      Effect.flatMap((all) =>
        Exit.isSuccess(all)
          ? all.value
          : Effect.forEach(this.asked, ([redisKey, { key }]) => this.alone(redisKey, key), {
            concurrency: "unbounded",
            discard: true
          })
      )
    )
  }

  /** Answers the requests for these keys; or dies if the call for all of them dies. */
  private look(
    keys: ReadonlyArray<Key>
  ): Effect.Effect<Effect.Effect<void, never, Exclude<R, Scope.Scope>>, unknown, Exclude<R, Scope.Scope>> {
    return Effect.withFiberRuntime((fiber) =>
      Effect.map(
        new Caller(this.instance, fiber, this.compute, noOptions, "resolver", "Each").many(keys),
        (all) =>
          Effect.forEach(all, ({ answer, redisKey }) => {
            if (typeof answer !== "object") return this.withoutCache(redisKey)
            return this.answer(redisKey, "value" in answer ? Exit.succeed(answer.value) : Exit.failCause(answer.cause))
          }, { discard: true })
      )
    )
  }

  private alone(redisKey: string, key: Key): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.flatMap(
      Effect.exit(this.look([key])),
      (one) => Exit.isSuccess(one) ? one.value : this.answer(redisKey, Exit.failCause(one.cause))
    )
  }

  /** A load that this one joined had no value for the key, but this resolver may have one. */
  private withoutCache(redisKey: string): Effect.Effect<void, never, Exclude<R, Scope.Scope>> {
    return Effect.flatMap(
      Effect.scoped(this.ask([redisKey])),
      (outcomes) => this.answer(redisKey, outcomes.get(redisKey)!)
    )
  }

  private answer(redisKey: string, outcome: Outcome): Effect.Effect<void> {
    // An invalid key or value is a mistake in the program, and not in the request's type.
    const told = Exit.mapErrorCause(
      outcome,
      Cause.flatMap((error) => error instanceof CodecError ? Cause.die(error) : Cause.fail(error))
    )
    return Effect.forEach(this.asked.get(redisKey)!.requests, (request) => Request.complete(request, told), {
      discard: true
    })
  }

  private readonly compute: Compute<Key, Value, any, R> = (tasks) =>
    Effect.map(
      this.ask(tasks.map(({ redisKey }) => redisKey).filter((redisKey) => !this.died.has(redisKey))),
      (outcomes) => ({ redisKey }) => this.died.get(redisKey) ?? outcomes.get(redisKey)
    )

  /** Runs the resolver with one request for each of these keys, in one batch. */
  private ask(redisKeys: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, Outcome>, never, R> {
    const requests = redisKeys.map((redisKey) => this.asked.get(redisKey)!.requests[0]!)
    return Effect.map(runBatch(this.source, requests), (outcomes) => {
      const all = new Map<string, Outcome>()
      for (const [i, redisKey] of redisKeys.entries()) {
        const outcome = settled(redisKey, outcomes[i]!)
        all.set(redisKey, outcome)
        if (Exit.isFailure(outcome) && Cause.failureOption(outcome.cause)._tag === "None") {
          this.died.set(redisKey, Exit.failCause(outcome.cause as Cause.Cause<never>)) // it has no failure
        }
      }
      return all
    })
  }
}

/** The one that waits for a batch: which callers leave. */
class Waiter implements Request.Listeners {
  count = 1
  interrupted = false
  readonly observers = new Set<(count: number) => void>()

  addObserver(observer: (count: number) => void): void {
    this.observers.add(observer)
  }

  removeObserver(observer: (count: number) => void): void {
    this.observers.delete(observer)
  }

  increment(): void {
    this.count++
    for (const observer of this.observers) observer(this.count)
  }

  decrement(): void {
    this.count--
    for (const observer of this.observers) observer(this.count)
  }
}

/**
 * Runs a batch of requests. `Effect.forEach` with `batching` would do, but it cannot be interrupted; and a request cache
 * would wait for these very requests.
 */
const runBatch = <R>(
  source: RequestResolver.RequestResolver<AnyRequest, R>,
  requests: ReadonlyArray<AnyRequest>
): Effect.Effect<ReadonlyArray<Outcome>, never, R> =>
  Effect.fiberIdWith((ownerId) => {
    const listeners = new Waiter()
    let batch = RequestBlock.empty
    const results = requests.map((request) => {
      const result = Deferred.unsafeMake<any, any>(ownerId)
      const entry = Request.makeEntry({ request, result, listeners, ownerId, state: { completed: false } })
      // Blocks accept resolvers without requirements, or with those that the running fiber satisfies.
      const resolver = source as RequestResolver.RequestResolver<AnyRequest>
      batch = RequestBlock.parallel(batch, RequestBlock.single(resolver, entry))
      return result
    })
    const answers = Effect.forEach(results, (result) => Effect.exit(Deferred.await(result)))
    return Effect.uninterruptibleMask((restore) =>
      Effect.forkDaemon(Effect.runRequestBlock(batch)).pipe(
        Effect.zipRight(restore(answers)),
        Effect.ensuring(Effect.sync(() => listeners.decrement()))
      )
    )
  })

/** A request that the resolver leaves unanswered is interrupted, which others that wait for the key must not be. */
const settled = (redisKey: string, outcome: Outcome): Outcome =>
  Exit.isFailure(outcome) && Cause.isInterruptedOnly(outcome.cause)
    ? Exit.die(
      new Cause.RuntimeException(
        `The resolver did not complete the request for ${redisKey}: it died, or left the request out`
      )
    )
    : outcome

/** The cached resolver on the fiber's `Redis`: the same one every time, since requests of one resolver are batched. */
export const resolver = <Key, Value, R>(
  source: RequestResolver.RequestResolver<AnyRequest, R>,
  definition: CacheDefinition<Key, Value>,
  options: Options<Key>
): Effect.Effect<RequestResolver.RequestResolver<AnyRequest, Exclude<R, Scope.Scope>>, never, Redis> => {
  const made = new WeakMap<object, RequestResolver.RequestResolver<AnyRequest, Exclude<R, Scope.Scope>>>()
  return Effect.map(Redis, (redis) => {
    const there = made.get(redis)
    if (there !== undefined) return there
    const fresh = RequestResolver.makeBatched((requests: ReadonlyArray<AnyRequest>) =>
      Effect.provideService(
        Effect.withFiberRuntime<void, never, Exclude<R, Scope.Scope>>((fiber) =>
          new Batch(bind(fiber, definition, "resolver"), source, options, requests).run
        ),
        Redis,
        redis
      )
    )
    made.set(redis, fresh)
    return fresh
  })
}
