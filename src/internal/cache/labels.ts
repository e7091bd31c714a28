/** The labels of the metrics of caches: their names, as long as there are not too many. */
import * as MetricLabel from "effect/MetricLabel"

/** The most names with metrics of their own. Each takes about ten series wherever metrics are kept. */
export const maxNames = 1_000

/** The name that all further caches share. A cache with this very name is counted together with them. */
export const otherName = "(other)"

/** They must be the very same arrays at every update: metrics find their counters by the arrays' identity. */
export interface Labels {
  readonly redis: ReadonlyArray<MetricLabel.MetricLabel>
  readonly near: ReadonlyArray<MetricLabel.MetricLabel>
}

const labelsOf = (cache: string): Labels => {
  const label = MetricLabel.make("cache", cache)
  return {
    redis: [label, MetricLabel.make("tier", "redis")],
    near: [label, MetricLabel.make("tier", "near")]
  }
}

/** The labels of the caches on one `Redis`. */
export class CacheLabels {
  private readonly known = new Map<string, Labels>()
  private other: Labels | undefined
  private warned = false

  of(name: string): Labels {
    const known = this.known.get(name)
    if (known !== undefined) return known
    if (this.known.size < maxNames) {
      const labels = labelsOf(name)
      this.known.set(name, labels)
      return labels
    }
    return this.other ??= labelsOf(otherName)
  }

  /** Whether a cache had to do without a name of its own, and no warning was logged yet. */
  warn(): boolean {
    if (this.warned || this.other === undefined) return false
    return this.warned = true
  }
}
