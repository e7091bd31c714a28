/**
 * A read that a near copy may answer.
 *
 * With plain string keys, a hit is done before the runtime is involved. When `yield*` meets this effect, the code of
 * the fiber is already running (the generator is), so the effect's iterator looks for a copy synchronously, and passes
 * its value straight to the generator. Like `yield*` of an `Exit`, that is not a step of the runtime's loop. Everything
 * else, including a copy in a `pipe`, runs like any other effect.
 *
 * Such a hit is not counted as a step, but a fiber yields to others after a number of steps. So here it yields after
 * the same number of hits: a loop of nothing but hits lets other fibers run, and can be interrupted.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { YieldWrap } from "effect/Utils"
import type { CodecError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { bind } from "../cache/bind.js"
import type { CacheInstance } from "../cache/instance.js"
import type { CacheDefinition } from "../definition/definition.js"
import { clockOf } from "../driver/clockOf.js"
import type { Copy } from "../near/copies.js"

/** As many as the runtime's steps, by default (`FiberRef.currentMaxOpsBeforeYield`). */
const hitsBeforeYield = 2048

type Runner = Fiber.RuntimeFiber<unknown, unknown>

export abstract class CopyRead<in out Key, in out Value, out A, out E, out R>
  extends Effectable.Class<A, E | CodecError, R | Redis>
  implements AtOnce<A>
{
  constructor(protected readonly definition: CacheDefinition<Key, Value>, protected readonly key: Key) {
    super()
  }

  /** The answer that a copy gives to this caller. */
  abstract answer(copy: Copy): A

  /** Asks the store. */
  protected abstract ask(instance: CacheInstance<Key, Value>, redisKey: string, fiber: Runner): Effect.Effect<A, E, R>

  /** As its user calls it. */
  protected abstract get operation(): string

  /** Why the call is refused, whatever is there. */
  protected get refusal(): CodecError | undefined {
    return undefined
  }

  override commit(): Effect.Effect<A, E | CodecError, R | Redis> {
    // Effects are only run by fibers.
    const fiber = Option.getOrThrow(Fiber.getCurrentFiber())
    const instance = bind(fiber, this.definition, this.operation)
    const plain = this.plainCopy(instance, fiber)
    if (plain !== undefined) return this.serve(instance, plain)
    const stored = this.definition.keys.encode(this.key)
    if (Either.isLeft(stored)) return Effect.fail(instance.definition.codecError("key", stored.left))
    const copy = instance.near?.byString === false ? instance.near.find(stored.right, clockOf(fiber)) : undefined
    return copy === undefined ? this.ask(instance, instance.prefix + stored.right, fiber) : this.serve(instance, copy)
  }

  override [Symbol.iterator](): Effect.EffectGenerator<Effect.Effect<A, E | CodecError, R | Redis>> {
    return this.definition.policy.near === undefined ? super[Symbol.iterator]() : new Turn(this)
  }

  atOnce(): Copy | "Ask" | "Yield" {
    const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
    if (fiber === undefined) return "Ask"
    const instance = bind(fiber, this.definition, this.operation)
    const copy = this.plainCopy(instance, fiber)
    if (copy === undefined || this.refusal !== undefined) return "Ask"
    if (instance.recorder.nearHits % hitsBeforeYield === hitsBeforeYield - 1) return "Yield"
    instance.recorder.nearHit()
    return copy
  }

  /** A copy under this very key. */
  private plainCopy({ near }: CacheInstance<Key, Value>, fiber: Runner): Copy | undefined {
    const { key } = this
    return near?.byString === true && typeof key === "string" ? near.find(key, clockOf(fiber)) : undefined
  }

  private serve(instance: CacheInstance<Key, Value>, copy: Copy): Exit.Exit<A, CodecError> {
    if (this.refusal !== undefined) return Exit.fail(this.refusal)
    instance.recorder.nearHit()
    return Exit.succeed(this.answer(copy))
  }
}

interface AtOnce<A> {
  /** A copy that needs no step of the runtime, counted as a hit. */
  readonly atOnce: () => Copy | "Ask" | "Yield"
  readonly answer: (copy: Copy) => A
}

/** One `yield*`: returns the value, or lets the runtime run the effect and returns its result. */
class Turn<A, E, R> implements Effect.EffectGenerator<Effect.Effect<A, E, R>> {
  private asked = false

  constructor(private readonly read: Effect.Effect<A, E, R> & AtOnce<A>) {}

  next(result: A): IteratorResult<YieldWrap<Effect.Effect<A, E, R>>, A> {
    if (this.asked) return { done: true, value: result }
    this.asked = true
    const copy = this.read.atOnce()
    if (typeof copy === "object") return { done: true, value: this.read.answer(copy) }
    return {
      done: false,
      value: new YieldWrap(copy === "Ask" ? this.read : Effect.zipRight(Effect.yieldNow(), this.read))
    }
  }
}
