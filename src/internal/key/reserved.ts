/**
 * The keys that belong to no entry: the epochs of tags, `<prefix>:tag:<cache>:<tag>`; each cache's tag generation,
 * `<prefix>:gen:<cache>`; the heartbeats of processes that keep near copies, `<prefix>:near:<random id>`. No cache has an
 * empty name, so no cache's keys start with `<prefix>:`.
 */
import * as Either from "effect/Either"
import type { CodecIssue } from "../codec/codec.js"
import * as Entry from "../entry/format.js"
import * as Key from "./encode.js"

const byteLength = (text: string): number => new TextEncoder().encode(text).length

/** What every tag's key starts with, before the name of its cache. */
export const tagKeyPrefix = (prefix: string): string => `${prefix}:tag:`

export const tagKey = (prefix: string, cache: string, tag: string): string =>
  `${tagKeyPrefix(prefix)}${cache}:${Either.getOrElse(Key.encodeString(tag), () => tag)}`

export const generationKey = (prefix: string, cache: string): string => `${prefix}:gen:${cache}`

const heartbeatPrefix = (prefix: string): string => `${prefix}:near:`

/** `spot` is part of the key, in front: on a cluster a hash tag, which brings it to the server that it is meant for. */
export const heartbeatKey = (prefix: string, id: string, spot = ""): string => `${heartbeatPrefix(prefix)}${spot}${id}`

export const isHeartbeatKey = (prefix: string, key: string): boolean => key.startsWith(heartbeatPrefix(prefix))

/** Why these tags cannot be stored with an entry; `undefined` if they can. */
export const refuseTags = (tags: ReadonlyArray<string>): CodecIssue | undefined => {
  if (tags.length > Entry.maxTags) {
    return { path: "tags", detail: `an entry takes at most ${Entry.maxTags} tags, got ${tags.length}` }
  }
  for (const tag of tags) {
    if (typeof tag !== "string" || tag === "") {
      return { path: "tags", detail: "a tag must be a string that is not empty" }
    }
    if (byteLength(tag) > Entry.maxTagSize) {
      return { path: "tags", detail: `a tag takes at most ${Entry.maxTagSize} bytes: ${tag.slice(0, 40)}…` }
    }
    const issue = Either.getLeft(Key.encodeString(tag))
    if (issue._tag === "Some") return { path: "tags", detail: issue.value.detail }
  }
  return undefined
}
