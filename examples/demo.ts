/**
 * `npm run demo`: a tour of the cache, then the service under load, with the cache and without. It caches in memory, or
 * on the Redis of `REDIS_URL`. Finally, three processes of it share a Redis of their own, which has an outage.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Array, Console, Data, Duration, Effect, Layer, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { randomUUID } from "node:crypto"
import { cities } from "./cities.js"
import { fleet } from "./fleet/fleet.js"
import { nearest, redisFromEnv, ServiceLive, whereFromEnv } from "./service.js"
import { tour } from "./tour.js"
import {
  cityCount,
  connect,
  findDifference,
  LoopbackLive,
  measure,
  type Measurement,
  requests,
  uncached
} from "./traffic.js"

class WrongAnswer extends Data.TaggedError("WrongAnswer")<{ readonly message: string }> {}

/** 3000 as 3,000. */
const group = (count: number): string => count.toLocaleString("en")

const milliseconds = (duration: Duration.Duration): string => `${Duration.toMillis(duration).toFixed(1)} ms`

const heading = ["", "requests", "p50", "p99", "per second", "hits", "misses", "loads", "coalesced"]

const row = (name: string, { counts, elapsed, p50, p99, requests }: Measurement): ReadonlyArray<string> => [
  name,
  group(requests),
  milliseconds(p50),
  milliseconds(p99),
  group(Math.round(perSecond({ counts, elapsed, p50, p99, requests }))),
  group(counts.hits),
  group(counts.misses),
  group(counts.loads),
  group(counts.coalesced)
]

const perSecond = ({ elapsed, requests }: Measurement): number => requests / Duration.toSeconds(elapsed)

const printRow = ([name = "", ...cells]: ReadonlyArray<string>) =>
  Console.log(`    ${name.padEnd(26)}${cells.map((cell) => cell.padStart(11)).join("")}`)

const concurrency = 8

const service = Effect.gen(function*() {
  const client = yield* connect
  const queries = yield* requests(3_000, "demo")
  const sample = Array.take(queries, 200)
  const newPlace = Array.replicate({ lat: -77.85, lon: 166.67 }, 50)

  // A first run that does not count, so that Node's initial compilation distorts no figure.
  yield* measure(client, sample.map(uncached), concurrency)
  const none = yield* measure(client, sample.map(uncached), concurrency)
  const cold = yield* measure(client, queries, concurrency)
  const warm = yield* measure(client, queries, concurrency)
  const single = yield* measure(client, Array.take(queries, 500), 1)
  const crowd = yield* measure(client, newPlace, newPlace.length)
  yield* Effect.forEach([
    heading,
    row("without the cache", none),
    row("cached, empty at first", cold),
    row("cached, the same again", warm),
    row("the same, one at a time", single),
    row(`one new place, ${newPlace.length} at once`, crowd)
  ], printRow)

  const times = (perSecond(warm) / perSecond(none)).toFixed(0)
  yield* Console.log(`
    The cache took p50 from ${milliseconds(none.p50)} to ${milliseconds(warm.p50)} and p99 from ${
    milliseconds(none.p99)
  } to ${milliseconds(warm.p99)}, and ${times} times as many requests are answered.
    The second pass is hits alone, and ${concurrency} of them at a time wait for one another on one thread. In the first most
    of the ${concurrency} waited for a load, and left the thread to the few hits: so its p50 may even be the lower one. One at a
    time, a hit takes ${milliseconds(single.p50)}, HTTP included.`)

  const different = yield* findDifference(client, sample)
  if (Option.isSome(different)) {
    return yield* new WrongAnswer({
      message: `Cached and computed answers to ${JSON.stringify(different.value)} differ`
    })
  }
  yield* Console.log(`\n    ${sample.length} answers from the cache compared with computed ones: all are the same.`)
}).pipe(
  Effect.ensuring(Effect.ignore(Cache.flush(nearest.cache)))
)

const demo = Effect.gen(function*() {
  yield* Console.log(`effect-redis-cache, caching ${yield* whereFromEnv}\n\nTHE WALRUS TOUR`)
  yield* tour
  yield* Console.log(`
A SERVICE: the five nearest of ${group(cities.length)} cities, by a full scan

    Requests go over HTTP to this machine, ${concurrency} at a time. They come from around the ${
    group(cityCount)
  } largest
    cities: the second is asked for half as often as the first, the third a third as often, and so on (Zipf).
    Each one is a hit, a load (computed, and cached), or coalesced: it joins the load of another.
`)
  yield* service
  yield* Console.log(`
A FLEET: three processes of the service on one Redis, which stands still for three seconds

    Each has four visitors, which ask again 50 ms after each answer, and publishes what its cache counts. The command
    line shows all of them.
`)
  yield* fleet
})

const Main = ServiceLive.pipe(
  Layer.provideMerge(LoopbackLive),
  // A prefix of its own: on a Redis that other programs use, this run meets none of their entries.
  Layer.provideMerge(redisFromEnv(`demo-${randomUUID()}:`))
)

demo.pipe(
  Effect.provide(Main),
  Effect.timed,
  Effect.flatMap(([elapsed]) => Console.log(`\nDone in ${Duration.toSeconds(elapsed).toFixed(0)} seconds.`)),
  NodeRuntime.runMain
)
