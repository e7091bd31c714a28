/** Whose failures and interruptions a call may be given, and which loads may be stored. */
import { hasTimeout, isForced, isOfTags, maxDuration } from "../history.js"
import type { Call, Computation, Record } from "../record.js"
import { concerns, hasLoadedAnew, isUnforcedLoad, name, ofKey, overlap } from "./support.js"

const sharesKey = (call: Call, { batch }: Computation): boolean => batch.some((key) => call.keys.includes(key))

/** Whoever comes after a write of the same process does not hear of a load that began before it. */
const tooOld = (record: Record, call: Call, failed: Computation): ReadonlyArray<string> =>
  // One of a batch fails for all of it, and some of that may be new.
  failed.batch.length > 1 ?
    [] :
    record.calls.flatMap((write) =>
      write.acknowledged !== undefined && write.instance === call.instance && concerns(write, failed.key) &&
        (write.put.has(failed.key) || write.operation._tag === "expire" || isOfTags(write.operation)) &&
        write.acknowledged.at < call.began.at && failed.began.at < write.began.at
        ? [`${name(call)} was given the failure of ${failed.value}, older than ${name(write)}`]
        : []
    )

/** A refresh in the background, whose caller was answered before it began: it is to fail for nobody. */
const isBackground = ({ began, call: { acknowledged, operation }, forced }: Computation): boolean =>
  !forced && acknowledged !== undefined && acknowledged.at < began.at &&
  // A caller that runs out of time leaves a load behind that others wait for.
  !hasTimeout(operation)

const failures = (record: Record, call: Call): ReadonlyArray<string> => {
  const failed = call.failure === undefined ? undefined : record.computations.get(call.failure)
  if (failed === undefined) return []
  const others = failed.call === call ? [] : isForced(call.operation)
    ? [`${name(call)} was given the failure of ${failed.value}, and joins nobody`]
    : failed.forced
    ? [`${name(call)} was given the failure of ${failed.value}, which ${name(failed.call)} alone asked for`]
    : isBackground(failed)
    ? [`${name(call)} was given the failure of ${failed.value}, which nobody waits for`]
    : []
  return [...others, ...tooOld(record, call, failed)]
}

/** Somebody else's interruption is given on where a load interrupts itself, or is cut: to those who wait for it. */
const interruptions = (record: Record, call: Call): ReadonlyArray<string> => {
  if (!call.cutOff) return []
  const cause = [...record.computations.values()].some((computation) =>
    computation.exit === "Interruption" && computation.instance === call.instance && sharesKey(call, computation) &&
    (computation.call === call || (!computation.forced && isUnforcedLoad(call))) &&
    // It may be over: until its lease is given up it is joined.
    computation.began.at < call.ended!.at
  )
  return cause ? [] : [`${name(call)} was interrupted by somebody else`]
}

/** A forced load is answered with what it has computed itself; or with what is stored, where it failed or took too long. */
const answers = (record: Record, call: Call): ReadonlyArray<string> => {
  const { operation, read } = call
  if (!isForced(operation) || call.acknowledged === undefined || hasLoadedAnew(record, call)) return []
  return hasTimeout(operation) || record.history.policy.staleIfError !== undefined
    ? []
    : [`${name(call)} was given ${read[0]?.value}, which it has not computed`]
}

/** Nobody is kept from writing while a load that is not forced runs, but then it is not stored. */
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

/** A load goes on whose caller was served something stale, or nothing, when its time was over. */
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
