/** Operations that load what is absent. The path itself is in `load/`. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CodecError, Empty, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bind, withKey } from "../cache/bind.js"
import type { CacheInstance } from "../cache/instance.js"
import { checkTags } from "../cache/prepare.js"
import type { CacheDefinition } from "../definition/definition.js"
import { decodeLife, type TimeToLive, toMillis } from "../definition/lives.js"
import { noEffect } from "../definition/refuse.js"
import { decode as decodeTimeouts, type TimeoutInput } from "../definition/timeouts.js"
import { Caller } from "../load/caller.js"
import { type Previous, previousOf, type Unchanged } from "../load/previous.js"
import { type Compute, Failed, type LoadOptions as Decoded, noOptions } from "../load/task.js"
import type { Copy } from "../near/copies.js"
import { CopyRead } from "../read/copyRead.js"
import { replay } from "./replay.js"

type Failure<E> = E | RedisError | CodecError | Empty

interface LoadOptions<Key, Value> {
  readonly timeToLive?: TimeToLive<Key, Value> | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  readonly timeout?: TimeoutInput | undefined
  readonly forceRefresh?: boolean | undefined
}

interface LoadManyOptions<Key, Value> extends Omit<LoadOptions<Key, Value>, "forceRefresh"> {
  readonly batchSize?: number | undefined
  readonly concurrency?: number | "unbounded" | undefined
  readonly mode?: "default" | "either" | undefined
}

export { Failed }

type Load<Key, Value, E, R> =
  | Effect.Effect<Value | Unchanged, E, R>
  | ((key: Key, previous: Option.Option<Previous<Value>>) => Effect.Effect<Value | Unchanged, E, R>)

type LoadMany<Key, Value, E, R> = (
  absent: ReadonlyArray<Key>,
  previous: ReadonlyMap<Key, Previous<Value>>
) => Effect.Effect<Iterable<readonly [Key, Value | Failed<E> | Unchanged]>, E, R>

/** Types do not reach everywhere: if this is not an effect, the message names the cache. */
const given = <A, E, R>(
  { name }: { readonly name: string },
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(effect)) return effect
  throw noEffect(`Cache "${name}": a load`, effect)
}

/** A load of one key. */
const single = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  load: Load<Key, Value, E, R>
): Compute<Key, Value, E, R> =>
([task]) =>
  Effect.map(
    given(definition, Effect.isEffect(load) || typeof load !== "function" ? load : load(task!.key, previousOf(task!))),
    (value) => () => Exit.succeed(value)
  )

/** The options of one call, or why they are refused: the call then fails before anything is read. */
type Checked<Key, Value> = Either.Either<Decoded<Key, Value>, CodecError>

const unasked: Either.Either<Decoded<unknown, unknown>, never> = Either.right(noOptions)
const looking: Either.Either<Decoded<unknown, unknown>, never> = Either.right({ ...noOptions, looks: true })

/**
 * Checks the options of one call, once.
 *
 * @param load if it is a function, it receives the previous value; an effect by itself needs nothing
 */
const check = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  load: unknown,
  options: LoadManyOptions<Key, Value> | undefined
): Checked<Key, Value> => {
  const looks = typeof load === "function"
  if (options === undefined) return looks ? looking : unasked
  const { batchSize = Infinity, concurrency = "unbounded", tags = [], timeToLive, timeout } = options
  const refused = checkTags(definition, tags)
  if (refused !== undefined) return Either.left(refused)
  const bad = (option: string, expected: string, got: unknown) =>
    Either.left(definition.codecError("option", {
      path: option,
      detail: `${option} must be ${expected}, got ${String(got)}`
    }))
  const duration = "a duration longer than zero"
  if (timeToLive !== undefined && typeof timeToLive !== "function" && !(toMillis(timeToLive) > 0)) {
    return bad("timeToLive", duration, timeToLive)
  }
  const waits = decodeTimeouts(timeout)
  if (Either.isLeft(waits)) return bad(waits.left.option, waits.left.expected, waits.left.got)
  if (!isCount(batchSize)) return bad("batchSize", "a whole number of 1 or more", batchSize)
  if (concurrency !== "unbounded" && !isCount(concurrency)) {
    return bad("concurrency", `a whole number of 1 or more, or "unbounded"`, concurrency)
  }
  return Either.right({
    life: timeToLive === undefined ? undefined : decodeLife(definition.name, "timeToLive", timeToLive),
    tags,
    timeout: waits.right,
    looks,
    batchSize,
    concurrency
  })
}

const isCount = (value: number): boolean => value === Infinity || (Number.isInteger(value) && value >= 1)

class GetOrSet<in out Key, in out Value, in out E, in out R>
  extends CopyRead<Key, Value, Value, Failure<E>, Exclude<R, Scope.Scope>>
{
  private readonly checked: Checked<Key, Value>

  constructor(
    definition: CacheDefinition<Key, Value>,
    key: Key,
    private readonly load: Load<Key, Value, E, R>,
    options: LoadOptions<Key, Value> | undefined
  ) {
    super(definition, key)
    this.checked = check(definition, load, options)
  }

  override answer(copy: Copy): Value {
    return copy.value as Value // it was read through a cache of the same codec
  }

  protected override get refusal(): CodecError | undefined {
    return Either.isLeft(this.checked) ? this.checked.left : undefined
  }

  protected override get operation(): string {
    return "getOrSet"
  }

  protected override ask(
    instance: CacheInstance<Key, Value>,
    redisKey: string,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> {
    return Either.isLeft(this.checked)
      ? Effect.fail(this.checked.left)
      : new Caller(instance, fiber, single(instance.definition, this.load), this.checked.right, "getOrSet").one(
        this.key,
        redisKey
      )
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
): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope> | Redis> => {
  const checked = check(definition, load, options)
  return withKey(
    definition,
    key,
    "refresh",
    (instance, redisKey, fiber): Effect.Effect<Value, Failure<E>, Exclude<R, Scope.Scope>> =>
      Either.isLeft(checked)
        ? Effect.fail(checked.left)
        : new Caller(instance, fiber, single(definition, load), checked.right, "refresh").refresh(key, redisKey)
  )
}

/** A batched load's answers, by where they are stored: keys may be equal without being the same object. */
const batched = <Key, Value, E, R>(
  instance: CacheInstance<Key, Value>,
  load: LoadMany<Key, Value, E, R>
): Compute<Key, Value, E, R> =>
(tasks) => {
  const previous = new Map<Key, Previous<Value>>()
  for (const task of tasks) {
    const there = previousOf<Value>(task)
    if (Option.isSome(there)) previous.set(task.key, there.value)
  }
  return Effect.map(given(instance.definition, load(tasks.map((task) => task.key), previous)), (loaded) => {
    const values = new Map<string, Exit.Exit<Value | Unchanged, E>>()
    for (const [key, value] of loaded) {
      const redisKey = instance.redisKey(key)
      if (Either.isLeft(redisKey)) continue
      values.set(redisKey.right, value instanceof Failed ? Exit.fail(value.error) : Exit.succeed(value))
    }
    return (task) => values.get(task.redisKey)
  })
}

export const getOrSetMany = <Key, Value, E, R>(
  definition: CacheDefinition<Key, Value>,
  keys: Iterable<Key>,
  load: LoadMany<Key, Value, E, R>,
  options?: LoadManyOptions<Key, Value>
): Effect.Effect<
  ReadonlyMap<Key, Value | Either.Either<Value, Failure<E>>>,
  Failure<E>,
  Exclude<R, Scope.Scope> | Redis
> => {
  const all = replay(keys)
  const checked = check(definition, load, options)
  const each = options?.mode === "either"
  return Effect.withFiberRuntime((fiber) => {
    if (Either.isLeft(checked)) return Effect.fail(checked.left)
    const instance = bind(fiber, definition, "getOrSetMany")
    const compute = batched(instance, load)
    const caller = new Caller(instance, fiber, compute, checked.right, "getOrSetMany", each ? "Each" : "First")
    return Effect.map(caller.many(all), (found) => {
      const values = new Map<Key, Value | Either.Either<Value, Failure<E>>>()
      for (const { answer, key } of found) {
        if (typeof answer !== "object") continue
        if ("value" in answer) values.set(key, each ? Either.right(answer.value) : answer.value)
        // It has a failure, or the call would have ended with it.
        else values.set(key, Either.left(Option.getOrThrow(Cause.failureOption(answer.cause)) as Failure<E>))
      }
      return values
    })
  })
}
