/** All callers with something stale to serve leave a failed source alone for a while. */
import { retryAfter } from "../history.js"
import type { Computation, Record } from "../record.js"
import { canTell, disturbed, hasLease, waitedTooLong } from "./holders.js"
import { epochsEndSooner, ofKey, stood } from "./support.js"

export const spared = (record: Record): ReadonlyArray<string> => {
  const { staleIfError, staleWhileRevalidate } = record.history.policy
  const window = Math.max(staleIfError ?? 0, staleWhileRevalidate ?? 0)
  if (window === 0 || !canTell(record)) return []

  /** A value that was stale before either load was requested, and could be served all the while. */
  const wasStale = (failed: Computation, b: Computation): boolean => {
    const began = failed.call.began.at < b.call.began.at ? failed.call.began : b.call.began
    const there = stood(record, { began, ended: b.began }, b.key)
    return there !== undefined && there.freshUntil !== 0 && there.freshUntil < began.millis &&
      there.freshUntil + window - epochsEndSooner(record.history) > b.began.millis
  }

  return record.standing.flatMap((_, key) => {
    const computations = ofKey(record, key).filter(({ forced }) => !forced)
    return computations.flatMap((failed) =>
      failed.exit !== "Failure" ?
        [] :
        computations.filter((b) =>
          failed.ended!.at < b.began.at && b.began.millis - failed.ended!.millis < retryAfter / 2 &&
          !waitedTooLong(b) && hasLease(record, failed) && !disturbed(record, failed, b.began.at) && wasStale(failed, b)
        ).map((b) => `the load ${b.value} of #${b.instance} began soon after ${failed.value}, which had failed`)
    )
  })
}
