/**
 * What a server says before it hangs up: why it refuses connections, or bytes which show that it is not Redis. The
 * client does not report this: it reports what failed next, most often its own handshake.
 */

/** The first bytes of replies, in either version of the protocol. */
const replies = "+-:$*_#,(!=%~>|"

/** The first byte of a TLS record that holds an alert. */
const tlsAlert = 0x15

const longest = 120

/** One line of text, without what a terminal would not show. */
const lineOf = (bytes: Uint8Array): string => {
  const [line = ""] = Buffer.from(bytes.subarray(0, 1024)).toString("latin1").split("\r\n")
  const shown = line.replace(/[^\x20-\x7e]+/g, "…")
  return shown.length <= longest ? shown : `${shown.slice(0, longest)}…`
}

/** Whether these bytes are not an answer to a client's first command, but an error, or not a reply at all. */
export const isRefusal = (bytes: Uint8Array): boolean => {
  const sign = String.fromCharCode(bytes[0] ?? 0)
  return sign === "-" || !replies.includes(sign)
}

/** Why the server closed a connection on which it had sent these bytes; there may be none. */
export const explain = (bytes: Uint8Array): string => {
  const [first] = bytes
  if (first === undefined) {
    return "the server closed the connection without answering: use rediss:// if it expects TLS, and check that it is Redis"
  }
  if (first === tlsAlert) return "the server expects TLS: use rediss://, or the option tls"
  if (!replies.includes(String.fromCharCode(first))) return `the server is not Redis: it answered "${lineOf(bytes)}"`
  return `the server closed the connection with the error: ${lineOf(bytes.subarray(1))}`
}

/** The same for an error of the client's own TLS. */
export const explainTls = (message: string): string | undefined =>
  /wrong version number|packet length too long|unknown protocol/i.test(message)
    ? "the server does not speak TLS on this port: use redis://, or leave out the option tls"
    : undefined
