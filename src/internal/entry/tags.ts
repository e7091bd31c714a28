/**
 * The one judge of tags. An entry stores, for each of its tags, the epoch that the tag had when the entry's value began to
 * be computed; it holds as long as all of them are still what they were.
 */
import * as Either from "effect/Either"
import type { CodecIssue } from "../codec/codec.js"
import * as Key from "../key/encode.js"
import * as Epoch from "./epoch.js"
import * as Entry from "./format.js"

/** The values of tags' keys, by the tags' names, as they were read: `undefined` if there was none. */
export type Epochs = ReadonlyMap<string, Uint8Array | undefined>

/**
 * What an entry's tags make of it: nothing, they hold; or it is absent, since one of them is broken; or it is stale, since
 * one of them was expired, at that server time.
 */
export type TagState = "Hold" | "Broken" | number

/**
 * What an entry's tags make of it, given these epochs; else the names whose epochs must be read to know.
 *
 * @param required the tags that its key names: an entry that lacks one of them could not be told to be invalidated
 */
export const judgeTags = (
  bytes: Uint8Array,
  required: ReadonlyArray<string>,
  epochs: Epochs
): TagState | ReadonlyArray<string> => {
  const tags = Entry.tags(bytes)
  // Tags that are cut short are noticed when the entry is decoded.
  if (tags === undefined) return "Hold"
  for (const name of required) if (!tags.some((tag) => tag.name === name)) return "Broken"
  const unknown: Array<string> = []
  const states: Array<TagState> = []
  for (const { epoch, name } of tags) {
    if (!epochs.has(name)) {
      unknown.push(name)
      continue
    }
    const state = Epoch.since(epoch, epochs.get(name))
    if (state === "Broken") return state
    states.push(state)
  }
  return unknown.length === 0 ? together(states) : unknown
}

/** What several tags make of their entry together: one that is broken is enough, and the first that was expired counts. */
export const together = (states: ReadonlyArray<TagState>): TagState => {
  let first = Infinity
  for (const state of states) {
    if (state === "Broken") return state
    if (state !== "Hold") first = Math.min(first, state)
  }
  return first === Infinity ? "Hold" : first
}

const encoder = new TextEncoder()

/** Why these tags cannot be stored with an entry; `undefined` if they can. */
export const refuseTags = (tags: ReadonlyArray<string>): CodecIssue | undefined => {
  if (tags.length > Entry.maxTags) {
    return { path: "tags", detail: `tags must be at most ${Entry.maxTags}, got ${tags.length}` }
  }
  for (const tag of tags) {
    if (typeof tag !== "string" || tag === "") {
      return {
        path: "tags",
        detail: `tags must be non-empty strings, got ${tag === "" ? `""` : `a ${typeof tag}`}`
      }
    }
    if (encoder.encode(tag).length > Entry.maxTagSize) {
      return {
        path: "tags",
        detail: `tags must have at most ${Entry.maxTagSize} bytes each, got ${JSON.stringify(tag.slice(0, 40))}…`
      }
    }
    const issue = Either.getLeft(Key.encodeString(tag))
    if (issue._tag === "Some") {
      return { path: "tags", detail: "tags must be valid Unicode, got an unpaired surrogate" }
    }
  }
  return undefined
}
