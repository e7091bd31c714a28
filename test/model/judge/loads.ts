/** Which failures and interruptions may reach a call, and which loads may be stored. */
import { hasTimeout, isForced, isOfTags, maxDuration } from "../history.js"
import type { Call, Computation, Record } from "../record.js"
import { concerns, hasLoadedAnew, isUnforcedLoad, name, ofKey, overlap } from "./support.js"

const sharesKey = (call: Call, { batch }: Computation): boolean => batch.some((key) => call.keys.includes(key))

/** A caller that comes after a write of the same process does not hear of a load that began before it. */
const tooOld = (record: Record, call: Call, failed: Computation): ReadonlyArray<string> =>
  // One key fails the whole batch, and some of its keys may be new.
  failed.batch.length > 1 ?
    [] :
    record.calls.flatMap((write) =>
      write.acknowledged !== undefined && write.instance === call.instance && concerns(write, failed.key) &&
        (write.put.has(failed.key) || write.operation._tag === "expire" || isOfTags(write.operation)) &&
        write.acknowledged.at < call.began.at && failed.began.at < write.began.at
        ? [`${name(call)} got the failure of ${failed.value}, older than ${name(write)}`]
        : []
    )

/** A background refresh, whose caller was answered before it began: its failure must reach no caller. */
const isBackground = ({ began, call: { acknowledged, operation }, forced }: Computation): boolean =>
  !forced && acknowledged !== undefined && acknowledged.at < began.at &&
  // A caller that times out leaves a load behind for which others wait.
  !hasTimeout(operation)

const failures = (record: Record, call: Call): ReadonlyArray<string> => {
  const failed = call.failure === undefined ? undefined : record.computations.get(call.failure)
  if (failed === undefined) return []
  const others = failed.call === call ? [] : isForced(call.operation)
    ? [`${name(call)} got the failure of ${failed.value}, and joins no load`]
    : failed.forced
    ? [`${name(call)} got the failure of ${failed.value}, which only ${name(failed.call)} requested`]
    : isBackground(failed)
    ? [`${name(call)} got the failure of ${failed.value}, for which no caller waits`]
    : []
  return [...others, ...tooOld(record, call, failed)]
}

/** A load that interrupts itself, or runs too long, interrupts the callers that wait for it, and no others. */
const interruptions = (record: Record, call: Call): ReadonlyArray<string> => {
  if (!call.cutOff) return []
  const cause = [...record.computations.values()].some((computation) =>
    computation.exit === "Interruption" && computation.instance === call.instance && sharesKey(call, computation) &&
    (computation.call === call || (!computation.forced && isUnforcedLoad(call))) &&
    // It may be over: it is joined until its lease is released.
    computation.began.at < call.ended!.at
  )
  return cause ? [] : [`${name(call)} was interrupted by another caller`]
}

/** A forced load returns the value that it computed itself; or the stored one, if it failed or took too long. */
const answers = (record: Record, call: Call): ReadonlyArray<string> => {
  const { operation, read } = call
  if (!isForced(operation) || call.acknowledged === undefined || hasLoadedAnew(record, call)) return []
  return hasTimeout(operation) || record.history.policy.staleIfError !== undefined
    ? []
    : [`${name(call)} was given ${read[0]?.value}, which it has not computed`]
}

/** Any process may write while a load that is not forced runs, but then the load is not stored. */
const stored = (record: Record): ReadonlyArray<string> =>
  record.standing.flatMap((_, key) => {
    const puts = record.puts(key)
    const filled = ofKey(record, key).flatMap((computation) => {
      const at = puts.find(({ value }) => value === computation.value)
      return at === undefined || computation.forced ? [] : [{ ...computation, ended: at }]
    })
    return filled.flatMap((a, i) =>
      filled.slice(i + 1).filter((b) => overlap(a, b)).map((b) =>
        `the loads ${a.value} and ${b.value} overlap, and both were stored`
      )
    )
  })

/** A load goes on if its caller timed out, whether or not the caller got a stale value. */
const leftBehind = (record: Record): ReadonlyArray<string> =>
  [...record.computations.values()].filter(({ began, call, ended, exit }) => {
    const { acknowledged, operation, timedOut } = call
    return exit === "Interruption" && operation._tag === "getOrSet" && operation.load.outcome !== "Interrupt" &&
      (timedOut || (operation.soft !== undefined && acknowledged !== undefined)) &&
      call.ended!.at < ended!.at && ended!.millis - began.millis < maxDuration
  }).map(({ call, value }) => `the load ${value} was interrupted, and ${name(call)} had left it behind`)

export const loads = (record: Record): ReadonlyArray<string> => [
  ...record.calls.flatMap((call) => [
    ...failures(record, call),
    ...interruptions(record, call),
    ...answers(record, call)
  ]),
  ...stored(record),
  ...leftBehind(record)
]
