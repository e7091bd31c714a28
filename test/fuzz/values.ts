/** Values that bytes stand for, so that a fuzzer of bytes is also a fuzzer of values. Any bytes stand for a value. */
import { Chunk, Data, Duration, Either, HashMap, HashSet, List, Option, PrimaryKey } from "effect"

class Point {
  constructor(readonly x: unknown, readonly y: unknown) {}
}

class Keyed {
  constructor(private readonly id: string) {}

  [PrimaryKey.symbol]() {
    return this.id
  }
}

class Tagged extends Data.TaggedClass("Tagged")<{ readonly a: unknown }> {}

/** Few of them, so that the same ones recur: the fuzzer searches for different values with the same key. */
const names = [
  "a",
  "b",
  "a:b",
  "\"",
  "\\",
  ",",
  "(",
  ")",
  "{",
  "}",
  "",
  "0",
  "1",
  "1n",
  "None",
  "\ud800",
  "😀",
  "\n",
  "é"
]

const numbers = [0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53, 1e21, 1e-7, 42]

const deepest = 6

const mostNodes = 200

export class Reader {
  private at = 0
  private nodes = 0

  constructor(private readonly bytes: Uint8Array) {}

  byte(): number {
    return this.bytes[this.at++] ?? 0
  }

  /** Of the remaining bytes. */
  rest(): Uint8Array {
    const rest = this.bytes.subarray(Math.min(this.at, this.bytes.length))
    this.at = this.bytes.length
    return rest
  }

  text(): string {
    const head = this.byte()
    if (head < 0xc0) return names[head % names.length]!
    let text = ""
    for (let i = head & 0x1f; i >= 0; i--) {
      const unit = this.byte()
      // Occasionally half a surrogate pair, or a character that is special in JSON.
      text += unit < 0x80 ? String.fromCharCode(unit) : unit < 0xc0 ? names[unit % names.length]! : String.fromCharCode(
        0xd700 + unit * 8
      )
    }
    return text
  }

  private values(depth: number): Array<unknown> {
    return Array.from({ length: this.byte() % 5 }, () => this.value(depth + 1))
  }

  private entries(depth: number): Array<[unknown, unknown]> {
    return Array.from({ length: this.byte() % 4 }, () => [this.value(depth + 1), this.value(depth + 1)])
  }

  private record(depth: number, into: object): object {
    for (let i = this.byte() % 4; i > 0; i--) {
      const value = this.value(depth + 1)
      const name = this.byte() === 0xff ? "__proto__" : this.text()
      Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true })
    }
    return into
  }

  private numbers(): Array<number> {
    return Array.from({ length: this.byte() % 4 }, () => this.byte())
  }

  value(depth = 0): unknown {
    const kind = this.byte() % 32
    if (depth > deepest || ++this.nodes > mostNodes) return kind
    switch (kind) {
      case 0:
      case 1:
      case 2:
        return this.text()
      case 3:
        return numbers[this.byte() % numbers.length]
      case 4:
        return this.byte()
      case 5:
        return BigInt(this.byte()) * (this.byte() % 2 === 0 ? 1n : -(2n ** 62n))
      case 6:
        return [true, false, null, undefined][this.byte() % 4]
      case 7:
      case 8:
      case 9:
        return this.values(depth)
      case 10: {
        const holed = this.values(depth)
        holed.length += this.byte() % 3
        if (holed.length > 0 && this.byte() % 2 === 0) delete holed[this.byte() % holed.length]
        return holed
      }
      case 11:
      case 12:
      case 13:
        return this.record(depth, {})
      case 14:
        return this.record(depth, Object.create(null) as object)
      case 15:
        return Data.struct({ a: this.value(depth + 1) })
      case 16:
        return Data.array(this.values(depth))
      case 17:
        return new Map(this.entries(depth))
      case 18:
        return new Set(this.values(depth))
      case 19:
        return new Date(this.byte() === 0xff ? NaN : this.byte() * 1e10)
      case 20:
        return new RegExp(["a", "(?:)", "\\/", "[{}]"][this.byte() % 4]!, ["", "g", "gi"][this.byte() % 3])
      case 21:
        return new URL(`http://h/${encodeURIComponent(String(this.byte()))}`)
      case 22:
        switch (this.byte() % 6) {
          case 0:
            return Uint8Array.from(this.numbers())
          case 1:
            return Buffer.from(this.numbers())
          case 2:
            return Int16Array.from(this.numbers())
          case 3:
            return Float64Array.from(this.numbers())
          case 4:
            return Uint8Array.from(this.numbers()).buffer
          default:
            return BigInt64Array.from(this.numbers(), BigInt)
        }
      case 23:
        return this.byte() % 3 === 0 ? Option.none() : Option.some(this.value(depth + 1))
      case 24:
        return this.byte() % 2 === 0 ? Either.left(this.value(depth + 1)) : Either.right(this.value(depth + 1))
      case 25:
        return Chunk.fromIterable(this.values(depth))
      case 26:
        return this.byte() % 2 === 0 ? Duration.millis(this.byte()) : Duration.nanos(BigInt(this.byte()) * 500_000n)
      case 27:
        return HashMap.fromIterable(this.entries(depth))
      case 28:
        return HashSet.fromIterable(this.values(depth))
      case 29:
        return List.fromIterable(this.values(depth))
      case 30:
        return new Keyed(this.text())
      default:
        return this.byte() % 2 === 0
          ? new Point(this.value(depth + 1), this.value(depth + 1))
          : new Tagged({ a: this.value(depth + 1) })
    }
  }
}
