/**
 * The keys that belong to no entry: the epochs of tags, `<prefix>:tag:<cache>:<tag>`; each cache's tag generation,
 * `<prefix>:gen:<cache>`; the heartbeats of processes that keep near copies, `<prefix>:near:<random id>`; the figures
 * that processes publish, `<prefix>:fleet:<random id>`, and the list of these processes, `<prefix>:fleet`; when a cache
 * was flushed to make good what Redis had missed, `<prefix>:flush:<cache>`; and `<prefix>:probe:<random id>`, which
 * exists for a moment to test a user's rights. No cache has an empty name, so no cache's keys start with `<prefix>:`.
 */
import * as Either from "effect/Either"
import * as Key from "./encode.js"

/** The prefix of the keys of a cache's entries. */
export const cacheEntryPrefix = (prefix: string, cache: string): string => `${prefix}${cache}:`

/** The prefix of every tag's key, before the name of its cache. */
export const tagKeyPrefix = (prefix: string): string => `${prefix}:tag:`

/** The prefix of the keys of a cache's tags. The name has no colon, so no other cache's keys have this prefix. */
export const cacheTagPrefix = (prefix: string, cache: string): string => `${tagKeyPrefix(prefix)}${cache}:`

export const tagKey = (prefix: string, cache: string, tag: string): string =>
  `${cacheTagPrefix(prefix, cache)}${Either.getOrElse(Key.encodeString(tag), () => tag)}`

export const generationKey = (prefix: string, cache: string): string => `${prefix}:gen:${cache}`

/** The cache of a key under this prefix, be it of an entry or of a tag; any text for another key. */
export const cacheOf = (prefix: string, key: string): string => {
  const tags = tagKeyPrefix(prefix)
  const start = key.startsWith(tags) ? tags.length : prefix.length
  const end = key.indexOf(":", start)
  return end < 0 ? "" : key.slice(start, end)
}

/** The key under which a process records that it flushes a cache, to make good missed changes. */
export const flushKey = (prefix: string, cache: string): string => `${prefix}:flush:${cache}`

const heartbeatPrefix = (prefix: string): string => `${prefix}:near:`

/** `spot` is part of the key, in front: on a cluster a hash tag, which brings it to the server that it is meant for. */
export const heartbeatKey = (prefix: string, id: string, spot = ""): string => `${heartbeatPrefix(prefix)}${spot}${id}`

export const isHeartbeatKey = (prefix: string, key: string): boolean => key.startsWith(heartbeatPrefix(prefix))

/** The key of the list of processes that publish their figures. */
export const directoryKey = (prefix: string): string => `${prefix}:fleet`

/** The key under which a process publishes its figures. */
export const reportKey = (prefix: string, id: string): string => `${directoryKey(prefix)}:${id}`

/** A key for tests of rights, which is removed soon after. */
export const probeKey = (prefix: string, id: string): string => `${prefix}:probe:${id}`

/** The cache's name and what follows it, of a whole Redis key; `undefined` if it belongs to no cache. */
export const partsOf = (
  prefix: string,
  redisKey: string
): { readonly cache: string; readonly key: string } | undefined => {
  if (!redisKey.startsWith(prefix)) return undefined
  const colon = redisKey.indexOf(":", prefix.length)
  return colon <= prefix.length
    ? undefined
    : { cache: redisKey.slice(prefix.length, colon), key: redisKey.slice(colon + 1) }
}

/** The cache's name and the tag, of a tag's key; `undefined` for any other. */
export const tagOf = (
  prefix: string,
  redisKey: string
): { readonly cache: string; readonly tag: string } | undefined => {
  const found = redisKey.startsWith(tagKeyPrefix(prefix)) ? partsOf(tagKeyPrefix(prefix), redisKey) : undefined
  return found === undefined ? undefined : { cache: found.cache, tag: Key.decodeString(found.key) }
}
