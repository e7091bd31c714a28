/**
 * Which memoized function owns each name on one `Redis`: two functions with one name would get each other's results.
 */

/** How many names are kept before the names of collected functions are dropped. */
const firstSweep = 10_000

export class Claims {
  /**
   * Functions are held weakly. A collected function still bars its name: otherwise the garbage collector would decide
   * whether another function gets its results.
   */
  private readonly owners = new Map<string, WeakRef<object> | string>()
  private sweepAt = firstSweep

  get size(): number {
    return this.owners.size
  }

  /** Claims a name for a function, or for the text of one. Returns whether it was free or already the owner's. */
  claim(name: string, owner: object | string): boolean {
    const known = this.owners.get(name)
    if (known !== undefined) return (typeof known === "string" ? known : known.deref()) === owner
    if (this.owners.size >= this.sweepAt) this.sweep()
    this.owners.set(name, typeof owner === "string" ? owner : new WeakRef(owner))
    return true
  }

  /** A program that generates names without end must not leak memory; mistakes in its old names are then not found. */
  private sweep(): void {
    for (const [name, owner] of this.owners) {
      if (typeof owner === "string" || owner.deref() === undefined) this.owners.delete(name)
    }
    this.sweepAt = Math.max(firstSweep, 2 * this.owners.size)
  }
}
