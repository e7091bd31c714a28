/**
 * How large the values of caches are that are known to have large ones. What is asked for at once must be answered within
 * one time limit, and keeps whatever is asked for after it waiting as long: so it is bounded by the bytes that its answers
 * are known to come to.
 *
 * Nothing tells how large a value is before it is read, and asking for that first would cost each read as much again. So it
 * is learned from what is written and from what is answered, in time or not. Values below 64 kB count as nothing: caches
 * that have no others cost one comparison.
 */

/** The most bytes of large values that are asked for and not answered; more than that only for one value. */
export const maxExpected = 16 * 1024 * 1024

/** A value of more bytes is large. */
export const large = 64 * 1024

/** So many caches are remembered. */
const maxKnown = 1_000

export class Sizes {
  /** By what keys of a cache begin with. */
  private readonly known = new Map<string, number>()

  /** @param prefix of all keys */
  constructor(private readonly prefix: string) {}

  /** Whether any cache is known to have large values. */
  get any(): boolean {
    return this.known.size > 0
  }

  /** How many bytes the value of a key may have; 0: it is not known to be large. */
  of(key: string): number {
    return this.known.size === 0 ? 0 : this.known.get(this.cacheOf(key)) ?? 0
  }

  /** A value has so many bytes. */
  saw(key: string, bytes: number): void {
    if (bytes <= large) return
    const cache = this.cacheOf(key)
    if (bytes > (this.known.get(cache) ?? 0)) this.set(cache, bytes)
  }

  /** What a command with these keys, from its second word on, was answered with: how large they are is forgotten slowly. */
  learn(command: ReadonlyArray<string>, values: ReadonlyArray<Uint8Array | null | undefined>): void {
    for (let at = 1; at < command.length;) {
      const cache = this.cacheOf(command[at]!)
      let largest = 0
      for (; at < command.length && command[at]!.startsWith(cache); at++) {
        largest = Math.max(largest, values[at - 1]?.length ?? 0)
      }
      const size = this.known.get(cache) ?? 0
      this.set(cache, Math.max(largest, size - Math.ceil((size - largest) / 4)))
    }
  }

  private cacheOf(key: string): string {
    const end = key.indexOf(":", this.prefix.length)
    return end < 0 ? key : key.slice(0, end + 1)
  }

  private set(cache: string, size: number): void {
    this.known.delete(cache)
    if (size <= large) return
    if (this.known.size === maxKnown) this.known.delete(this.known.keys().next().value!)
    this.known.set(cache, size)
  }
}
