/**
 * Commands as the server reads them: https://redis.io/docs/latest/develop/reference/protocol-spec/. Written straight into
 * the bytes that leave, since texts that are put together piece by piece would be most of what a write allocates.
 */

export type Argument = string | Buffer | number

const star = 42
const dollar = 36
const zero = 48
const carriageReturn = 13
const lineFeed = 10

/** What is longer than this is quicker by the platform's own way. */
const shortText = 128

/** Of one argument, or of the head of a command: a sign, the digits of a length, two line ends. */
const frame = 16

/** A number as text has no more characters than this. */
const longestNumber = 24

/** As many bytes as it may take at the most. */
export const roomFor = (argument: Argument): number =>
  frame + (
    // No character takes more than three bytes for each of its units.
    typeof argument === "string" ? 3 * argument.length : typeof argument === "number" ? longestNumber : argument.length
  )

export const roomForHead = frame

export class Request {
  private readonly bytes: Buffer
  private at = 0

  /** Room for all that it is to hold, as `roomFor` and `roomForHead` tell. */
  constructor(room: number) {
    this.bytes = Buffer.allocUnsafe(room)
  }

  /** Begins a command with this many arguments, including its name. */
  begin(count: number): void {
    this.head(star, count)
  }

  add(argument: Argument): void {
    if (typeof argument === "object") {
      this.head(dollar, argument.length)
      this.bytes.set(argument, this.at)
      this.at += argument.length
      this.lineEnd()
    } else this.addText(typeof argument === "string" ? argument : String(argument))
  }

  result(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  private addText(text: string): void {
    const { at, bytes } = this
    if (text.length <= shortText) {
      this.head(dollar, text.length)
      if (this.addAscii(text)) return this.lineEnd()
      this.at = at
    }
    this.head(dollar, Buffer.byteLength(text))
    this.at += bytes.write(text, this.at)
    this.lineEnd()
  }

  private addAscii(text: string): boolean {
    const { bytes } = this
    let { at } = this
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) return false
      bytes[at++] = unit
    }
    this.at = at
    return true
  }

  private head(sign: number, length: number): void {
    this.bytes[this.at++] = sign
    this.addDigits(length)
    this.lineEnd()
  }

  private addDigits(n: number): void {
    if (n >= 10) this.addDigits(Math.floor(n / 10))
    this.bytes[this.at++] = zero + n % 10
  }

  private lineEnd(): void {
    this.bytes[this.at++] = carriageReturn
    this.bytes[this.at++] = lineFeed
  }
}
