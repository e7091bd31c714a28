/** Operations that load what is absent. The path itself is in `load/`. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { CodecError, Empty, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bind, withKey } from "../cache/bind.js"
import type { CacheInstance } from "../cache/instance.js"
import { checkTags } from "../cache/prepare.js"
import type { CacheDefinition } from "../definition/definition.js"
import { decodeLife, type TimeToLive, toMillis } from "../definition/lives.js"
import { noEffect } from "../definition/refuse.js"
import { Caller } from "../load/caller.js"
import { type Compute, type LoadOptions as Decoded, noOptions } from "../load/task.js"
import type { Copy } from "../near/copies.js"
import { CopyRead } from "../read/copyRead.js"
import { replay } from "./replay.js"

type Failure<E> = E | RedisError | CodecError | Empty

interface LoadOptions<Key, Value> {
  readonly timeToLive?: TimeToLive<Key, Value> | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  readonly timeout?: Duration.DurationInput | undefined
  readonly forceRefresh?: boolean | undefined
}

type Load<Key, Value, E, R> = Effect.Effect<Value, E, R> | ((key: Key) => Effect.Effect<Value, E, R>)

/** Types do not reach everywhere: what is no effect is told with the name of the cache. */
const checked = <A, E, R>(
  { name }: { readonly name: string },
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(effect)) return effect
  throw noEffect(`Cache "${name}": a load`, effect)
}

/** A flight of one key. */
const single = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  load: Load<Key, Value, E, R>
): Compute<Key, Value, E, R> =>
([task]) =>
  Effect.map(
    checked(definition, Effect.isEffect(load) || typeof load !== "function" ? load : load(task!.key)),
    (value) => () => Exit.succeed(value)
  )

/** Checks the options of one call; bad ones are told of before anything is read. */
const decode = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  options: LoadOptions<Key, Value>
): Either.Either<Decoded<Key, Value>, CodecError> => {
  const tags = options.tags ?? []
  const refused = checkTags(instance.definition, tags)
  if (refused !== undefined) return Either.left(refused)
  const bad = (option: "timeToLive" | "timeout", got: Duration.DurationInput) =>
    Either.left(instance.definition.codecError("value", {
      path: option,
      detail: `${option} must be a duration of more than zero, got ${String(got)}`
    }))
  const { timeToLive, timeout } = options
  if (timeToLive !== undefined && typeof timeToLive !== "function" && !(toMillis(timeToLive) > 0)) {
    return bad("timeToLive", timeToLive)
  }
  if (timeout !== undefined && !(toMillis(timeout) > 0)) return bad("timeout", timeout)
  return Either.right({
    life: timeToLive === undefined ? undefined : decodeLife(instance.definition.name, "timeToLive", timeToLive),
    tags,
    // An endless wait is a wait without a timeout.
    timeout: timeout === undefined || toMillis(timeout) === Infinity ? undefined : toMillis(timeout)
  })
}

/** A caller of one key, once its options are checked. */
const caller = <Key, Value, E, R>(
  instance: CacheInstance<Key, Value>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  load: Load<Key, Value, E, R>,
  options: LoadOptions<Key, Value> | undefined
): Either.Either<Caller<Key, Value, E, R>, CodecError> =>
  options === undefined
    ? Either.right(new Caller(instance, fiber, single(instance.definition, load), noOptions))
    : Either.map(decode(instance, options), (decoded) =>
      new Caller(instance, fiber, single(instance.definition, load), decoded))

class GetOrSet<in out Key, in out Value, in out E, in out R>
  extends CopyRead<Key, Value, Value, Failure<E>, Exclude<R, Scope.Scope>>
{
  constructor(
    definition: CacheDefinition<Key, Value>,
    key: Key,
    private readonly load: Load<Key, Value, E, R>,
    private readonly options: LoadOptions<Key, Value> | undefined
  ) {
    super(definition, key)
  }

  override answer(copy: Copy): Value {
    return copy.value as Value // it was read through a cache of the same codec
  }

  protected override refusal(instance: CacheInstance<Key, Value>): CodecError | undefined {
    const decoded = this.options === undefined ? undefined : decode(instance, this.options)
    return decoded !== undefined && Either.isLeft(decoded) ? decoded.left : undefined
  }

  protected override ask(
    instance: CacheInstance<Key, Value>,
    redisKey: string,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    const started = caller(instance, fiber, this.load, this.options)
    return Either.isLeft(started) ? Effect.fail(started.left) : started.right.one(this.key, redisKey)
  }
}

export const getOrSet = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  load: Load<Key, Value, E, R>,
  options?: LoadOptions<Key, Value>
): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope> | Redis> =>
  options?.forceRefresh === true
    ? refresh(definition, key, load, options)
    : new GetOrSet(definition, key, load, options)

export const refresh = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  load: Load<Key, Value, E, R>,
  options?: LoadOptions<Key, Value>
): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope> | Redis> =>
  withKey(
    definition,
    key,
    (instance, redisKey, fiber): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> => {
      const started = caller(instance, fiber, load, options)
      return Either.isLeft(started) ? Effect.fail(started.left) : started.right.refresh(key, redisKey)
    }
  )

export const getOrSetMany = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>,
  load: (absent: ReadonlyArray<Key>) => Effect.Effect<Iterable<readonly [Key, Value]>, E, R>,
  options?: LoadOptions<Key, Value>
): Effect.Effect<ReadonlyMap<Key, Value>, Failure<E>, Exclude<R, Scope.Scope> | Redis> => {
  const all = replay(keys)
  return Effect.withFiberRuntime((fiber) => {
    const instance = bind(fiber, definition)
    const decoded = options === undefined ? undefined : decode(instance, options)
    if (decoded !== undefined && Either.isLeft(decoded)) return Effect.fail(decoded.left)
    // Keys may be equal without being the same object: values are told apart by where they are stored.
    const compute: Compute<Key, Value, E, R> = (tasks) =>
      Effect.map(checked(definition, load(tasks.map((task) => task.key))), (loaded) => {
        const values = new Map<string, Exit.Exit<Value, never>>()
        for (const [key, value] of loaded) {
          const redisKey = instance.redisKey(key)
          if (Either.isRight(redisKey)) values.set(redisKey.right, Exit.succeed(value))
        }
        return (task) => values.get(task.redisKey)
      })
    return new Caller(instance, fiber, compute, decoded?.right ?? noOptions).many(all)
  })
}
