/**
 * How large values are, in caches that are known to have large ones. All values that are requested at once must be
 * answered within one time limit, and later commands wait for them: so the requests are bounded by the bytes that their
 * answers are expected to have.
 *
 * The size of a value is not known before it is read, and asking for it first would double the cost of each read. So
 * sizes are learned from writes and from answers, whether these came in time or not. Values below 64 kB do not count:
 * caches without larger ones cost one comparison.
 */

/** The most bytes of large values that are requested and not answered. Only a single value may exceed this. */
export const maxExpected = 16 * 1024 * 1024

/** A value of more bytes is large. */
export const large = 64 * 1024

/** The most caches that are remembered. */
const maxKnown = 1_000

export class Sizes {
  /** By the prefix of a cache's keys. */
  private readonly known = new Map<string, number>()

  /** @param prefix of all keys */
  constructor(private readonly prefix: string) {}

  /** Whether any cache is known to have large values. */
  get any(): boolean {
    return this.known.size > 0
  }

  /** How many bytes the value of a key may have; 0 if it is not known to be large. */
  of(key: string): number {
    return this.known.size === 0 ? 0 : this.known.get(this.cacheOf(key)) ?? 0
  }

  /** Learns the size of a value. */
  saw(key: string, bytes: number): void {
    if (bytes <= large) return
    const cache = this.cacheOf(key)
    if (bytes > (this.known.get(cache) ?? 0)) this.set(cache, bytes)
  }

  /** Learns from the answer to a command with these keys (from its second word on). Sizes are forgotten slowly. */
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
