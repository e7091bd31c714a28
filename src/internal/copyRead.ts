/**
 * A read that a near copy may answer.
 *
 * A hit is done before the runtime is asked. Where `yield*` meets this effect, the code of the fiber is running already
 * (the generator is), so its iterator looks for a copy there and then, and hands the value straight to the generator: as
 * `yield*` of an `Exit`, it is no step of the runtime's loop, and costs less than `Effect.sync` does. All else, a copy in
 * a `pipe` as well, takes the way of any other effect.
 *
 * What is no step does not count as one either, and a fiber makes way for others after so many steps. So one hit in
 * `hitsPerStep` goes through the runtime: a loop of nothing but hits is as fair, and as soon interrupted, as others.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { YieldWrap } from "effect/Utils"
import type { CodecError } from "../CacheError.js"
import type { Redis } from "../Redis.js"
import { bind, type Binding, clockOf } from "./binding.js"
import type { Model } from "./model.js"
import type { Copy } from "./near/copies.js"

const hitsPerStep = 8

type Runner = Fiber.RuntimeFiber<unknown, unknown>

export abstract class CopyRead<in out Key, in out Value, out A, out E, out R>
  extends Effectable.Class<A, E | CodecError, R | Redis>
  implements AtOnce<A>
{
  constructor(protected readonly model: Model<Key, Value>, protected readonly key: Key) {
    super()
  }

  /** What a copy comes to, for who asked. */
  protected abstract answer(copy: Copy): A

  /** Asks the store. */
  protected abstract ask(binding: Binding<Key, Value>, redisKey: string, fiber: Runner): Effect.Effect<A, E, R>

  /** Why the call is refused, whatever is there. */
  protected refusal(_binding: Binding<Key, Value>): Effect.Effect<never, CodecError> | undefined {
    return undefined
  }

  override commit(): Effect.Effect<A, E | CodecError, R | Redis> {
    // Whoever runs an effect is a fiber.
    const fiber = Option.getOrThrow(Fiber.getCurrentFiber())
    const binding = bind(fiber, this.model)
    const copy = this.copyIn(binding, fiber)
    if (copy !== undefined) {
      const refusal = this.refusal(binding)
      if (refusal !== undefined) return refusal
      binding.recorder.nearHit()
      return Exit.succeed(this.answer(copy))
    }
    const stored = this.model.keys.encode(this.key)
    return Either.isLeft(stored)
      ? Effect.fail(binding.codecError("key", stored.left))
      : this.ask(binding, binding.prefix + stored.right, fiber)
  }

  override [Symbol.iterator](): Effect.EffectGenerator<Effect.Effect<A, E | CodecError, R | Redis>> {
    return new Turn(this)
  }

  atOnce(fiber: Runner): { readonly value: A } | undefined {
    const binding = bind(fiber, this.model)
    const { recorder } = binding
    if (binding.near === undefined || recorder.nearHits % hitsPerStep === hitsPerStep - 1) return undefined
    const copy = this.copyIn(binding, fiber)
    if (copy === undefined || this.refusal(binding) !== undefined) return undefined
    recorder.nearHit()
    return { value: this.answer(copy) }
  }

  private copyIn({ near }: Binding<Key, Value>, fiber: Runner): Copy | undefined {
    const { key } = this
    if (near === undefined) return undefined
    if (!near.byString) {
      const stored = this.model.keys.encode(key)
      return Either.isLeft(stored) ? undefined : near.find(stored.right, clockOf(fiber))
    }
    return typeof key === "string" ? near.find(key, clockOf(fiber)) : undefined
  }
}

interface AtOnce<A> {
  /** The value, where it is to be had without a step of the runtime. */
  readonly atOnce: (fiber: Runner) => { readonly value: A } | undefined
}

/** One `yield*`: gives the value, or has the runtime run the effect and gives what comes of it. */
class Turn<A, E, R> implements Effect.EffectGenerator<Effect.Effect<A, E, R>> {
  private asked = false

  constructor(private readonly read: Effect.Effect<A, E, R> & AtOnce<A>) {}

  next(result: A): IteratorResult<YieldWrap<Effect.Effect<A, E, R>>, A> {
    if (this.asked) return { done: true, value: result }
    this.asked = true
    const fiber = Fiber.getCurrentFiber()
    const found = Option.isSome(fiber) ? this.read.atOnce(fiber.value) : undefined
    return found === undefined
      ? { done: false, value: new YieldWrap(this.read) }
      : { done: true, value: found.value }
  }
}
