/**
 * Updates of the source: after a commit, no load stores a value that was read from the source before it, and no later
 * call gets one; and a value that an update has read itself stays its own.
 *
 * A load may read the source as early as its beginning, so its value counts as old as that. A value that an update
 * stores is as old as its commit.
 */
import type { Call, Moment, Record } from "../record.js"
import { heardOf, name, overlap } from "./support.js"

/** What takes a hold away from its key. */
const explicit = new Set(["set", "setMany", "setIfAbsent", "modify"])

/** An update that has committed. */
interface Commit {
  readonly call: Call
  readonly key: number
  readonly tag: string | undefined
  readonly at: Moment
  /** Nothing has taken its hold away. */
  readonly intact: boolean
  /** From then on the old values are gone, whether or not its hold was taken away meanwhile. */
  readonly gone: number
}

const commits = (record: Record): ReadonlyArray<Commit> =>
  record.calls.flatMap((call) => {
    const { committed: at, died, ended, operation } = call
    if (operation._tag !== "update" || at === undefined) return []
    const { key, tag } = operation
    return [{
      call,
      key,
      tag,
      at,
      intact: !record.calls.some((other) =>
        explicit.has(other.operation._tag) && other.keys.includes(key) &&
        overlap({ began: other.began, ended: other.acknowledged }, call)
      ),
      // An end whose answer is lost may take place later.
      gone: died || ended === undefined || record.history.lost > 0 ? Infinity : ended.at
    }]
  })

export const updates = (record: Record): ReadonlyArray<string> => {
  const all = commits(record)
  const stored = new Map(all.flatMap(({ at, call, key }) => {
    const value = call.writes.get(key)
    return value === undefined ? [] : [[value, at.at] as const]
  }))

  /** When the source was read for a value; undefined if the value does not come from it. */
  const readAt = (value: string): number | undefined => record.computations.get(value)?.began.at ?? stored.get(value)

  /** Whether an update has made this value outdated, and holds it by its key or by a tag. */
  const outdates = ({ at, key, tag }: Commit, of: number, value: string): "Key" | "Tag" | undefined => {
    const read = readAt(value)
    if (read === undefined || read >= at.at) return undefined
    if (tag !== undefined && record.tags(of, value).includes(tag)) return "Tag"
    return key === of ? "Key" : undefined
  }

  const storedLate = record.standing.flatMap((_, key) =>
    record.puts(key).flatMap((put) =>
      all.filter((commit) =>
        commit.intact && commit.key === key && put.at > commit.at.at && outdates(commit, key, put.value) !== undefined
      ).map(({ call }) => `${put.value} of ${key} was stored after ${name(call)} had committed`)
    )
  )

  const given = record.calls.flatMap((call) =>
    call.read.flatMap(({ key, value }) => {
      if (value === undefined) return []
      return all.flatMap((commit) => {
        const how = outdates(commit, key, value)
        if (how === undefined || call === commit.call) return []
        const since = how === "Tag" || commit.intact ? commit.at.at : commit.gone
        const heard = since === commit.at.at ? commit.at : commit.call.ended!
        return call.began.at > since && heardOf(call, heard, commit.call.instance, record.history)
          ? [`${name(call)} was given ${value}, which is older than ${name(commit.call)}`]
          : []
      })
    })
  )

  const own = [...record.computations.values()].filter(({ apart }) => apart)
  const shared = own.flatMap(({ call, key, value }) => [
    ...record.puts(key).filter((put) => put.value === value).map(() =>
      `${value} was stored, which ${name(call)} has read`
    ),
    ...record.calls.filter((other) => other !== call && other.read.some((read) => read.value === value)).map((other) =>
      `${name(other)} was given ${value}, which ${name(call)} has read`
    )
  ])

  return [...storedLate, ...given, ...shared]
}
