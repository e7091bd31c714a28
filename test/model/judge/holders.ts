/** Which loads have a lease, as far as an observer can tell: if no lease ends by time, and no answer is lost. */
import { leaseWait, longLease } from "../history.js"
import type { Computation, Record } from "../record.js"
import { mayRevoke, ofKey } from "./support.js"

/** Whether leases can be judged in a history. */
export const canTell = ({ history: { lost, policy } }: Record): boolean =>
  lost === 0 && policy.leaseDuration >= longLease

/** Whether the lease of a load's key may have been revoked since the load was requested. */
export const disturbed = (record: Record, computation: Computation, until: number): boolean =>
  record.calls.some((other) => mayRevoke(other, computation.key, computation.call, until))

/** A caller that has waited for others for too long loads without a lease, and stores nothing. */
export const waitedTooLong = ({ began, call }: Computation): boolean => began.millis - call.began.millis >= leaseWait

/**
 * A caller that has waited for one load without a result does not wait for the next, if another process began that
 * first: it loads without a lease, and stores nothing.
 */
const isImpatient = (record: Record, b: Computation): boolean => {
  // Other loads have the lease before they begin: an answer has to arrive, and epochs have to be read.
  const soon = b.began.millis + 4 * record.history.delay
  const computations = ofKey(record, b.key).filter((other) => other !== b)
  const rivals = computations.filter(({ began }) => began.millis <= soon)
  return computations.some((other) =>
    other.over !== undefined && b.call.began.at < other.over.at && other.over.at < b.began.at &&
    rivals.some((rival) => rival.began.at > other.over!.at)
  ) || (rivals.length > 0 && disturbed(record, b, b.began.at))
}

export const hasLease = (record: Record, computation: Computation): boolean =>
  computation.forced || (!waitedTooLong(computation) && !isImpatient(record, computation))
