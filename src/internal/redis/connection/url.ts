/**
 * `redis://user:password@host:port/db`, or `rediss://` for TLS. It is parsed here and not by the client, which would
 * take any of its options from the query, and let them override those that keep this library's promises.
 */
import * as Either from "effect/Either"

/** The parts of a url that are there. */
export interface UrlOptions {
  readonly host?: string
  readonly port?: number
  readonly username?: string
  readonly password?: string
  readonly db?: number
  /** With the defaults. */
  readonly tls?: object
}

const example = "redis://user:password@host:6379/0"

/** `undefined` if a percent sign is not followed by two hexadecimal digits. */
const plain = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Whether this is an option's name, and not the part after the `?` of a password that was not encoded. */
const isName = (text: string): boolean => /^[A-Za-z]+$/.test(text)

/** `Left` says what is wrong, without quoting the url, since there may be a password in it. */
export const parse = (text: string): Either.Either<UrlOptions, string> => {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return Either.left(`the url must have the form ${example}`)
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    return Either.left("the url must start with redis:// or rediss://")
  }
  const [option] = url.searchParams.keys()
  if (option !== undefined) {
    const named = isName(option) && !url.search.includes("@")
    return Either.left(
      `options in the url are not supported: pass them to the layer${named ? ` (found ${option})` : ""}`
    )
  }
  // The rest after it would be dropped, so that the client would connect to another server.
  if (url.hash !== "") return Either.left("a # in the url's user or password must be written as %23")
  const db = url.pathname.replace(/^\//, "")
  if (!/^\d*$/.test(db)) return Either.left("the url's path must be the number of a database")
  const username = plain(url.username)
  const password = plain(url.password)
  if (username === undefined || password === undefined) {
    return Either.left("a % in the url's user or password must be written as %25")
  }
  return Either.right({
    // An IPv6 address is in brackets in a url, and nowhere else.
    ...(url.hostname === "" ? {} : { host: url.hostname.replace(/^\[|\]$/g, "") }),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    ...(db === "" ? {} : { db: Number(db) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {})
  })
}
