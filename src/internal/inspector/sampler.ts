/**
 * The figures of all caches, sampled every two seconds and kept for a quarter of an hour, so that a page that is opened
 * has a history. Sampling stops some time after the last request, so it costs nothing while no page is open. A gap
 * stays a gap.
 *
 * The figures of processes are stored in Redis, and stop with it. Then there are only those of this process, and the
 * page says so.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Redis } from "../../Redis.js"
import { baseRedis, bind } from "../cache/bind.js"
import { type Counts, toCounts } from "../fleet/counts.js"
import { type FleetStats, type ProcessStats, type Rates, rates, stats } from "../fleet/stats.js"
import type { Point } from "./answers.js"
import type { AnyDefinition } from "./options.js"

const everyMillis = 2_000
const keptMillis = 15 * 60_000
/** How long sampling goes on after the last request. */
const watchedMillis = 15 * 60_000
/** Rates cover this many samples: processes publish every few seconds, and not in step. */
const span = 5

export interface Sampled {
  readonly points: ReadonlyArray<Point>
  readonly processes: ReadonlyArray<ProcessStats>
  readonly rates: ReadonlyMap<string, Rates>
  /** The history of each cache's hit ratio. */
  readonly ratios: ReadonlyMap<string, ReadonlyArray<number | null>>
  /** Why the published figures could not be read. */
  readonly failure: string | undefined
  readonly failingSince: number | undefined
}

const here = "this process"

const isDefined = <A>(value: A | undefined): value is A => value !== undefined

const sumOf = (all: Iterable<Counts>, field: "hits" | "nearHits" | "misses" | "staleServed" | "loads" | "failures") => {
  let sum = 0
  for (const counts of all) sum += counts[field]
  return sum
}

/** A percentile of many caches' loads cannot be derived from theirs; the slowest cache's is on the safe side. */
const slowest = (all: ReadonlyMap<string, Rates>, which: "p50" | "p99"): number | null => {
  const times = [...all.values()].map(({ loadTime }) => Option.getOrUndefined(loadTime)).filter(isDefined)
  return times.length === 0 ? null : Math.max(...times.map((time) => Duration.toMillis(time[which])))
}

export class Sampler {
  private points: Array<Point> = []
  private samples: Array<FleetStats> = []
  private readonly ratios = new Map<string, Array<number | null>>()
  private latest: ReadonlyMap<string, Rates> = new Map()
  private failure: string | undefined
  private failingSince: number | undefined
  private watchedAt = -Infinity
  private sampledAt = -Infinity

  constructor(private readonly definitions: ReadonlyArray<AnyDefinition>) {}

  get sampled(): Sampled {
    const { failingSince, failure, latest, points, ratios, samples } = this
    return {
      points,
      processes: samples.at(-1)?.processes ?? [],
      rates: latest,
      ratios,
      failure,
      failingSince
    }
  }

  /** A page makes a request. The last sample may be old. */
  readonly watch: Effect.Effect<void, never, Redis> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    this.watchedAt = now
    return now - this.sampledAt > 3 * everyMillis ? this.sample(now) : Effect.void
  })

  readonly run: Effect.Effect<never, never, Redis> = Effect.forever(
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const next = Effect.sleep(everyMillis)
      return now - this.watchedAt > watchedMillis ? next : Effect.zipRight(this.sample(now), next)
    })
  )

  private sample(now: number): Effect.Effect<void, never, Redis> {
    return Effect.gen(this, function*() {
      // After a pause, rates would cover the whole pause.
      if (now - this.sampledAt > 3 * everyMillis) this.samples = []
      this.sampledAt = now
      const [took, told] = yield* Effect.timed(Effect.either(stats))
      const own = yield* this.own(now)
      if (Either.isRight(told)) {
        this.failure = undefined
        this.failingSince = undefined
      } else {
        this.failure = told.left.message
        this.failingSince ??= now
      }
      const published = Either.isRight(told) ? told.right.processes : []
      const at = Either.isRight(told) ? told.right.at : now
      // If this process publishes its figures, it is among the others.
      const processes = own === undefined ? published : [...published, own]
      const sample: FleetStats = { at, processes, caches: new Map() }
      this.samples = [...this.samples.slice(-span), sample]
      if (this.samples.length < 2) return
      this.latest = rates(this.samples)
      this.keep(now, Either.isRight(told) ? Duration.toMillis(took) : null)
    })
  }

  /** The figures of this process for the page's caches, unless it publishes them. */
  private own(now: number): Effect.Effect<ProcessStats | undefined, never, Redis> {
    return Effect.map(baseRedis, ({ runtime }) => {
      if (runtime.tally !== undefined || this.definitions.length === 0) return undefined
      return {
        id: here,
        name: here,
        startedAt: performance.timeOrigin,
        publishedAt: now,
        every: Duration.millis(everyMillis),
        loading: 0,
        mark: "",
        caches: this.counted
      }
    }).pipe(Effect.zipLeft(this.count))
  }

  private counted: ReadonlyMap<string, Counts> = new Map()

  private readonly count: Effect.Effect<void, never, Redis> = Effect.withFiberRuntime((fiber) => {
    this.counted = new Map(this.definitions.map((definition) => {
      const { recorder } = bind(fiber, definition, "stats")
      const fields = recorder as unknown as Readonly<Record<string, number>> // those that are asked for are numbers
      return [definition.name, toCounts((field) => fields[field], [...recorder.loadTimes])]
    }))
    return Effect.void
  })

  private keep(at: number, roundTrip: number | null): void {
    const all = [...this.latest.values()].map(({ perSecond }) => perSecond)
    const hits = sumOf(all, "hits")
    const near = sumOf(all, "nearHits")
    const stale = sumOf(all, "staleServed")
    const misses = sumOf(all, "misses")
    this.points = [...this.points.filter((point) => at - point.at < keptMillis), {
      at,
      near,
      redis: Math.max(0, hits - near),
      stale,
      misses,
      loads: sumOf(all, "loads"),
      failed: sumOf(all, "failures"),
      hitRatio: hits + misses > 0 ? hits / (hits + misses) : null,
      p50: slowest(this.latest, "p50"),
      p99: slowest(this.latest, "p99"),
      roundTrip
    }]
    for (const [name, { hitRatio }] of this.latest) {
      this.ratios.set(name, [...(this.ratios.get(name) ?? []).slice(-90), Option.getOrNull(hitRatio)])
    }
  }
}
