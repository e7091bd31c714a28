/** From a key to what is stored after `<prefix><cache name>:`. Pure. */
import * as Either from "effect/Either"
import { sha256 } from "../bytes/sha256.js"
import type { CodecIssue } from "../codec/codec.js"
import * as refusal from "../codec/refusal.js"
import { isWellFormed } from "../codec/wellFormed.js"
import * as canonical from "./canonical.js"

/** A canonical text that is longer is cut and ends in its SHA-256. */
const longest = 120

/** How much of a long text stays readable. */
const head = 40

const braceOrPercent = /[{}%]/

/** A percent sign only where it would be read as one of ours, so that others ("100%") stay what they are. */
const ambiguous = /[{}]|%(?=7B|7D|25)/g

const escape = { "{": "%7B", "}": "%7D", "%": "%25" } as const

const escaped = /%(?:7B|7D|25)/g

const unescape = { "%7B": "{", "%7D": "}", "%25": "%" } as const

/**
 * A string key as it is stored: as it is, except for braces, which Redis Cluster would take for a hash tag.
 *
 * No two keys are stored alike. Half of a surrogate pair is refused: UTF-8 would make one key of many.
 */
export const encodeString = (key: string): Either.Either<string, CodecIssue> => {
  if (!isWellFormed(key)) return Either.left({ path: "$", detail: "an unpaired surrogate, which is not valid Unicode" })
  return Either.right(
    braceOrPercent.test(key)
      ? key.replace(ambiguous, (found) => escape[found as keyof typeof escape]) // all that `ambiguous` matches
      : key
  )
}

/** The string key that is stored like this. */
export const decodeString = (stored: string): string =>
  stored.includes("%")
    ? stored.replace(escaped, (found) => unescape[found as keyof typeof unescape]) // all that `escaped` matches
    : stored

/**
 * A structured key (the array of a memoized function's arguments, the encoded form of a typed key) as it is stored:
 * its canonical text, or the head of it and a SHA-256 of all of it.
 *
 * A short form is never a long one: where it holds a `#` at all it is inside quotes, so it ends in a quote or a
 * bracket, not in a digit.
 */
export const encode = (value: unknown): Either.Either<string, CodecIssue> => within(() => canonical.text(value))

/** `key` is an option of caches and of memoized functions alike. */
const within = (written: () => string): Either.Either<string, CodecIssue> => {
  try {
    const text = written()
    return Either.right(text.length > longest ? shorten(text) : text)
  } catch (error) {
    const issue = refusal.issue(error)
    return Either.left({ ...issue, detail: `${issue.detail}: pass the option \`key\`` })
  }
}

/**
 * The same with what a memoized function closes over in front: no structured key without it begins like that. What
 * cannot be part of a key throws.
 */
export const encodeWith = (cache: string, captures: ReadonlyArray<unknown>) => {
  const front = encodeCaptures(cache, captures)
  return (value: unknown): Either.Either<string, CodecIssue> => within(() => front + canonical.text(value))
}

const encodeCaptures = (cache: string, captures: ReadonlyArray<unknown>): string => {
  try {
    return `captures${canonical.text(captures)}`
  } catch (error) {
    const { detail, path } = refusal.issue(error)
    throw new RangeError(
      `Cache "${cache}": captures${path.slice(1)}: ${detail}. Pass something that identifies it, such as an id`
    )
  }
}

const shorten = (text: string): string => {
  const last = text.charCodeAt(head - 1)
  const splitsPair = last >= 0xd800 && last < 0xdc00
  return `${text.slice(0, splitsPair ? head - 1 : head)}#sha256-${sha256(text)}`
}
