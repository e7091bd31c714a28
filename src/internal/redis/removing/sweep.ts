/**
 * Removes everything of a cache: its entries, and the epochs of its tags. Holds stay in place.
 *
 * Scanning all keys takes most of the time, so one pass removes both. A load that begins behind the pass may read an
 * epoch that the pass has not reached yet, and then its entry would be absent ever after. So if epochs were removed,
 * the entries are removed once more: that takes away the load's lease, or the entry that it has stored.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../../CacheError.js"
import { cacheEntryPrefix, cacheTagPrefix } from "../../key/reserved.js"
import type { Callback, Sender } from "../batch/sender.js"
import type { Count } from "../replies.js"
import { askForPage, escapeGlob, following, type Place, start, throughout } from "../scan.js"
import type { Server, Servers } from "../servers.js"
import * as Scripts from "./scripts.js"

/** How many keys the server looks at, and removes, in one step. This takes it about a millisecond. */
const pageSize = 500

/** What to remove: the prefixes of entries' keys and of tags' keys, and a pattern that all of them match. */
interface Sought {
  readonly entries: string
  readonly tags: string | undefined
  readonly pattern: string
}

/** How many were removed. */
interface Swept {
  readonly entries: number
  readonly tags: number
}

const nothing: Swept = { entries: 0, tags: 0 }

const sum = (a: Swept, b: Swept): Swept => ({ entries: a.entries + b.entries, tags: a.tags + b.tags })

/** On a server that has all keys: one step for each page. */
const byPages = (server: Server, { entries, pattern, tags }: Sought): Effect.Effect<Swept, RedisError> =>
  Effect.async((resume) => {
    let swept = nothing
    let isOver = false
    const step = (place: Place): void =>
      server.sender.run(Scripts.sweepPage, [], [place.cursor, pattern, pageSize, entries, tags ?? entries], {
        answer: ([cursor, ofEntries, ofTags]) => {
          swept = sum(swept, { entries: Number(ofEntries), tags: Number(ofTags) })
          const next = following(server, place, cursor)
          if (next === undefined) resume(Exit.succeed(swept))
          else if (!isOver) step(next)
        },
        fail: (error) => resume(Exit.fail(error))
      })
    step(start(server))
    return Effect.sync(() => {
      isOver = true
    })
  })

/**
 * For servers on which a step may only use keys that are passed to it: those of a cluster, or behind a proxy.
 *
 * It requests the next page before it removes one, so that the server looks for more while the client writes which keys
 * to remove: otherwise each would wait for the other by turns. A server answers in order, so at most two pages are
 * being removed at a time. There is no fiber for each page, since there is little to do for a page, but often.
 */
const byKeys = (servers: Servers, server: Server, sought: Sought): Effect.Effect<Swept, RedisError> =>
  Effect.async((resume) => {
    let swept = nothing
    let isOver = false
    // Something must still be requested or answered.
    let open = 0
    const done = (): void => {
      if (--open === 0) resume(Exit.succeed(swept))
    }
    const fail = (error: RedisError): void => {
      isOver = true
      resume(Exit.fail(error))
    }
    const removal = (of: keyof Swept): Callback<Count> => ({
      answer: (count) => {
        swept = sum(swept, { ...nothing, [of]: Number(count) })
        done()
      },
      fail
    })
    const ofEntries = removal("entries")
    const ofTags = removal("tags")
    const send = (sender: Sender, keys: ReadonlyArray<Buffer>, areTags: boolean): void => {
      if (keys.length === 0) return
      open++
      sender.run(Scripts.sweepKeys, keys, [areTags ? 1 : 0], areTags ? ofTags : ofEntries)
    }
    const remove = (keys: ReadonlyArray<Buffer>, areTags: boolean): void => {
      if (servers.only !== undefined) send(servers.only, keys, areTags)
      // One command has keys of one slot only.
      else for (const key of keys) send(servers.at(key.toString()), [key], areTags)
    }
    const removeAll = (keys: ReadonlyArray<Buffer>): void => {
      remove(keys.filter(startingWith(sought.entries)), false)
      if (sought.tags !== undefined) remove(keys.filter(startingWith(sought.tags)), true)
      done()
    }
    const look = (place: Place): void => {
      open++
      askForPage(server, sought.pattern, place, {
        answer: ({ keys, next }) => {
          if (isOver) return
          if (next !== undefined) look(next)
          // After that request has left.
          process.nextTick(removeAll, keys)
        },
        fail
      })
    }
    look(start(server))
    return Effect.sync(() => {
      isOver = true
    })
  })

const startingWith = (prefix: string): (key: Buffer) => boolean => {
  const bytes = Buffer.from(prefix)
  return (key) => key.subarray(0, bytes.length).equals(bytes)
}

const pass = (servers: Servers, sought: Sought): Effect.Effect<Swept, RedisError> => {
  const byItsKeys = Stream.runFold(
    throughout(servers, (server) => Stream.fromEffect(byKeys(servers, server, sought))),
    nothing,
    sum
  )
  const [server] = servers.masters()
  return servers.only === undefined || server === undefined
    ? byItsKeys
    : Effect.catchIf(byPages(server, sought), isRefusal, () => byItsKeys)
}

/** Whether a server, or a proxy in front of it, does not let a script do so. */
const isRefusal = ({ reason }: RedisError): boolean => reason === "Auth" || reason === "Command"

/** Removes everything of a cache, and counts its entries. */
export const cleared = (servers: Servers, prefix: string, cache: string): Effect.Effect<number, RedisError> => {
  const entries = cacheEntryPrefix(prefix, cache)
  const tags = cacheTagPrefix(prefix, cache)
  const both = `${escapeGlob(prefix)}*${escapeGlob(cache)}:*`
  return Effect.flatMap(pass(servers, { entries, tags, pattern: both }), (first) =>
    first.tags === 0
      ? Effect.succeed(first.entries)
      : Effect.map(
        // Epochs that were made since then belong to entries that were stored since then.
        pass(servers, { entries, tags: undefined, pattern: `${escapeGlob(entries)}*` }),
        (again) => first.entries + again.entries
      ))
}
