/** What near copies count, as metrics: how many there are, and how many made room for others. */
import type * as MetricLabel from "effect/MetricLabel"
import * as CacheMetrics from "../../CacheMetrics.js"

/** Of one cache. It outlives the copies, so that what they were can be taken off when they are gone. */
export class NearFigures {
  private entries = 0
  private bytes = 0

  constructor(private readonly labels: ReadonlyArray<MetricLabel.MetricLabel>) {}

  /** Sets how many there are now. */
  size(entries: number, bytes: number): void {
    if (entries !== this.entries) {
      CacheMetrics.nearEntries.unsafeUpdate(entries - this.entries, this.labels)
      this.entries = entries
    }
    if (bytes !== this.bytes) {
      CacheMetrics.nearBytes.unsafeUpdate(bytes - this.bytes, this.labels)
      this.bytes = bytes
    }
  }

  evicted(): void {
    CacheMetrics.nearEvictions.unsafeUpdate(1, this.labels)
  }
}
