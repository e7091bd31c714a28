/** A value that was written, never expires, and was not touched by any other call since, is still there. */
import { isForced, longLife } from "../history.js"
import type { Call, Record } from "../record.js"
import { concerns, disturbers, heardOf, isOver, name } from "./support.js"

const lookers = new Set(["get", "getMany", "has", "take", "getOrSet", "getOrSetMany", "setIfAbsent", "touch"])

/** Whether a call may have replaced a value, or ended its life. */
const mayRemove = ({ failure, operation }: Call): boolean =>
  disturbers.has(operation._tag) || (operation._tag === "touch" && operation.life < longLife) ||
  // A load that failed changes nothing.
  (isForced(operation) && failure === undefined)

export const lost = (record: Record): ReadonlyArray<string> => {
  const { history } = record
  if (history.policy.timeToLive !== undefined) return []

  const lostTo = (call: Call, key: number): ReadonlyArray<string> => {
    const writes = record.calls.filter((write) =>
      write.writes.has(key) && write.put.has(key) && write.acknowledged !== undefined &&
      write.acknowledged.at < call.began.at && heardOf(call, write.acknowledged, write.instance, history)
    )
    return writes.flatMap((write) => {
      const disturbed = record.calls.some((other) =>
        other !== write && other !== call && concerns(other, key) && mayRemove(other) &&
        other.began.at < call.ended!.at &&
        (!isOver(other) || other.acknowledged === undefined || other.acknowledged.at > write.began.at ||
          !heardOf(call, other.acknowledged, other.instance, history))
      )
      if (disturbed) return []
      const value = write.writes.get(key)
      const right = call.read.length === 0 && call.saw !== undefined
        ? call.saw
        : call.read.some((read) => read.key === key && read.value === value)
      return right ? [] : [`${name(call)} did not find ${value}, which no call had touched`]
    })
  }

  return record.calls.flatMap((call) =>
    call.acknowledged === undefined || !lookers.has(call.operation._tag) || isForced(call.operation)
      ? []
      : call.keys.flatMap((key) => lostTo(call, key))
  )
}
