/**
 * A caller gets a stored value at once: a concurrent load, forced or in the background, makes no caller wait or fail.
 */
import { hasTimeout } from "../history.js"
import type { Call, Record } from "../record.js"
import { isUnforcedLoad, name, ofKey, overlap, servedFor, stood } from "./support.js"

export const hits = (record: Record): ReadonlyArray<string> => {
  const { delay, lost, policy } = record.history
  // If answers are lost, it may have looked in vain.
  if (lost > 0) return []
  const staleIfError = policy.staleIfError ?? 0
  const staleWhileRevalidate = policy.staleWhileRevalidate ?? 0
  const calls = record.calls.filter((call) => isUnforcedLoad(call) && call.ended !== undefined)

  const isThere = (call: Call, key: number, window: number): boolean => {
    const standing = stood(record, call, key)
    return standing !== undefined && servedFor(standing, call, window, record.history)
  }
  const isHit = (call: Call, key: number): boolean => isThere(call, key, staleWhileRevalidate)
  const hit = new Map(calls.map((call) => [call, new Set(call.keys.filter((key) => isHit(call, key)))]))

  const failed = (call: Call): ReadonlyArray<string> => {
    const failure = call.failure === undefined ? undefined : record.computations.get(call.failure)
    // A batch fails because of its missing keys.
    const lacking = call.keys.filter((key) => failure === undefined || failure.batch.includes(key))
    if (lacking.every((key) => hit.get(call)!.has(key)) && (failure !== undefined || call.cutOff)) {
      return [
        `${name(call)} was given ${failure === undefined ? "an interruption" : `the failure of ${failure.value}`}` +
        ", and what it asked for was there"
      ]
    }
    const window = staleIfError === 0 ? 0 : Math.max(staleIfError, staleWhileRevalidate)
    return failure !== undefined && lacking.every((key) => isThere(call, key, window))
      ? [`${name(call)} was given the failure of ${failure.value}, and a stale value was there`]
      : []
  }

  /** A load of this key may be in flight in this process, because its caller found nothing. */
  const mayLoad = (call: Call, key: number): boolean =>
    calls.some((other) =>
      other !== call && other.instance === call.instance && other.keys.includes(key) && !hit.get(other)!.has(key) &&
      // A caller that times out leaves the load behind.
      (other.acknowledged === undefined || hasTimeout(other.operation)
        ? other.began.at < call.ended!.at
        : overlap(other, call))
    ) || ofKey(record, key).some((computation) =>
      !computation.forced && computation.instance === call.instance && overlap(computation, call)
    )

  /** An entry, and the epochs of its tags, are two round trips; and the clock is in ms. */
  const longest = 4 * delay + 1
  const waited = (call: Call): ReadonlyArray<string> => {
    const took = call.ended!.millis - call.began.millis
    return took > longest && call.keys.every((key) => hit.get(call)!.has(key) && !mayLoad(call, key))
      ? [`${name(call)} took ${took} ms, and what it asked for was there`]
      : []
  }

  /** After its soft timeout a caller gets a stale value; it may have to read it first. */
  const waitedOn = (call: Call): ReadonlyArray<string> => {
    const { operation } = call
    if (operation._tag !== "getOrSet" || operation.soft === undefined) return []
    const took = call.ended!.millis - call.began.millis
    return took > operation.soft + 2 * longest &&
        isThere(call, operation.key, Math.max(staleWhileRevalidate, staleIfError))
      ? [`${name(call)} took ${took} ms, and a stale value was there all the while`]
      : []
  }

  return calls.flatMap((call) => [...failed(call), ...waited(call), ...waitedOn(call)])
}
