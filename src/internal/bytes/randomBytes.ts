/** Random bytes from a pool, so that a write id costs a copy and not a system call. */

const poolSize = 4096

export class RandomBytes {
  private readonly pool = new Uint8Array(poolSize)
  private used = poolSize

  /** Fills `size` bytes of `bytes` from `at` on. */
  fill(bytes: Uint8Array, at: number, size: number): void {
    if (this.used + size > poolSize) {
      globalThis.crypto.getRandomValues(this.pool)
      this.used = 0
    }
    for (let i = 0; i < size; i++) bytes[at + i] = this.pool[this.used++]!
  }

  make(size: number): Uint8Array {
    const bytes = new Uint8Array(size)
    this.fill(bytes, 0, size)
    return bytes
  }

  /** A number from 0 to 1, 1 left out. */
  fraction(): number {
    const bytes = this.make(4)
    return (((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0) / 0x1_0000_0000
  }
}
