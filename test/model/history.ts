/** What a random history is made of, and how it is written down when it is a counterexample. */
import fc from "fast-check"

/** How one load of the user's goes. */
export interface Load {
  readonly duration: number
  readonly outcome: "Succeed" | "Fail" | "Die" | "Interrupt"
}

export type Operation =
  | { readonly _tag: "get" | "set" | "delete" | "take" | "setIfAbsent" | "modify"; readonly key: number }
  | { readonly _tag: "invalidateTags"; readonly tag: string }
  | { readonly _tag: "getOrSet"; readonly key: number; readonly load: Load; readonly timeout: number | undefined }
  | { readonly _tag: "refresh"; readonly key: number; readonly load: Load }
  | { readonly _tag: "getOrSetMany"; readonly load: Load }

export interface Step {
  /** Which `Redis` instance it goes through. */
  readonly instance: number
  /** How long the fiber pauses before it, in ms. */
  readonly pause: number
  readonly operation: Operation
  /** It is interrupted after so many ms, if it is still running. */
  readonly interruptAfter: number | undefined
}

export interface History {
  readonly instances: number
  readonly seed: number
  /** Upper bound of each delay of an operation in Redis, in ms. */
  readonly delay: number
  /** How often an answer is lost. */
  readonly lost: number
  readonly policy: {
    readonly timeToLive: number | undefined
    readonly staleWhileRevalidate: number | undefined
    readonly staleIfError: number | undefined
    readonly leaseDuration: number
    readonly tags: "None" | "Key" | "Value" | "Both"
    /** No value is served from memory that was replaced, by another instance, so many ms before. */
    readonly maxStaleness: number | undefined
  }
  /** How often a change is not told, since the link is lost. */
  readonly loss: number
  /** For how long such a link is silent at the most, and then away, in ms. */
  readonly silence: number
  readonly fibers: ReadonlyArray<ReadonlyArray<Step>>
}

export const keyCount = 2
export const tagNames = ["all", "key0", "key1", "even", "odd"]
export const maxDuration = 150

const load: fc.Arbitrary<Load> = fc.record({
  duration: fc.oneof({ weight: 8, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.constant(2 * maxDuration) }),
  outcome: fc.oneof(
    { weight: 8, arbitrary: fc.constant("Succeed" as const) },
    { weight: 3, arbitrary: fc.constant("Fail" as const) },
    { weight: 1, arbitrary: fc.constantFrom("Die" as const, "Interrupt" as const) }
  )
})

// Most of what happens is to happen to one key.
const key = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) })

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      _tag: fc.constant("getOrSet" as const),
      key,
      load,
      timeout: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined, freq: 8 })
    })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("refresh" as const), key, load }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("getOrSetMany" as const), load }) },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constantFrom("get" as const, "set" as const, "delete" as const),
      key
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constantFrom("take" as const, "setIfAbsent" as const, "modify" as const),
      key
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("invalidateTags" as const), tag: fc.constantFrom(...tagNames) })
  }
)

const step = (instances: number): fc.Arbitrary<Step> =>
  fc.record({
    instance: fc.nat(instances - 1),
    pause: fc.oneof(fc.constant(0), fc.nat(10), fc.nat(60)),
    operation,
    interruptAfter: fc.option(fc.nat(40), { nil: undefined, freq: 7 })
  })

export const history: fc.Arbitrary<History> = fc.constantFrom(1, 2).chain((instances) =>
  fc.record({
    instances: fc.constant(instances),
    seed: fc.nat(0x7fffffff).noShrink(),
    delay: fc.constantFrom(0, 2, 10, 30),
    lost: fc.constantFrom(0, 0, 0.05, 0.2),
    policy: fc.record({
      timeToLive: fc.constantFrom(undefined, undefined, 40),
      staleWhileRevalidate: fc.constantFrom(undefined, 60),
      staleIfError: fc.constantFrom(undefined, 80),
      leaseDuration: fc.constantFrom(30, 60_000),
      tags: fc.constantFrom("None" as const, "Key" as const, "Value" as const, "Both" as const),
      maxStaleness: fc.constantFrom(undefined, 50, 200)
    }),
    loss: fc.constantFrom(0, 0, 0.05),
    silence: fc.constantFrom(20, 300),
    fibers: fc.array(fc.array(step(instances), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
  })
)

const showOperation = (shown: Operation): string => {
  switch (shown._tag) {
    case "invalidateTags":
      return `invalidateTags ${shown.tag}`
    case "getOrSet":
      return `getOrSet ${shown.key} (${shown.load.outcome} after ${shown.load.duration}` +
        `${shown.timeout === undefined ? "" : `, timeout ${shown.timeout}`})`
    case "refresh":
      return `refresh ${shown.key} (${shown.load.outcome} after ${shown.load.duration})`
    case "getOrSetMany":
      return `getOrSetMany (${shown.load.outcome} after ${shown.load.duration})`
    default:
      return `${shown._tag} ${shown.key}`
  }
}

export const show = ({ fibers, ...setting }: History): string =>
  [
    JSON.stringify(setting),
    ...fibers.map((steps, i) =>
      `fiber ${i}: ` + steps.map((step) =>
        `${step.pause > 0 ? `pause ${step.pause}; ` : ""}#${step.instance} ${showOperation(step.operation)}` +
        (step.interruptAfter === undefined ? "" : ` (interrupted after ${step.interruptAfter})`)
      ).join("; ")
    )
  ].join("\n")
