/** The operations of a random history, and how a counterexample is printed. */

/**
 * How one of the user's loads behaves. `Nothing`: a batch has no value for this key; for a single key it is a value
 * like any other. `Unchanged`: the load returns the previous value, if there is one.
 */
export interface Load {
  readonly duration: number
  readonly outcome: "Succeed" | "Unchanged" | "Nothing" | "Fail" | "Die" | "Interrupt"
}

export type Operation =
  | { readonly _tag: "get" | "has" | "set" | "delete" | "expire" | "take" | "setIfAbsent"; readonly key: number }
  | { readonly _tag: "getMany" | "setMany" | "deleteMany" }
  /** What its function makes of the value that it receives: a new value, none, or the same one. */
  | { readonly _tag: "modify"; readonly key: number; readonly answer: "New" | "None" | "Same" }
  | { readonly _tag: "touch"; readonly key: number; readonly life: number }
  | { readonly _tag: "invalidateTags" | "expireTags"; readonly tag: string }
  | {
    readonly _tag: "getOrSet"
    readonly key: number
    readonly load: Load
    readonly timeout: number | undefined
    /** After this many ms a stale value will do: before the timeout, if there is one. */
    readonly soft: number | undefined
    readonly forceRefresh: boolean
  }
  | Update
  | { readonly _tag: "refresh"; readonly key: number; readonly load: Load }
  /** Of all keys, with a load for each. */
  | { readonly _tag: "getOrSetMany"; readonly loads: ReadonlyArray<Load> }

/**
 * An update of the source, around which the cache is invalidated. It commits after `before` ms, or not at all, and
 * continues for `after` ms.
 */
export interface Update {
  readonly _tag: "update"
  readonly key: number
  /** Held in addition to the key. */
  readonly tag: string | undefined
  readonly before: number
  readonly after: number
  readonly outcome: "Commit" | "RollBack"
  /** Its process dies as soon as it has committed. */
  readonly dies: boolean
  readonly linger: number | undefined
  /** The value that it has written is stored at the end. */
  readonly store: boolean
  /** It loads its key before it commits. */
  readonly own: Load | undefined
}

export interface Step {
  /** The `Redis` instance that it uses. */
  readonly instance: number
  /** How long the fiber pauses before it, in ms. */
  readonly pause: number
  readonly operation: Operation
  /** It is interrupted after this many ms, if it is still running. */
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
    /** How long entries stay after their windows, for loads to receive. */
    readonly retain: number | undefined
    readonly leaseDuration: number
    readonly tags: "None" | "Key" | "Value" | "Both"
    /** Memory serves no value that another instance replaced more than this many ms before. */
    readonly maxStaleness: number | undefined
  }
  /** How often a change is not reported because the link is lost. */
  readonly loss: number
  /**
   * The store does not answer one instance in this period. The cache continues without it, and reports dropped writes
   * as done.
   */
  readonly outage: { readonly instance: number; readonly from: number; readonly to: number } | undefined
  /** How long such a link is silent at most before it is lost, in ms. */
  readonly silence: number
  readonly fibers: ReadonlyArray<ReadonlyArray<Step>>
}

export const keyCount = 2
export const allKeys: ReadonlyArray<number> = Array.from({ length: keyCount }, (_, i) => i)
export const tagNames = ["all", "key0", "key1", "even", "odd"]
/** A load that runs longer is interrupted. */
export const maxDuration = 150
/** How long a load waits for another process's. */
export const leaseWait = 120
/** The least time for which all callers with a stale value leave a source alone after a load has failed. */
export const retryAfter = 40
/** A lease that lasts as long as its load, whatever happens to a renewal. */
export const longLease = 60_000

/** When histories begin, in ms. */
export const epoch = 1_000

/** Missed writes are made good within this many ms, if commands take no time. */
export const madeGoodWithin = 1_000

/** How long a hold lasts without renewal: longer than a renewal may take, whatever is delayed. */
export const hold = 200

/** Longer than any history. */
export const longLife = 600_000
export const shortLife = 10

/** The keys that an operation concerns; none if it concerns tags. */
export const keysOf = (operation: Operation): ReadonlyArray<number> =>
  "key" in operation ? [operation.key] : isOfTags(operation) ? [] : allKeys

/** It concerns every entry with a tag. */
export const isOfTags = (operation: Operation): boolean =>
  operation._tag === "invalidateTags" || operation._tag === "expireTags"

/** It loads, whatever is stored. */
export const isForced = (operation: Operation): boolean =>
  operation._tag === "refresh" || (operation._tag === "getOrSet" && operation.forceRefresh)

/** Its caller waits at most this long. */
export const hasTimeout = (operation: Operation): boolean =>
  operation._tag === "getOrSet" && (operation.timeout !== undefined || operation.soft !== undefined)

export const isLoad = (operation: Operation): boolean =>
  operation._tag === "getOrSet" || operation._tag === "getOrSetMany" || operation._tag === "refresh"

const showLoad = ({ duration, outcome }: Load): string => `${outcome} after ${duration}`

const showOperation = (shown: Operation): string => {
  switch (shown._tag) {
    case "invalidateTags":
    case "expireTags":
      return `${shown._tag} ${shown.tag}`
    case "getOrSet":
      return `getOrSet ${shown.key} (${showLoad(shown.load)}` +
        `${shown.forceRefresh ? ", forced" : ""}${shown.soft === undefined ? "" : `, soft ${shown.soft}`}` +
        `${shown.timeout === undefined ? "" : `, timeout ${shown.timeout}`})`
    case "refresh":
      return `refresh ${shown.key} (${showLoad(shown.load)})`
    case "getOrSetMany":
      return `getOrSetMany (${shown.loads.map(showLoad).join(" | ")})`
    case "modify":
      return `modify ${shown.key} (${shown.answer})`
    case "touch":
      return `touch ${shown.key} (${shown.life} ms)`
    case "update":
      return `update ${shown.key}${
        shown.tag === undefined ? "" : ` and ${shown.tag}`
      } (${shown.outcome} after ${shown.before}, ` +
        `${shown.dies ? "then dies" : `ends ${shown.after} later`}${shown.store ? ", stores" : ""}` +
        `${shown.linger === undefined ? "" : `, lingers ${shown.linger}`}` +
        `${shown.own === undefined ? "" : `, loads: ${showLoad(shown.own)}`})`
    case "getMany":
    case "setMany":
    case "deleteMany":
      return shown._tag
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
