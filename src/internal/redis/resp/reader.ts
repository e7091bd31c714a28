/**
 * Replies out of the bytes that a server sends, however they are cut:
 * https://redis.io/docs/latest/develop/reference/protocol-spec/.
 *
 * Both versions of the protocol are read, and what is new in the third comes as the second has it: a map or a set as a
 * list, a double as its text, a truth value as 1 or 0. So the driver does not ask which version a connection speaks.
 * Pushes and attributes are read and dropped. What the third version calls streamed is not read: Redis sends nothing of
 * the kind.
 *
 * A value that comes in many pieces is put together once, when the last is here. An unfinished line is read again from
 * its beginning, so it may not be long. Invalid bytes throw: the bytes after them cannot be interpreted.
 */

/** The server has refused a command. The name is the one that clients give it. */
export class ReplyError extends Error {
  override readonly name = "ReplyError"
}

/** This is not what a Redis sends. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError"
}

export interface Listener {
  readonly onReply: (reply: unknown) => void
  readonly onError: (error: ReplyError) => void
}

const carriageReturn = 13
const lineFeed = 10
const plus = 43
const minus = 45
const zero = 48
const questionMark = 63

const array = 42 // *
const attribute = 124 // |
const bigNumber = 40 // (
const blobError = 33 // !
const bulk = 36 // $
const double = 44 // ,
const integer = 58 // :
const map = 37 // %
const nothing = 95 // _
const push = 62 // >
const set = 126 // ~
const simpleError = minus
const simpleString = plus
const truth = 35 // #
const verbatim = 61 // =

/** Before the text of a verbatim string: its format, as in `txt:`. */
const formatLength = 4

/** In bytes; of an error reply, say. */
const longestLine = 1024 * 1024

/** Redis allows 512 MB, and more if it is configured so. */
const longestBulk = 2 ** 31 - 1

/** The replies of Redis are five deep at the most. */
const deepest = 32

/** Lists of up to this many items are allocated at once. Longer ones grow as their items arrive. */
const roomForItems = 4096

/** A number with up to this many digits can be added up without rounding. */
const exactDigits = 15

/** More bytes are needed. */
const unfinished = Symbol("unfinished")

/** A list was begun; its items come next. */
const opened = Symbol("opened")

const none = Buffer.alloc(0)

/** The most frequent reply is not cut out anew each time. */
const ok = Buffer.from("OK")

/** A list that is being read. */
class List {
  filled = 0
  readonly items: Array<unknown>

  constructor(
    readonly type: number,
    readonly size: number,
    readonly outer: List | undefined,
    readonly depth: number
  ) {
    this.items = new Array(Math.min(size, roomForItems))
  }

  add(item: unknown): void {
    this.items[this.filled++] = item
  }
}

export class Reader {
  /** What is being read, and where. */
  private bytes: Buffer = none
  private at = 0
  /** The list that is not complete yet. */
  private list: List | undefined
  /** A bulk that is not complete yet: what there is of it, what it is, and how many bytes it lacks. */
  private readonly pieces: Array<Buffer> = []
  private type = bulk
  private lacks = 0

  constructor(private readonly listener: Listener) {}

  /** Reports all replies that end here. */
  read(chunk: Buffer): void {
    const { lacks } = this
    if (lacks > chunk.length) {
      this.pieces.push(chunk)
      this.lacks -= chunk.length
      return
    }
    if (lacks > 0) {
      this.pieces.push(chunk.subarray(0, lacks))
      this.bytes = chunk
      this.at = lacks
      this.lacks = 0
      this.tell(this.joined())
    } else {
      const rest = this.bytes.length - this.at
      if (rest > longestLine) throw new ProtocolError(`a line of more than ${longestLine} bytes`)
      this.bytes = rest === 0 ? chunk : Buffer.concat([this.bytes.subarray(this.at), chunk])
      this.at = 0
    }
    while (this.at < this.bytes.length) {
      const { at } = this
      const value = this.next()
      if (value === opened) continue
      if (value !== unfinished) this.tell(value)
      else {
        if (this.lacks === 0) this.at = at
        return
      }
    }
    this.bytes = none
    this.at = 0
  }

  private joined(): unknown {
    const whole = Buffer.concat(this.pieces)
    this.pieces.length = 0
    return this.made(this.type, whole, 0, whole.length - 2)
  }

  /** A value is complete. */
  private tell(value: unknown): void {
    let complete = value
    for (;;) {
      const { list } = this
      if (list === undefined) {
        if (complete instanceof ReplyError) this.listener.onError(complete)
        else this.listener.onReply(complete)
        return
      }
      list.add(complete)
      if (list.filled < list.size) return
      this.list = list.outer
      if (list.type === push || list.type === attribute) return
      complete = list.items
    }
  }

  private next(): unknown {
    const type = this.bytes[this.at++]!
    switch (type) {
      case bulk:
      case verbatim:
      case blobError:
        return this.bulk(type)
      case array:
      case set:
        return this.open(type, 1)
      case map:
      case attribute:
        return this.open(type, 2)
      case push:
        if (this.list !== undefined) throw new ProtocolError("a push inside a reply")
        return this.open(type, 1)
      case integer:
        return this.number()
      case simpleString:
      case simpleError:
      case nothing:
      case truth:
      case double:
      case bigNumber:
        return this.line(type)
      default:
        throw new ProtocolError(`a reply that begins with byte ${type}`)
    }
  }

  private bulk(type: number): unknown {
    const length = this.number()
    if (length === unfinished) return length
    if (length === -1 && type === bulk) return null
    if (length < 0 || length > longestBulk) throw new ProtocolError(`a string of ${length} bytes`)
    const { at, bytes } = this
    const end = at + length
    if (end + 2 > bytes.length) {
      this.type = type
      this.pieces.push(bytes.subarray(at))
      this.lacks = end + 2 - bytes.length
      this.at = bytes.length
      return unfinished
    }
    this.at = end + 2
    return this.made(type, bytes, at, end)
  }

  /** What a bulk says, if it ends as it must. */
  private made(type: number, bytes: Buffer, from: number, to: number): unknown {
    if (bytes[to] !== carriageReturn || bytes[to + 1] !== lineFeed) {
      throw new ProtocolError("a string is longer than it claims to be")
    }
    if (type === bulk) return bytes.subarray(from, to)
    if (type === blobError) return new ReplyError(bytes.toString("utf8", from, to))
    if (to - from < formatLength) throw new ProtocolError("a verbatim string without a format")
    return bytes.subarray(from + formatLength, to)
  }

  /** @param each how many items there are for each one that is counted */
  private open(type: number, each: number): unknown {
    const count = this.number()
    if (count === unfinished) return count
    if (count === -1 && type === array) return null
    if (count < 0) throw new ProtocolError(`a list of ${count}`)
    const depth = this.list === undefined ? 1 : this.list.depth + 1
    if (depth > deepest) throw new ProtocolError(`lists inside each other, more than ${deepest} deep`)
    if (count > 0) {
      this.list = new List(type, each * count, this.list, depth)
      return opened
    }
    return type === push || type === attribute ? opened : []
  }

  /** A whole number, and the end of its line. */
  private number(): number | typeof unfinished {
    const { bytes } = this
    const first = bytes[this.at]
    let at = first === minus || first === plus ? this.at + 1 : this.at
    const from = at
    let number = 0
    for (; at < bytes.length; at++) {
      const digit = bytes[at]! - zero
      if (digit >= 0 && digit <= 9) number = 10 * number + digit
      else break
    }
    if (at + 1 >= bytes.length) return unfinished
    if (at === from || bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) {
      throw new ProtocolError(bytes[from] === questionMark ? "a streamed reply" : "a malformed number")
    }
    this.at = at + 2
    if (at - from > exactDigits) number = Number(bytes.toString("latin1", from, at))
    return first === minus ? -number : number
  }

  /** What is all on one line, and no whole number. */
  private line(type: number): unknown {
    const { at, bytes } = this
    let end = at
    while (end < bytes.length && bytes[end] !== carriageReturn) end++
    if (end + 1 >= bytes.length) return unfinished
    if (bytes[end + 1] !== lineFeed) throw new ProtocolError("a line without its end")
    this.at = end + 2
    switch (type) {
      case simpleString:
        return end - at === 2 && bytes[at] === ok[0] && bytes[at + 1] === ok[1] ? ok : bytes.subarray(at, end)
      case simpleError:
        return new ReplyError(bytes.toString("utf8", at, end))
      case nothing:
        return null
      case truth:
        return truthOf(bytes.toString("latin1", at, end))
      case bigNumber:
        return bytes.toString("latin1", at, end)
      default:
        return bytes.subarray(at, end)
    }
  }
}

const truthOf = (text: string): number => {
  if (text === "t") return 1
  if (text === "f") return 0
  throw new ProtocolError("a malformed boolean")
}
