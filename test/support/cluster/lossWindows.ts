/** Times in which servers may have lost what they acknowledged. */

/** Between two monotonic times (`now`, in ms), both included. */
export interface Window {
  readonly from: number
  readonly to: number
}

/**
 * Writes that a master acknowledged this long before it was lost may not have reached its replica, in ms. Redis
 * replicates within milliseconds here; the loss of an older write would be the library's mistake.
 */
export const replicationWindow = 1_000

export const inWindow = (windows: ReadonlyArray<Window>, at: number): boolean =>
  windows.some(({ from, to }) => from <= at && at <= to)
