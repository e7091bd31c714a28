/** Turns errors of a server or a client into `RedisError`s. */
import { RedisError, type RedisErrorReason } from "../../CacheError.js"
import { isQueued } from "./replies.js"

/** The first word of an error reply is its code. */
const byCode: Readonly<Record<string, RedisErrorReason>> = {
  NOAUTH: "Auth",
  WRONGPASS: "Auth",
  NOPERM: "Auth",
  READONLY: "ReadOnly",
  OOM: "OutOfMemory",
  // It runs a script, and nothing else.
  BUSY: "Timeout",
  // There is a server, but none that can answer yet.
  LOADING: "Connection",
  MASTERDOWN: "Connection",
  CLUSTERDOWN: "Connection",
  TRYAGAIN: "Connection",
  // The redirection was followed as long as there was time.
  MOVED: "Connection",
  ASK: "Connection"
}

/** Its name distinguishes it from errors of servers and clients. */
const noCredentials = "CredentialsError"

/** The credentials for a connection could not be obtained. */
export const credentialsError = (why: string, cause?: unknown): Error => {
  const error = new Error(`no credentials: ${why}`, { cause })
  error.name = noCredentials
  return error
}

const isReply = (error: Error): boolean => error.name === "ReplyError"

export const reasonOf = (error: Error): RedisErrorReason => {
  if (error.name === noCredentials) return "Auth"
  if (!isReply(error)) return "Connection"
  const code = error.message.slice(0, error.message.indexOf(" "))
  if (/^ERR (invalid password|AUTH |Client sent AUTH)/i.test(error.message)) return "Auth"
  // If a command inside a script is not allowed, the error has no code of its own.
  if (/The user executing the script can't|ACL failure in script|\bNOPERM\b/.test(error.message)) return "Auth"
  // An error inside a script has the code behind "ERR Error running script" on old servers.
  return byCode[code] ?? (/\bREADONLY\b/.test(error.message)
    ? "ReadOnly"
    : /\bOOM\b/.test(error.message)
    ? "OutOfMemory"
    : "Command")
}

/** Servers and proxies that do not know a command repeat its arguments: a value, or a password. */
const withoutArguments = (message: string): string => message.replace(/,? with args beginning with:.*$/s, "")

/** The error as users see it, without what a client attaches to its errors: commands with their arguments. */
export const toRedisError = (operation: string, error: unknown, server?: string): RedisError => {
  if (error instanceof RedisError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const message = withoutArguments(cause.message)
  const plain = new Error(server === undefined || message.includes(server) ? message : `${message} (${server})`)
  plain.name = cause.name
  // The error of the program's own effect, and not of a client.
  if (cause.name === noCredentials) plain.cause = cause.cause
  return new RedisError({ reason: reasonOf(cause), operation, cause: plain })
}

export const connectionError = (operation: string, detail: string): RedisError =>
  new RedisError({ reason: "Connection", operation, cause: new Error(detail) })

export const timeoutError = (operation: string, millis: number, more = ""): RedisError =>
  new RedisError({ reason: "Timeout", operation, cause: new Error(`no answer within ${millis} ms${more}`) })

const commandError = (operation: string, detail: string): RedisError =>
  new RedisError({ reason: "Command", operation, cause: new Error(detail) })

/** The type of a reply, not its contents, which may be confidential. */
const sortOf = (reply: unknown): string => {
  if (reply === null) return "nothing"
  if (Array.isArray(reply)) return `a list of ${reply.length}`
  if (reply instanceof Uint8Array || typeof reply === "string") return `a text of ${reply.length} bytes`
  return `a ${typeof reply}`
}

const ownClient = "Give the layer a client of its own, such as client.duplicate()"

/** A reply that does not belong to its command. */
export const unexpectedReply = (operation: string, command: string, reply: unknown): RedisError => {
  const name = command.toUpperCase()
  return commandError(
    operation,
    isQueued(reply)
      ? `the server answered ${name} with QUEUED: the client is inside a MULTI that its owner began, so this command runs ` +
        `at its EXEC, if ever. ${ownClient}`
      : `the server answered ${name} with ${
        sortOf(reply)
      }, which is not a reply to it: a proxy, or another user of the ` +
        "client, interferes. Give the layer a connection of its own that leads to Redis itself"
  )
}

/** The owner of a borrowed client uses it for another database. */
export const otherDatabase = (operation: string, selected: number, own: number): RedisError =>
  commandError(
    operation,
    `not sent: the client's owner has selected database ${selected}, but this layer was built on database ${own}. ` +
      ownClient
  )

export const isWrongType = (error: RedisError): boolean =>
  error.cause instanceof Error && error.cause.message.startsWith("WRONGTYPE")

export const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith("NOSCRIPT")
