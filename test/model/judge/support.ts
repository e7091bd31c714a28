/** Questions about a call that several judgements share. */
import { type History, isForced, isLoad, isOfTags, madeGoodWithin } from "../history.js"
import { type Call, type Computation, isSame, type Moment, type Record, type Standing } from "../record.js"

export const name = ({ id, operation }: Call): string => `call ${id} (${operation._tag})`

const nearReads = new Set(["get", "getMany", "has", "getOrSet", "getOrSetMany"])

/** Whether a call must know what was acknowledged then: copies in memory may be a little old. */
export const heardOf = (
  call: Call,
  { millis }: Moment,
  instance: number | undefined,
  { delay, outage, policy: { maxStaleness } }: History
): boolean =>
  // Other processes learn of a missed write when it is made good.
  outage !== undefined && instance === outage.instance && instance !== call.instance
    ? Math.max(millis, outage.to) + madeGoodWithin + 4 * delay < call.began.millis
    : maxStaleness === undefined || !nearReads.has(call.operation._tag) || instance === call.instance ||
      millis + maxStaleness < call.began.millis

/** Whether they ran at the same time. It is unknown when a call that was not answered takes place, if ever. */
export const overlap = (
  a: { readonly began: Moment; readonly ended: Moment | undefined },
  b: { readonly began: Moment; readonly ended: Moment | undefined }
): boolean => a.began.at < (b.ended?.at ?? Infinity) && b.began.at < (a.ended?.at ?? Infinity)

/** A hold stays behind. */
const lingers = ({ operation }: Call): boolean => operation._tag === "update" && operation.linger !== undefined

/** Everything that it sent has taken place: it was answered, or it only waited for a load that failed. */
export const isOver = (call: Call): boolean =>
  (call.acknowledged !== undefined || call.failure !== undefined) && !lingers(call)

/** It changes tags, and so entries of any key. */
export const changesTags = ({ operation }: Call): boolean =>
  isOfTags(operation) || (operation._tag === "update" && operation.tag !== undefined)

/** A call that waits for any load, and gets a stale value in its windows. */
export const isUnforcedLoad = ({ operation }: Call): boolean => isLoad(operation) && !isForced(operation)

/** It returned the value that it has loaded itself, whatever was stored: not a stale value after a failure. */
export const hasLoadedAnew = (record: Record, call: Call): boolean =>
  isForced(call.operation) && call.acknowledged !== undefined &&
  call.read.every(({ key, value }) =>
    value !== undefined &&
    (record.computations.get(value)?.call === call ||
      record.revalidations(key, value).some((computation) => computation.call === call))
  )

export const concerns = (call: Call, key: number): boolean => call.keys.includes(key) || changesTags(call)

/** What may change the value of a key, or which load may store a value there. */
export const disturbers = new Set([
  "set",
  "setMany",
  "delete",
  "deleteMany",
  "take",
  "setIfAbsent",
  "modify",
  "expire",
  "invalidateTags",
  "expireTags",
  "update"
])

/** Whether this call may have revoked a lease at some time from when one call began until then. */
export const mayRevoke = (other: Call, key: number, since: Call, until: number): boolean =>
  other !== since && concerns(other, key) &&
  (disturbers.has(other.operation._tag) || isForced(other.operation)) && other.began.at < until &&
  !(isOver(other) && other.ended!.at < since.began.at)

/** A value that was the only one, and untouched, for as long as the call took, and could be found for as long. */
export const stood = (record: Record, call: Pick<Call, "began" | "ended">, key: number): Standing | undefined => {
  if (call.ended === undefined) return undefined
  const all = record.during(key, call)
  const last = all[all.length - 1]!
  if (last.value === undefined || all.some((standing) => !isSame(standing, last))) return undefined
  if (all.some(({ expires }) => expires <= call.ended!.millis)) return undefined
  // An invalidation leaves it where it is.
  const invalidated = record.history.policy.tags !== "None" &&
    record.calls.some((other) => changesTags(other) && other.began.at < call.ended!.at)
  if (invalidated) return undefined
  // It may have been touched: judgements use the shortest of its TTLs.
  const ends = all.flatMap(({ freshUntil }) => freshUntil === 0 ? [] : [freshUntil])
  return { ...last, freshUntil: ends.length === 0 ? 0 : Math.min(...ends) }
}

/** Epochs get an entry's TTL when they are read, so they may end earlier than it by the time that its write takes. */
export const epochsEndSooner = ({ delay, policy }: History): number => policy.tags === "None" ? 0 : 4 * delay

/** Whether it is served for as long as the call takes: fresh, or within a window. */
export const servedFor = ({ freshUntil }: Standing, call: Call, window: number, history: History): boolean =>
  freshUntil === 0 || freshUntil + window - epochsEndSooner(history) > call.ended!.millis

/** Loads that share, and may be stored. */
export const ofKey = (record: Record, key: number): ReadonlyArray<Computation> =>
  [...record.computations.values()].filter((computation) => computation.key === key && !computation.apart)
