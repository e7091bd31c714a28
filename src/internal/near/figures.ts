/** The metrics of near copies: how many there are, and how many made room for others. */
import type * as MetricLabel from "effect/MetricLabel"
import * as CacheMetrics from "../../CacheMetrics.js"

/** The figures of one cache. They outlive the copies, so that these can be subtracted when they are gone. */
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
