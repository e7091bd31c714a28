/**
 * A lease lasts as long as its load, unless somebody writes: so a load that nobody disturbs is stored, and another process
 * does not load beside it. Judged where time ends no lease, and no answer is lost.
 */
import { leaseWait, longLease, maxDuration } from "../history.js"
import type { Computation, Record } from "../record.js"
import { mayRevoke, name, ofKey } from "./support.js"

/** Whoever has waited for too long for others loads beside them, and stores nothing. */
const waitedTooLong = ({ began, call }: Computation): boolean => began.millis - call.began.millis >= leaseWait

export const leases = (record: Record): ReadonlyArray<string> => {
  const { lost, policy } = record.history
  if (lost > 0 || policy.leaseDuration < longLease) return []

  const disturbed = (computation: Computation, until: number): boolean =>
    record.calls.some((other) => mayRevoke(other, computation.key, computation.call, until))

  return record.standing.flatMap((_, key) => {
    const computations = ofKey(record, key)
    const puts = record.puts(key)

    const besides = (b: Computation): ReadonlyArray<Computation> =>
      computations.filter((a) => a !== b && a.began.at < b.began.at && b.began.at < (a.ended?.at ?? Infinity))

    /** It has waited for a load that came to nothing, and others were sooner then: it does not wait for those as well. */
    const isImpatient = (b: Computation): boolean =>
      besides(b).length > 0 &&
      computations.some((other) =>
        other.instance !== b.instance && other.ended !== undefined && puts.every(({ value }) =>
          value !== other.value
        ) &&
        b.call.began.at < other.ended.at && other.ended.at < b.began.at
      )

    const hasLease = (computation: Computation): boolean => !waitedTooLong(computation) && !isImpatient(computation)

    const beside = computations.filter((b) => !b.forced && hasLease(b)).flatMap((b) =>
      besides(b).filter((a) =>
        hasLease(a) && !disturbed(a, b.began.at) &&
        // A load is cut at its longest, and so is what keeps others out.
        b.began.millis - a.call.began.millis < maxDuration &&
        // A forced load may have taken the other's lease before that began.
        (!a.forced || a.began.at < b.call.began.at)
      ).map((a) => `the load ${b.value} of #${b.instance} began beside ${a.value} of #${a.instance}`)
    )

    const unstored = computations.flatMap((a) => {
      const { acknowledged, began, read } = a.call
      const judged = a.exit === "Success" && hasLease(a) && acknowledged !== undefined &&
        acknowledged.millis - began.millis < leaseWait && read.some(({ value }) => value === a.value) &&
        !disturbed(a, acknowledged.at)
      return !judged || puts.some(({ value }) => value === a.value)
        ? []
        : [`${name(a.call)} was given ${a.value}, which was not stored, and nobody had written`]
    })
    return [...beside, ...unstored]
  })
}
