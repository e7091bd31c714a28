/** `Cache.stats`: what a cache has counted in this process. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Redis } from "../../Redis.js"
import { bindBase } from "../cache/bind.js"
import type { CacheDefinition } from "../definition/definition.js"
import { printing } from "../definition/show.js"

/**
 * The figures of a cache in this process, on this `Redis`.
 */
export interface Stats {
  readonly hits: number
  /** Of those hits, how many were served from near copies. */
  readonly nearHits: number
  /** Reads that found nothing fresh; callers that joined a running load are among them. */
  readonly misses: number
  readonly writes: number
  /** Computations that ended, in any way. */
  readonly loads: number
  /** Callers that joined a load that was running. */
  readonly coalesced: number
  readonly staleServed: number
  /** Computations that failed, died or were interrupted. */
  readonly failures: number
  /** Loaded values that were not stored, since the key was written, deleted or invalidated meanwhile. */
  readonly refusedFills: number
  /** Stored values that could not be decoded. */
  readonly undecodable: number
  /** Operations that went on without Redis because it failed. */
  readonly bypassed: number
  /** Background refreshes that did not begin, since `maxConcurrentRefreshes` were under way. */
  readonly skippedRefreshes: number
  /** Loads that stored nothing, since an update of the source held the key or one of its tags. */
  readonly barredLoads: number
  /** Updates of the source that `Cache.invalidating` has run. */
  readonly updates: number
  /** How many of their ends Redis did not do, or not as requested: see `docs/guides/updates.md`. */
  readonly failedEnds: number
  /** Keys and tags that updates of this process hold at present. */
  readonly held: number
  /** Values deleted, by `delete`, `take` and `flush`. */
  readonly deletes: number
  /** Tags invalidated. */
  readonly invalidations: number
  /**
   * Keys to be removed as soon as Redis answers, since it has missed a change of them: see
   * `docs/operations/outages.md`. A tag counts as a key, and the first tag of a cache as another one.
   */
  readonly remembered: number
  readonly loadTime: { readonly mean: Duration.Duration; readonly max: Duration.Duration }
}

export const stats = <Key, Value>(definition: CacheDefinition<Key, Value>): Effect.Effect<Stats, never, Redis> =>
  Effect.withFiberRuntime((fiber) => {
    const { recorder, runtime } = bindBase(fiber, definition, "stats")
    return Effect.succeed(printing({
      hits: recorder.hits,
      nearHits: recorder.nearHits,
      misses: recorder.misses,
      writes: recorder.writes,
      loads: recorder.loads,
      coalesced: recorder.coalesced,
      staleServed: recorder.staleServed,
      failures: recorder.loadFailures,
      refusedFills: recorder.refusedFills,
      undecodable: recorder.undecodable,
      bypassed: recorder.bypassed,
      skippedRefreshes: recorder.skippedRefreshes,
      barredLoads: recorder.barredLoads,
      updates: recorder.updates,
      failedEnds: recorder.failedEnds,
      held: recorder.held,
      deletes: recorder.deletes,
      invalidations: recorder.invalidations,
      remembered: runtime.recovery.remembered.count(definition.name),
      loadTime: {
        mean: Duration.millis(recorder.loads === 0 ? 0 : recorder.loadMillis / recorder.loads),
        max: Duration.millis(recorder.longestLoadMillis)
      }
    }))
  })
