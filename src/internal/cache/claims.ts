/**
 * Whose each name is, of the functions that are memoized on one `Redis`: two of one name would be given each other's
 * results.
 */

/** How many names are kept before those are dropped whose functions are gone. */
const firstSweep = 10_000

export class Claims {
  /**
   * Functions are held weakly. What is left of one that is gone still bars its name: else it would hang on the garbage
   * collector whether another function gets its results.
   */
  private readonly owners = new Map<string, WeakRef<object> | string>()
  private sweepAt = firstSweep

  get size(): number {
    return this.owners.size
  }

  /** Claims a name for a function, or for the text of one; tells whether it was free or the owner's already. */
  claim(name: string, owner: object | string): boolean {
    const known = this.owners.get(name)
    if (known !== undefined) return (typeof known === "string" ? known : known.deref()) === owner
    if (this.owners.size >= this.sweepAt) this.sweep()
    this.owners.set(name, typeof owner === "string" ? owner : new WeakRef(owner))
    return true
  }

  /** Programs that make up names without end find no mistakes in old ones, and leak nothing. */
  private sweep(): void {
    for (const [name, owner] of this.owners) {
      if (typeof owner === "string" || owner.deref() === undefined) this.owners.delete(name)
    }
    this.sweepAt = Math.max(firstSweep, 2 * this.owners.size)
  }
}
