/** Times in which servers may have forgotten what they acknowledged. */

/** Between two monotonic times (`now`, in ms), both included. */
export interface Window {
  readonly from: number
  readonly to: number
}

/**
 * What a master acknowledged so long before it was lost may not have reached its replica, in ms. Redis's replication
 * takes milliseconds here; what is lost that is older would be a mistake of ours.
 */
export const replicationWindow = 1_000

export const inWindow = (windows: ReadonlyArray<Window>, at: number): boolean =>
  windows.some(({ from, to }) => from <= at && at <= to)
