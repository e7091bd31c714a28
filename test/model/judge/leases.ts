/**
 * A lease lasts as long as its load, unless there is a write: so an undisturbed load is stored, and no other load runs
 * at the same time.
 */
import { leaseWait, maxDuration } from "../history.js"
import type { Computation, Record } from "../record.js"
import { canTell, disturbed, hasLease } from "./holders.js"
import { name, ofKey } from "./support.js"

const beside = (record: Record, computations: ReadonlyArray<Computation>): ReadonlyArray<string> =>
  computations.filter((b) => !b.forced && hasLease(record, b)).flatMap((b) =>
    computations.filter((a) =>
      a !== b && a.began.at < b.began.at && b.began.at < (a.over?.at ?? Infinity) &&
      hasLease(record, a) && !disturbed(record, a, b.began.at) &&
      // A load without callers first releases its lease, and is then interrupted.
      !(a.exit === "Interruption" && a.ended!.millis === b.began.millis) &&
      // A load is interrupted at its longest duration, and its lease ends then, too.
      b.began.millis - a.call.began.millis < maxDuration &&
      // A forced load may have taken the other's lease before that began.
      (!a.forced || a.began.at < b.call.began.at)
    ).map((a) => `the load ${b.value} of #${b.instance} began beside ${a.value} of #${a.instance}`)
  )

const unstored = (record: Record, computations: ReadonlyArray<Computation>, key: number): ReadonlyArray<string> => {
  const puts = record.puts(key)
  return computations.flatMap((a) => {
    const { acknowledged, began, read } = a.call
    const judged = a.exit === "Success" && acknowledged !== undefined && read.some(({ value }) => value === a.value) &&
      acknowledged.millis - began.millis < leaseWait && hasLease(record, a) &&
      !disturbed(record, a, acknowledged.at)
    return !judged || puts.some(({ value }) => value === a.value)
      ? []
      : [`${name(a.call)} was given ${a.value}, which was not stored, without any write`]
  })
}

export const leases = (record: Record): ReadonlyArray<string> =>
  !canTell(record) ? [] : record.standing.flatMap((_, key) => {
    const computations = ofKey(record, key)
    return [...beside(record, computations), ...unstored(record, computations, key)]
  })
