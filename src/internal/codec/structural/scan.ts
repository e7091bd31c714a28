/**
 * A look at a payload before msgpackr reads it.
 *
 * msgpackr's reader does more than MessagePack's data: extensions that build errors and regular expressions, records
 * whose readers it compiles, references that make cycles, tables that any library in the process may add to. None of
 * it can be switched off, so none of it is let through: only the forms that `write.ts` uses pass, at
 * bounded depth, within the bytes that there are, with text that is UTF-8, and no field that is named `__proto__`.
 */
import { maxDepth, Refusal, tooDeep } from "../refusal.js"

const decoder = new TextDecoder("utf-8", { fatal: true })

const protoName = Uint8Array.from("__proto__", (letter) => letter.charCodeAt(0))

/** Above it, a byte at a time is slower than a decoder. */
const short = 48

class Scan {
  position = 0
  tagged = false

  constructor(readonly bytes: Uint8Array) {}

  #take(length: number): number {
    const start = this.position
    if (length > this.bytes.length - start) throw new Refusal("the payload is truncated")
    this.position = start + length
    return start
  }

  #size(width: number): number {
    const start = this.#take(width)
    let size = 0
    for (let i = start; i < start + width; i++) size = size * 256 + (this.bytes[i] ?? 0)
    return size
  }

  #text(length: number): void {
    const start = this.#take(length)
    let i = start
    if (length <= short) { while (i < this.position && (this.bytes[i] ?? 0) < 0x80) i++ }
    if (i === this.position) return
    try {
      decoder.decode(this.bytes.subarray(i, this.position))
    } catch {
      throw new Refusal("text that is not UTF-8")
    }
  }

  /** The length of the string that starts here, or -1 where no string does. */
  #textLength(token: number): number {
    if (token >= 0xa0 && token < 0xc0) return token - 0xa0
    return token === 0xd9 ? this.#size(1) : token === 0xda ? this.#size(2) : token === 0xdb ? this.#size(4) : -1
  }

  #fields(count: number, depth: number): void {
    if (depth >= maxDepth) throw tooDeep()
    for (let i = 0; i < count; i++) {
      const length = this.#textLength(this.#size(1))
      if (length === -1) throw new Refusal("a field name that is not a string")
      this.#text(length)
      const start = this.position - length
      if (length === protoName.length && protoName.every((byte, at) => this.bytes[start + at] === byte)) {
        throw new Refusal("a field named __proto__")
      }
      this.value(depth + 1)
    }
  }

  #items(count: number, depth: number): void {
    if (depth >= maxDepth) throw tooDeep()
    for (let i = 0; i < count; i++) this.value(depth + 1)
  }

  value(depth: number): void {
    const token = this.#size(1)
    if (token < 0x80 || token >= 0xe0) return
    if (token < 0x90) return this.#fields(token - 0x80, depth)
    if (token < 0xa0) return this.#items(token - 0x90, depth)
    const length = this.#textLength(token)
    if (length !== -1) return this.#text(length)
    switch (token) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return
      case 0xc4:
      case 0xc5:
      case 0xc6:
        this.tagged = true
        this.#take(this.#size(1 << (token - 0xc4)))
        return
      case 0xcc:
      case 0xd0:
        this.#take(1)
        return
      case 0xcd:
      case 0xd1:
        this.#take(2)
        return
      case 0xce:
      case 0xd2:
        this.#take(4)
        return
      case 0xcb:
      case 0xcf:
      case 0xd3:
        this.#take(8)
        return
      case 0xdc:
        return this.#items(this.#size(2), depth)
      case 0xdd:
        return this.#items(this.#size(4), depth)
      case 0xde:
        return this.#fields(this.#size(2), depth)
      case 0xdf:
        return this.#fields(this.#size(4), depth)
      default:
        throw new Refusal("a MessagePack format that this codec does not use")
    }
  }
}

/** Throws a `Refusal` unless the payload is one value that is safe to read; says whether any of it is tagged. */
export const scan = (payload: Uint8Array): boolean => {
  const scanned = new Scan(payload)
  scanned.value(0)
  if (scanned.position !== payload.length) throw new Refusal("bytes after the value")
  return scanned.tagged
}
