/** Requests as people would send them, over HTTP, and how long they took. */
import { HttpApiClient, HttpServer } from "@effect/platform"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Array, Duration, Effect, Layer, Order, Random, Schema } from "effect"
import { createServer } from "node:http"
import { Api, Nearest, type Query, type Stats } from "./api.js"
import { cities, type City } from "./cities.js"

/** A server on a free port of this machine's own, and a client that keeps its connections. */
export const LoopbackLive = Layer.merge(
  NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }),
  NodeHttpClient.layerUndici
)

/** A client of the service, derived from its definition. */
export const connect = HttpServer.addressFormattedWith((baseUrl) => HttpApiClient.make(Api, { baseUrl }))

export type Client = Effect.Effect.Success<typeof connect>

const largest = Array.sort(cities, Order.mapInput(Order.reverse(Order.number), (city: City) => city.population))

/** Where requests come from: from this many of the largest cities. */
export const cityCount = 1_000

/** Zipf's law: the second city is requested half as often as the first one, the third one a third as often … */
const sums = Array.scan(Array.range(1, cityCount), 0, (sum, rank) => sum + 1 / rank)

const city = Effect.map(
  Random.nextRange(0, sums[cityCount]!),
  (chance) => largest[sums.findIndex((sum) => sum > chance) - 1]!
)

/** People are never at the exact center: they are some hundred meters from there. */
const aside = Random.nextRange(-0.002, 0.002)

const request: Effect.Effect<Query> = Effect.gen(function*() {
  const { lat, lon } = yield* city
  return { lat: lat + (yield* aside), lon: lon + (yield* aside) }
})

/** The same ones for the same seed. */
export const requests = (count: number, seed: string): Effect.Effect<ReadonlyArray<Query>> =>
  Effect.withRandom(Effect.replicateEffect(request, count), Random.make(seed))

export interface Measurement {
  readonly requests: number
  readonly elapsed: Duration.Duration
  /** The time within which half of the requests were answered. */
  readonly p50: Duration.Duration
  /** The time within which 99 of 100 requests were answered. */
  readonly p99: Duration.Duration
  /** What the cache counted meanwhile. */
  readonly counts: Pick<Stats, "hits" | "misses" | "loads" | "coalesced">
}

/** Of a sorted list. */
const percentile = (sorted: ReadonlyArray<Duration.Duration>, percent: number): Duration.Duration =>
  sorted[Math.ceil(sorted.length * percent / 100) - 1] ?? Duration.zero

/** Sends requests, this many at a time, and reports the results. */
export const measure = (client: Client, queries: ReadonlyArray<Query>, concurrency: number) =>
  Effect.gen(function*() {
    const before = yield* client.stats()
    const [elapsed, latencies] = yield* Effect.forEach(
      queries,
      (urlParams) => Effect.map(Effect.timed(client.nearest({ urlParams })), ([latency]) => latency),
      { concurrency }
    ).pipe(Effect.timed)
    const after = yield* client.stats()
    const sorted = Array.sort(latencies, Duration.Order)
    const measurement: Measurement = {
      requests: queries.length,
      elapsed,
      p50: percentile(sorted, 50),
      p99: percentile(sorted, 99),
      counts: {
        hits: after.hits - before.hits,
        misses: after.misses - before.misses,
        loads: after.loads - before.loads,
        coalesced: after.coalesced - before.coalesced
      }
    }
    return measurement
  })

/** The same request, computed whatever is cached. */
export const uncached = (query: Query): Query => ({ ...query, cache: "off" })

const isSame = Schema.equivalence(Nearest)

/** A request whose cached answer differs from the computed one, if there is one. */
export const findDifference = (client: Client, queries: ReadonlyArray<Query>) =>
  Effect.findFirst(queries, (query) =>
    Effect.zipWith(
      client.nearest({ urlParams: query }),
      client.nearest({ urlParams: uncached(query) }),
      (cached, computed) => !isSame(cached, computed)
    ))
