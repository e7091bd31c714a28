/** Listeners to changes in the store. */

/**
 * Receives changes synchronously, in the order in which they took place: everything that runs afterwards can rely on
 * that. A slow listener keeps the others waiting.
 */
export interface Listener {
  /** This key was written, deleted, evicted, or has expired; or a lease on it was taken, prolonged or released. */
  changed(key: string): void
  /** Every key may have changed, since the server was emptied. */
  changedAll(): void
  /** Changes are not reported any more, until it resumes. */
  lost(): void
  /** From now on every change is reported. Earlier changes may have been missed. */
  resumed(): void
}
