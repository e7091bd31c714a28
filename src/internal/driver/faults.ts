/** Faults of operations on a driver that misbehaves: as a test specifies them, and as they are drawn. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { RedisErrorReason } from "../../CacheError.js"

/**
 * A delay: always the same, or random between two.
 *
 * @since 0.1.0
 * @category models
 */
export type Delay = Duration.DurationInput | {
  readonly min: Duration.DurationInput
  readonly max: Duration.DurationInput
}

/**
 * What happens to one operation. If it is empty, the operation takes place as usual.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault {
  /** The operation takes place after this time. Later operations on its keys wait for it. */
  readonly before?: Delay | undefined
  /** The answer arrives this long after the operation took place. */
  readonly after?: Delay | undefined
  /** The operation does not take place and fails with this reason. */
  readonly fail?: RedisErrorReason | undefined
  /** The operation takes place, but fails with `Timeout` this long after it was sent. */
  readonly lostReply?: Delay | undefined
}

/**
 * How a `layerFaulty` misbehaves. A fault that you leave out does not happen.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultyOptions {
  /** How often (0–1) an operation fails and does not take place. The reason is `Connection` if none is given. */
  readonly failure?: { readonly probability: number; readonly reason?: RedisErrorReason | undefined } | undefined
  /** How often (0–1) an operation takes place and its answer is lost: `Timeout` after this time, or after a second. */
  readonly lostReply?: { readonly probability: number; readonly timeout?: Delay | undefined } | undefined
  /** How long operations take before they take place. */
  readonly delayBefore?: Delay | undefined
  /** How long answers take to arrive. */
  readonly delayAfter?: Delay | undefined
  /**
   * The feed of changes, which near copies and waiting callers depend on: how late changes arrive (in order), and how often
   * (0–1, at each change) the link is lost. It is silent for `silence` before the loss shows, and then stays away.
   */
  readonly feed?:
    | {
      readonly delay?: Delay | undefined
      readonly loss?: number | undefined
      readonly silence?: Delay | undefined
    }
    | undefined
  /** How many keys are remembered whose changes the store has missed. Default: as in the layer below. */
  readonly maxRemembered?: number | undefined
  /**
   * Decides for each operation: by its name (`get`, `lease`, `fill` …; `docs/operations/testing.md` has all), its Redis
   * keys, and how many of this name there were, including this one. If it returns `undefined`, the probabilities
   * decide.
   */
  readonly script?: ((operation: string, keys: ReadonlyArray<string>, call: number) => Fault | undefined) | undefined
}

const defaultTimeout: Duration.DurationInput = "1 second"

const isRange = (
  delay: Delay
): delay is { readonly min: Duration.DurationInput; readonly max: Duration.DurationInput } =>
  typeof delay === "object" && "min" in delay

export const millisOf = (delay: Delay | undefined): Effect.Effect<number> => {
  if (delay === undefined) return Effect.succeed(0)
  if (!isRange(delay)) return Effect.succeed(Duration.toMillis(delay))
  const min = Duration.toMillis(delay.min)
  return Effect.map(Random.next, (random) => Math.floor(min + (Duration.toMillis(delay.max) - min) * random))
}

export const happens = (probability: number | undefined): Effect.Effect<boolean> =>
  probability === undefined || probability <= 0
    ? Effect.succeed(false)
    : Effect.map(Random.next, (random) => random < probability)

/** What happens to one operation, with everything drawn. */
export interface Decided {
  readonly before: number
  readonly after: number
  readonly fail: RedisErrorReason | undefined
  readonly lost: number | undefined
}

export const drawn = (fault: Fault): Effect.Effect<Decided> =>
  Effect.gen(function*() {
    return {
      before: yield* millisOf(fault.before),
      after: yield* millisOf(fault.after),
      fail: fault.fail,
      lost: fault.lostReply === undefined ? undefined : yield* millisOf(fault.lostReply)
    }
  })

export const byChance = (options: FaultyOptions): Effect.Effect<Fault> =>
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
