/**
 * The shape of each command's reply. Anything else (from a client whose owner uses it for a `MULTI`, or from a proxy in
 * between) is an error for the caller, never a value: so every command is sent together with the shape of its reply.
 *
 * Replies come as the parser returns them: bulk and simple strings as bytes, which do not show any more which of the
 * two they were; integers as numbers, or as text if a borrowed client was made with `stringNumbers`.
 */

/** Whether a reply has the shape that its command returns. */
export type Shape<A> = (reply: unknown) => reply is A

type Text = Buffer | string
export type Count = number | string

export const isBytes = (reply: unknown): reply is Buffer => reply instanceof Uint8Array

export const isBytesOrNothing = (reply: unknown): reply is Buffer | null => reply === null || isBytes(reply)

const isText = (reply: unknown): reply is Text => isBytes(reply) || typeof reply === "string"

export const isCount = (reply: unknown): reply is Count =>
  typeof reply === "number" || (typeof reply === "string" && /^-?\d+$/.test(reply))

export const isCountOrNothing = (reply: unknown): reply is Count | null => reply === null || isCount(reply)

/** Of a condition: did it hold. */
export const isFlag = (reply: unknown): reply is Count => isCount(reply) && (Number(reply) === 0 || Number(reply) === 1)

const capitalO = 79
const capitalK = 75

export const isOk = (reply: unknown): reply is Text =>
  isBytes(reply) ? reply.length === 2 && reply[0] === capitalO && reply[1] === capitalK : reply === "OK"

export const isOkOrNothing = (reply: unknown): reply is Text | null => reply === null || isOk(reply)

/** A number as text, with no digit lost. */
export const isDecimal = (reply: unknown): reply is Text => isText(reply) && /^-?\d+$/.test(String(reply))

/** Whether this is a list of that many values, each of which may be missing. A plain loop: every read runs this. */
export const areValues = (reply: unknown, count: number): reply is Array<Buffer | null> => {
  if (!Array.isArray(reply) || reply.length !== count) return false
  for (let i = 0; i < count; i++) if (!isBytesOrNothing(reply[i])) return false
  return true
}

export const areBytes = (reply: unknown): reply is ReadonlyArray<Buffer> => Array.isArray(reply) && reply.every(isBytes)

export const areSoManyBytes = (count: number) => (reply: unknown): reply is ReadonlyArray<Buffer> =>
  areBytes(reply) && reply.length === count

const isDigits = (reply: unknown): boolean => (isText(reply) || isCount(reply)) && /^\d+$/.test(String(reply))

/** A cursor, and keys. */
export const isPage = (reply: unknown): reply is readonly [Text, ReadonlyArray<Buffer>] =>
  Array.isArray(reply) && reply.length === 2 && isDigits(reply[0]) && Array.isArray(reply[1]) && reply[1].every(isBytes)

/** A cursor, and two counts. */
export const isSwept = (reply: unknown): reply is readonly [Text, Count, Count] =>
  Array.isArray(reply) && reply.length === 3 && isDigits(reply[0]) && isCount(reply[1]) && isCount(reply[2])

/** Seconds, and microseconds. */
export const isTime = (reply: unknown): reply is readonly [Text, Text] =>
  Array.isArray(reply) && reply.length === 2 && reply.every(isDigits)

/** Done; or not, and what is there. */
export const isSwap = (reply: unknown): reply is readonly [Count, (Buffer | null)?] =>
  Array.isArray(reply) && reply.length <= 2 && isFlag(reply[0]) &&
  (reply[1] === undefined || isBytesOrNothing(reply[1]))

export type Granted = readonly [time: Count, tag: Text, writeId: Buffer, turn: Buffer]
export type Held = readonly [time: Count, tag: Text, millis: Count, holder: Buffer]
/** The answer to a request without further parts: `Found`, or `Barred`. */
export type Untold = readonly [time: Count, tag: Text]

/** The server's time in ms, the outcome of the request, and its details. */
export const isLease = (reply: unknown): reply is Granted | Held | Untold => {
  if (!Array.isArray(reply) || !isCount(reply[0]) || !isText(reply[1])) return false
  switch (String(reply[1])) {
    case "Granted":
      return reply.length === 4 && isBytes(reply[2]) && isBytes(reply[3])
    case "Held":
      return reply.length === 4 && isCount(reply[2]) && isBytes(reply[3])
    case "Found":
    case "Barred":
      return reply.length === 2
    default:
      return false
  }
}

const isAddress = (reply: unknown): boolean =>
  Array.isArray(reply) && (reply[0] === null || isText(reply[0])) && isCount(reply[1])

/** Of `CLUSTER SLOTS`: from, to, and servers; of each its host and port, and more that does not matter here. */
export const areRanges = (
  reply: unknown
): reply is ReadonlyArray<readonly [Count, Count, ...Array<readonly [string | null, Count]>]> =>
  Array.isArray(reply) &&
  reply.every((range) =>
    Array.isArray(range) && isCount(range[0]) && isCount(range[1]) && range.slice(2).every(isAddress)
  )

/** Of `CLUSTER NODES`: lines. */
export const isNodes = (reply: unknown): reply is Text => isText(reply) && /\bmyself\b/.test(String(reply))

/** The server's reply to a command that waits for the `EXEC` of a transaction. */
export const isQueued = (reply: unknown): boolean =>
  isBytes(reply) ? reply.length === 6 && reply.toString() === "QUEUED" : reply === "QUEUED"
