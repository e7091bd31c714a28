/**
 * A value that was expired before a call began is only returned to loads, inside the stale windows; a value that was
 * expired twice by a tag is never returned.
 */
import { isLoad } from "../history.js"
import type { Call, Record } from "../record.js"
import { heardOf, name } from "./support.js"

export const expired = (record: Record): ReadonlyArray<string> => {
  const { staleIfError, staleWhileRevalidate } = record.history.policy
  const windows = Math.max(staleIfError ?? 0, staleWhileRevalidate ?? 0)
  const writers = new Map(record.calls.flatMap((call) => [...call.writes.values()].map((value) => [value, call])))
  const expiries = record.calls.filter(({ acknowledged, operation }) =>
    acknowledged !== undefined && (operation._tag === "expire" || operation._tag === "expireTags")
  )

  /** The moment by which a value certainly existed, or was about to be computed from something that is old by then. */
  const knownBy = (value: string): number =>
    record.computations.get(value)?.began.at ?? writers.get(value)?.acknowledged?.at ?? Infinity

  /** Another call may have written it once more. */
  const rewritten = (key: number, value: string, since: Call): boolean =>
    record.revalidations(key, value).some(({ ended }) => (ended?.at ?? Infinity) > since.began.at) ||
    record.calls.some(({ ended, found, operation, put }) =>
      operation._tag === "modify" && (put.get(key) === value || found === value) &&
      (ended?.at ?? Infinity) > since.began.at
    )

  const concerned = (key: number, value: string, call: Call): ReadonlyArray<Call> =>
    expiries.filter((expiry) => {
      const { acknowledged, began, instance, operation } = expiry
      const concerns = operation._tag === "expireTags"
        ? record.tags(key, value).includes(operation.tag)
        : expiry.keys.includes(key)
      return concerns && acknowledged!.at < call.began.at && began.at > knownBy(value) &&
        heardOf(call, acknowledged!, instance, record.history) && !rewritten(key, value, expiry)
    })

  return record.calls.flatMap((call) =>
    call.read.flatMap(({ key, value }) => {
      if (value === undefined) return []
      const all = concerned(key, value, call)
      const window = isLoad(call.operation) ? windows : 0
      const late = all.find(({ acknowledged }) => call.began.millis >= acknowledged!.millis + window)
      const twice = all.find(({ acknowledged, operation }) =>
        operation._tag === "expireTags" && all.some((other) =>
          other.operation._tag === "expireTags" && other.operation.tag === operation.tag &&
          other.began.at > acknowledged!.at
        )
      )
      return [
        ...(late === undefined
          ? []
          : [`${name(call)} was given ${value}, which ${name(late)} had expired before it began`]),
        ...(twice === undefined ? [] : [`${name(call)} was given ${value}, which was expired twice before it began`])
      ]
    })
  )
}
