/** All that the first page shows, as plain JSON. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import type { ServerReport } from "../fleet/servers.js"
import type * as Stats from "../fleet/stats.js"
import type { Overview, Rates, Server } from "./answers.js"
import type { Census } from "./census.js"
import type { Settings } from "./options.js"
import type { Sampler } from "./sampler.js"

const millis = (duration: Option.Option<Duration.Duration>): number | null =>
  Option.getOrNull(Option.map(duration, Duration.toMillis))

const figures = ({ hitRatio, loadTime, perSecond }: Stats.Rates): Rates => ({
  hits: perSecond.hits,
  near: perSecond.nearHits,
  misses: perSecond.misses,
  writes: perSecond.writes,
  loads: perSecond.loads,
  failed: perSecond.failures,
  stale: perSecond.staleServed,
  joined: perSecond.coalesced,
  bypassed: perSecond.bypassed,
  undecodable: perSecond.undecodable,
  held: perSecond.held,
  hitRatio: Option.getOrNull(hitRatio),
  p50: millis(Option.map(loadTime, ({ p50 }) => p50)),
  p99: millis(Option.map(loadTime, ({ p99 }) => p99))
})

/** What of `INFO` the page shows. */
const server = ({ address, clockOffset, info, roundTrip }: ServerReport): Server => {
  const field = (name: string): string | null => Either.isRight(info) ? info.right.get(name) ?? null : null
  const amount = (name: string): number | null => field(name) === null ? null : Number(field(name))
  return {
    address: Option.getOrNull(address),
    version: field("valkey_version") ?? field("redis_version"),
    uptime: amount("uptime_in_seconds"),
    role: field("role"),
    memory: amount("used_memory"),
    maxMemory: amount("maxmemory"),
    policy: field("maxmemory_policy"),
    evicted: amount("evicted_keys"),
    clients: amount("connected_clients"),
    operations: amount("instantaneous_ops_per_sec"),
    roundTrip: millis(roundTrip),
    clockOffset: Option.getOrNull(clockOffset)
  }
}

export const overview = (
  { caches, title, token }: Settings,
  sampler: Sampler,
  census: Census
): Effect.Effect<Overview, never, Redis> =>
  Effect.gen(function*() {
    const { driver, runtime } = yield* baseRedis
    yield* sampler.watch
    const [surveyed, servers] = yield* Effect.all([census.survey.get, census.servers.get], { concurrency: 2 })
    const { failingSince, failure, points, processes, rates, ratios } = sampler.sampled
    const summaries = new Map(surveyed.value?.caches.map((summary) => [summary.name, summary]))
    const names = new Set([...caches.keys(), ...rates.keys(), ...summaries.keys()])
    return {
      title,
      prefix: driver.prefix,
      at: driver.unsafeNow(yield* Effect.clock),
      actions: token !== undefined,
      connection: {
        failure: failure ?? null,
        failingSince: failingSince ?? null,
        circuit: driver.breaker === undefined ? null : driver.breaker.open ? "open" : "closed",
        tracking: runtime.feed.isLinked
      },
      servers: failure === undefined ? servers.value?.map(server) ?? [] : [],
      survey: {
        at: surveyed.at === 0 ? null : surveyed.at,
        complete: surveyed.value?.complete ?? null,
        foreign: surveyed.value?.foreign ?? null,
        failure: surveyed.failure ?? null
      },
      points,
      processes: processes.map((process) => ({
        id: process.id,
        name: process.name,
        startedAt: process.startedAt,
        publishedAt: process.publishedAt,
        every: Duration.toMillis(process.every),
        loading: process.loading,
        caches: process.caches.size
      })),
      caches: [...names].map((name) => {
        const summary = summaries.get(name)
        const rate = rates.get(name)
        const known = caches.get(name)
        return {
          name,
          keys: summary?.keys ?? (surveyed.value?.complete === true ? 0 : null),
          tags: summary?.tags ?? 0,
          memory: summary === undefined ? null : Option.getOrNull(summary.memory),
          sample: summary === undefined ? null : {
            keys: summary.sample.keys,
            states: summary.sample.states,
            versions: summary.sample.versions,
            lives: summary.sample.lives.map((life) => Duration.isFinite(life) ? Duration.toMillis(life) : null)
          },
          ratios: ratios.get(name) ?? [],
          rates: rate === undefined ? null : figures(rate),
          policy: known === undefined ? null : known.cache.toJSON(),
          refreshes: known?.refresh !== undefined
        }
      })
    }
  })
