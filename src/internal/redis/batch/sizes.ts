/**
 * How large the values of each cache are, as far as answers and writes have told. What is asked for at once must be
 * answered within one time limit, and keeps whatever is asked for after it waiting as long: so it is bounded by the bytes
 * that its answer may come to.
 *
 * Nothing tells how large a value is before it is read, but asking for that first would cost each read as much again. So
 * a cache of which nothing is known is taken for one of large values, until its first answer; the largest value of each
 * answer counts, and is forgotten slowly. Where values are larger than any before, one answer may come late, and still
 * tells that they are.
 */

/** The most bytes of values that are asked for and not answered, as far as is known; more than that only for one value. */
export const maxExpected = 16 * 1024 * 1024

/** What a value is taken for of which nothing is known: 8 of them are read at once. */
const unknown = 2 * 1024 * 1024

/** So many caches are remembered. */
const maxKnown = 1_000

export class Sizes {
  /** By what keys of a cache begin with. */
  private readonly known = new Map<string, number>()
  /** The last that was looked up: keys of one cache come together. */
  private cache: string | undefined
  private size = unknown

  constructor(
    /** Of all keys. */
    private readonly prefix: string
  ) {}

  /** How many bytes the value of a key may have. */
  of(key: string): number {
    this.find(key)
    return this.size
  }

  /** One of them has so many bytes. */
  saw(key: string, bytes: number): void {
    this.find(key)
    if (bytes > this.size || !this.known.has(this.cache!)) this.set(bytes)
  }

  /** What a command with these keys, from its second word on, was answered with. */
  learn(command: ReadonlyArray<string>, values: ReadonlyArray<Uint8Array | null>): void {
    let at = 1
    while (at < command.length) {
      this.find(command[at]!)
      let largest = 0
      for (; at < command.length && command[at]!.startsWith(this.cache!); at++) {
        largest = Math.max(largest, values[at - 1]?.length ?? 0)
      }
      const isKnown = this.known.has(this.cache!)
      // That keys are absent says little of the others.
      if (largest > this.size || (!isKnown && largest > 0)) this.set(largest)
      else if (this.size > 0) this.set(isKnown ? this.size - Math.ceil((this.size - largest) / 4) : unknown / 8)
    }
  }

  private find(key: string): void {
    if (this.cache !== undefined && key.startsWith(this.cache)) return
    const end = key.indexOf(":", this.prefix.length)
    this.cache = end < 0 ? key : key.slice(0, end + 1)
    this.size = this.known.get(this.cache) ?? unknown
  }

  private set(size: number): void {
    this.size = size
    const cache = this.cache!
    if (!this.known.has(cache) && this.known.size === maxKnown) this.known.delete(this.known.keys().next().value!)
    this.known.set(cache, size)
  }
}
