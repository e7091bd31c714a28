/** Listeners to changes in the store. */

/**
 * Is told of changes in the order in which they took place, synchronously: whatever is asked afterwards knows of them.
 * A listener that takes long keeps the others waiting.
 */
export interface Listener {
  /** This key was written, deleted, evicted, or has expired; or a lease on it was taken, prolonged or released. */
  changed(key: string): void
  /** Every key may have changed, since the server was emptied. */
  changedAll(): void
  /** Changes are not told any more, until it resumes. */
  lost(): void
  /** From now on every change is reported. Earlier changes may have been missed. */
  resumed(): void
}
