import { Permits } from "./permits.js"

/** How many are remembered before unused ones are looked for. */
const fewest = 100

/**
 * The permits of caches with a bound. Caches with the same name and bound share them, as they share their entries. They
 * are held weakly: the caches hold them, and the loads that have a permit or wait for one; those of caches made on the
 * fly disappear with the caches.
 */
export class SharedPermits {
  private readonly shared = new Map<string, WeakRef<Permits>>()
  private sweepAt = fewest

  /** How many are remembered, for leak hunts. */
  get size(): number {
    return this.shared.size
  }

  of(cache: string, most: number): Permits {
    const key = `${cache}:${most}`
    const known = this.shared.get(key)?.deref()
    if (known !== undefined) return known
    if (this.shared.size >= this.sweepAt) this.sweep()
    const permits = new Permits(most)
    this.shared.set(key, new WeakRef(permits))
    return permits
  }

  private sweep(): void {
    for (const [key, ref] of this.shared) if (ref.deref() === undefined) this.shared.delete(key)
    this.sweepAt = Math.max(fewest, 2 * this.shared.size)
  }
}
