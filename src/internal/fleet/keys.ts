/** From keys as people know them to keys as they are stored. */
import * as Either from "effect/Either"
import { CodecError } from "../../CacheError.js"
import type { CodecIssue } from "../codec/codec.js"
import { checkName } from "../definition/refuse.js"
import * as Key from "../key/encode.js"

const refused = (cache: string) => (issue: CodecIssue): CodecError =>
  new CodecError({ subject: "key", cache, ...issue })

export const stringKey = (cache: string, key: string): Either.Either<string, CodecError> =>
  Either.mapLeft(Key.encodeString(key), refused(checkName(cache)))

export const structuredKey = (
  cache: string,
  key: unknown,
  captures: ReadonlyArray<unknown> = []
): Either.Either<string, CodecError> => {
  const encode = captures.length === 0 ? Key.encode : Key.encodeWith(checkName(cache), captures)
  return Either.mapLeft(encode(key), refused(checkName(cache)))
}
