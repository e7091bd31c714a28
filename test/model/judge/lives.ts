/** No caller gets a value that had ended before the call began, and reads return what was stored while they ran. */
import { isLoad } from "../history.js"
import type { Call, Record, Standing } from "../record.js"
import { changesTags, epochsEndSooner, name } from "./support.js"

/** Until when a value was fresh at the latest, as far as a call may know; zero: for ever. */
const freshUntil = (record: Record, key: number, value: string, call: Call): number => {
  const { maxStaleness } = record.history.policy
  const all = record.standing[key]!
  const known = all.filter((standing, i) => {
    const next = all[i + 1]?.from
    // All callers know the effect of a later touch, except through copies in memory.
    return standing.value === value &&
      (next === undefined || next.at > call.began.at || all[i + 1]!.value !== value ||
        (maxStaleness !== undefined && next.millis + maxStaleness >= call.began.millis))
  }).map((standing) => standing.freshUntil)
  return known.length === 0 || known.includes(0) ? 0 : Math.max(...known)
}

/**
 * Whether a value was fresh at some time between when it came, or the call began, and when it went, or the call ended.
 */
const someTimeFresh = ({ freshUntil, from, value }: Standing, call: Call): boolean =>
  value !== undefined && (freshUntil === 0 || freshUntil > Math.max(from.millis, call.began.millis))

/** Whether there was nothing fresh at some time of the call. */
const someTimeNone = (record: Record, key: number, call: Call): boolean => {
  const all = record.during(key, call)
  return all.some(({ expires, freshUntil, value }, i) => {
    const until = Math.min(all[i + 1]?.from.millis ?? Infinity, call.ended!.millis) + epochsEndSooner(record.history)
    return value === undefined || expires <= until || (freshUntil !== 0 && freshUntil <= until)
  }) || record.calls.some((other) =>
    record.history.policy.tags !== "None" && changesTags(other) && other.began.at < call.ended!.at
  )
}

const reads = new Set(["get", "getMany", "has", "take"])

/** A read that the store answers returns what was stored at some time while it ran. */
const misread = (record: Record, call: Call): ReadonlyArray<string> => {
  const { acknowledged, operation, read, saw } = call
  if (acknowledged === undefined || !reads.has(operation._tag) || record.history.policy.maxStaleness !== undefined) {
    return []
  }
  if (operation._tag === "has") {
    const right = saw === true
      ? record.during(operation.key, call).some((standing) => someTimeFresh(standing, call))
      : someTimeNone(record, operation.key, call)
    return right
      ? []
      : [`${name(call)} saw ${saw === true ? "what was not there" : "nothing, and something was there"}`]
  }
  return read.flatMap(({ key, value }) => {
    const right = value === undefined
      ? someTimeNone(record, key, call)
      : record.during(key, call).some((standing) => standing.value === value && someTimeFresh(standing, call))
    return right ? [] : [`${name(call)} was given ${value ?? "nothing"} of ${key}, which it was not at any time of it`]
  })
}

export const lives = (record: Record): ReadonlyArray<string> => {
  const { staleIfError, staleWhileRevalidate } = record.history.policy
  const windows = Math.max(staleIfError ?? 0, staleWhileRevalidate ?? 0)
  return record.calls.flatMap((call) => {
    const window = isLoad(call.operation) ? windows : 0
    const ended = call.read.flatMap(({ key, value }) => {
      if (value === undefined) return []
      const until = freshUntil(record, key, value, call)
      const computation = record.computations.get(value)
      // A load is joined until it is stored, which may be after its computation: a batch ends with its slowest key.
      const settled = isLoad(call.operation)
        ? record.standing[key]!.find((standing) => standing.value === value)?.from.at ?? computation?.ended?.at
        : computation?.ended?.at
      const waitedFor = (computation !== undefined && (settled ?? Infinity) > call.began.at) ||
        record.revalidations(key, value).some(({ ended }) => {
          const stored = record.puts(key).find((put) => put.value === value && put.at > (ended?.at ?? Infinity))
          return (stored?.at ?? ended?.at ?? Infinity) > call.began.at
        })
      return until !== 0 && !waitedFor && call.began.millis >= until + window
        ? [`${name(call)} was given ${value}, which had expired before it began`]
        : []
    })
    return [...ended, ...misread(record, call)]
  })
}
