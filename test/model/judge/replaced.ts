/** No caller gets a value that was replaced before the call began. */
import type { Call, Moment, Record } from "../record.js"
import { hasLoadedAnew, heardOf, name } from "./support.js"

/** Something that replaced the earlier value, between `began` and `acknowledged`. */
interface Replacement {
  readonly began: number
  readonly acknowledged: Moment
  /** The instances that know it at once; none, if only the store knows. */
  readonly instance: number | undefined
  readonly invalidates: string | undefined
  /** The value that it stored. */
  readonly value: string | undefined
  readonly forced: boolean
  readonly name: string
}

const byCalls = (record: Record, key: number): ReadonlyArray<Replacement> =>
  record.calls.flatMap((call) => {
    const { acknowledged, began, instance, operation, put } = call
    const invalidates = operation._tag === "invalidateTags" ? operation.tag : undefined
    if (acknowledged === undefined || (invalidates === undefined && !put.has(key))) return []
    return [{
      began: began.at,
      acknowledged,
      instance,
      invalidates,
      value: put.get(key),
      forced: false,
      name: name(call)
    }]
  })

/** The fill of a load is a write, which began with its computation. */
const byLoads = (record: Record, key: number): ReadonlyArray<Replacement> => {
  const filled = new Set<string>()
  return record.puts(key).flatMap(({ at, millis, value }) => {
    const computation = record.computations.get(value)
    if (computation === undefined || filled.has(value)) return []
    filled.add(value)
    return [{
      began: computation.began.at,
      acknowledged: { at, millis },
      instance: undefined,
      invalidates: undefined,
      value,
      forced: computation.forced,
      name: `the fill of ${value}`
    }]
  })
}

export const replaced = (record: Record): ReadonlyArray<string> => {
  const writers = new Map(record.calls.flatMap((call) => [...call.writes.values()].map((value) => [value, call])))
  const replacements = record.standing.map((_, key) => [...byCalls(record, key), ...byLoads(record, key)])
  const puts = record.standing.map((_, key) => record.puts(key))
  const refreshes = record.calls.filter((call) => hasLoadedAnew(record, call))

  /** The moment by which a value certainly existed, or was about to be computed from something that is old by then. */
  const knownBy = (value: string): number =>
    record.computations.get(value)?.began.at ?? writers.get(value)?.acknowledged?.at ?? Infinity

  const lastPut = (key: number, value: string): number =>
    puts[key]!.reduce((last, put) => put.value === value ? put.at : last, -1)

  /** The writes that have replaced this value before then. `heirs` were made of it. */
  const replacedBefore = (
    key: number,
    value: string,
    call: Call,
    heirs: ReadonlySet<string> = new Set()
  ): Replacement | undefined => {
    const mine = new Set([...heirs, value])
    for (const replacement of replacements[key]!) {
      const { acknowledged, began, forced, instance, invalidates } = replacement
      if (acknowledged.at >= call.began.at || began <= knownBy(value)) continue
      if (!heardOf(call, acknowledged, instance, record.history)) continue
      if (replacement.value !== undefined && mine.has(replacement.value)) continue
      // An heir without the tag, made before the invalidation, rightly outlives it.
      if (invalidates !== undefined && ![...mine].every((one) => record.tags(key, one).includes(invalidates))) continue
      // Of overlapping forced loads each may be stored: the last one counts.
      if ((forced || record.computations.get(value)?.forced === true) && lastPut(key, value) > acknowledged.at) continue
      return replacement
    }
    // A modified value is at least as old as the value that it was made of.
    const parent = writers.get(value)?.found
    return parent === undefined ? undefined : replacedBefore(key, parent, call, mine)
  }

  /** The forced load that has set out to replace this value, and has reported that it did. */
  const refreshedBefore = (key: number, value: string, call: Call): Call | undefined =>
    refreshes.find(({ acknowledged, began, instance, keys }) => {
      const put = lastPut(key, value)
      return keys.includes(key) && put >= 0 && put < began.at && acknowledged!.at < call.began.at &&
        heardOf(call, acknowledged!, instance, record.history)
    })

  /** The previous value of a load was stored when the load began, whatever copies in memory say. */
  const told = [...record.computations.values()].flatMap(({ call, key, told, value }) => {
    if (told === undefined) return []
    const asking: Call = { ...call, operation: { _tag: "refresh", key, load: { duration: 0, outcome: "Succeed" } } }
    const replacement = replacedBefore(key, told, asking)
    return replacement === undefined
      ? []
      : [`the load ${value} was told of ${told}, which ${replacement.name} had replaced before ${name(call)} began`]
  })

  return told.concat(record.calls.flatMap((call) =>
    call.read.flatMap(({ key, value }) => {
      if (value === undefined) return []
      const replacement = replacedBefore(key, value, call)
      const refresh = refreshedBefore(key, value, call)
      return [
        ...(replacement === undefined
          ? []
          : [`${name(call)} was given ${value}, which ${replacement.name} had replaced before it began`]),
        ...(refresh === undefined
          ? []
          : [`${name(call)} was given ${value}, which was there before ${name(refresh)} loaded anew`])
      ]
    })
  ))
}
