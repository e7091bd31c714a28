/**
 * `redis://user:password@host:port/db`, or `rediss://` for TLS. Read here and not by the client, which would take any
 * of its options from the query, and let them win over those that keep this library's promises.
 */
import * as Either from "effect/Either"
import type { RedisOptions } from "ioredis"

const example = "redis://user:password@host:6379/0"

const plain = (text: string): string | undefined => text === "" ? undefined : decodeURIComponent(text)

/** Left: what is wrong, in words that give away none of it, since there may be a password in it. */
export const parse = (text: string): Either.Either<RedisOptions, string> => {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return Either.left(`the url is not of the form ${example}`)
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    return Either.left(`the url must start with redis:// or rediss://, got ${url.protocol}`)
  }
  const [option] = url.searchParams.keys()
  if (option !== undefined) return Either.left(`options are not taken from the url: ${option}`)
  const db = url.pathname.replace(/^\//, "")
  if (!/^\d*$/.test(db)) return Either.left("the url's path must be the number of a database")
  const username = plain(url.username)
  const password = plain(url.password)
  return Either.right({
    // An address of IPv6 is in brackets in a url, and nowhere else.
    ...(url.hostname === "" ? {} : { host: url.hostname.replace(/^\[|\]$/g, "") }),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(db === "" ? {} : { db: Number(db) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {})
  })
}
