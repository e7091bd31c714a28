/** Finds the instance of a cache from its definition and the fiber's `Redis`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as EffectRuntime from "effect/Runtime"
import type { CodecError } from "../../CacheError.js"
import { Redis } from "../../Redis.js"
import type { CacheDefinition } from "../definition/definition.js"
import { noteOperation } from "../driver/operation.js"
import { baseOf } from "./derive.js"
import { CacheInstance } from "./instance.js"
import { maxNames, otherName } from "./labels.js"
import type { Runtime } from "./runtime.js"

/**
 * The instance of a cache on the `Redis` of this fiber's context. `operation` is the name of the operation as you call
 * it: spans of round trips have it.
 */
export const bind = <Key, Value>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  definition: CacheDefinition<Key, Value>,
  operation: string
): CacheInstance<Key, Value> => {
  const { runtime } = serviceOf(fiber)
  if (runtime.driver.traced === true) noteOperation(fiber, definition.name, operation)
  return instanceOn(runtime, fiber, definition)
}

/** The same regardless of the region's mode, for operations that are the same in each. */
export const bindBase = <Key, Value>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  definition: CacheDefinition<Key, Value>,
  operation: string
): CacheInstance<Key, Value> => {
  const { runtime } = baseOf(serviceOf(fiber))
  if (runtime.driver.traced === true) noteOperation(fiber, definition.name, operation)
  return instanceOn(runtime, fiber, definition)
}

/** Whether the mode of the region stores values. */
export const isStoring = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => serviceOf(fiber).runtime.mode.stores

/** The base `Redis`, regardless of the region's mode. */
export const baseRedis: Effect.Effect<Redis["Type"], never, Redis> = Effect.map(Redis, baseOf)

const serviceOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Redis["Type"] => {
  // The context of a fiber is typed as empty; the operations' `R` guarantees that `Redis` is in it. If it is not,
  // `unsafeGet` has the better message.
  const context = fiber.currentContext as Context.Context<Redis>
  const service = context.unsafeMap.get(Redis.key) as Redis["Type"] | undefined
  return service ?? Context.unsafeGet(context, Redis)
}

const instanceOn = <Key, Value>(
  runtime: Runtime,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  definition: CacheDefinition<Key, Value>
): CacheInstance<Key, Value> => {
  // The instance that is kept under a definition was made from that definition, here.
  const known = runtime.instances.get(definition) as CacheInstance<Key, Value> | undefined
  if (known !== undefined) return known
  claimName(runtime, definition)
  const { base } = runtime
  const instance = new CacheInstance(
    runtime,
    definition,
    base === undefined ? undefined : instanceOn(base.runtime, fiber, definition)
  )
  if (runtime.labels.warn()) warnOfNames(fiber, definition.name)
  runtime.instances.set(definition, instance)
  return instance
}

/** An operation on one key: on the instance of this fiber's `Redis`, with the Redis key, if the key has one. */
export const withKey = <Key, Value, A, E, R>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  operation: string,
  use: (
    instance: CacheInstance<Key, Value>,
    redisKey: string,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | CodecError, R | Redis> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | CodecError, R | Redis> => {
    const instance = bind(fiber, definition, operation)
    const redisKey = instance.redisKey(key)
    return Either.isLeft(redisKey) ? Effect.fail(redisKey.left) : use(instance, redisKey.right, fiber)
  })

/** The same regardless of the region's mode. */
export const withKeyBase = <Key, Value, A, E, R>(
  definition: CacheDefinition<Key, Value>,
  key: Key,
  operation: string,
  use: (instance: CacheInstance<Key, Value>, redisKey: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | CodecError, R | Redis> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | CodecError, R | Redis> => {
    const instance = bindBase(fiber, definition, operation)
    const redisKey = instance.redisKey(key)
    return Either.isLeft(redisKey) ? Effect.fail(redisKey.left) : use(instance, redisKey.right)
  })

/** Names beyond the bound share one in metrics. Looking up an instance is synchronous, so this logs by itself. */
const warnOfNames = (fiber: Fiber.RuntimeFiber<unknown, unknown>, cache: string): void => {
  const message = `More than ${maxNames} cache names are in use on one Redis: metrics of "${cache}" and of all ` +
    `later names are counted under cache="${otherName}". Give each cache a fixed name, and put what differs into its keys`
  EffectRuntime.runSync(
    EffectRuntime.updateFiberRefs(EffectRuntime.defaultRuntime, () => fiber.getFiberRefs()),
    Effect.annotateLogs(Effect.logWarning(message), { cache })
  )
}

/** Two memoized functions with one name would get each other's values. */
const claimName = <Key, Value>(runtime: Runtime, { name, owner }: CacheDefinition<Key, Value>): void => {
  if (owner === undefined || runtime.claims.claim(name, owner)) return
  throw new Error(
    typeof owner === "string"
      ? `Two different properties are cached under the name "${name}", so each would read the other's values: ` +
        "pass the option `name` to tell them apart"
      : `Another function is already memoized under the name "${name}". What a function closes over is not part of its ` +
        "key, so each would read the other's results. Memoize the function once, outside of code that runs " +
        "repeatedly; or pass what it closes over, `captures: [tenant]` (`captures: []` if nothing differs). If it is " +
        "a different function, pass the option `name` to tell them apart"
  )
}
