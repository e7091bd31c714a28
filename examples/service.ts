/**
 * `GET /nearest?lat=…&lon=…`, memoized, and `GET /stats`.
 */
import { HttpApiBuilder } from "@effect/platform"
import { Config, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"
import { Api, Nearest } from "./api.js"
import { nearestCities, type Place } from "./cities.js"

/** About a kilometer. Adding 0 turns -0 into 0, because -0 would be another key. */
const round = (degrees: number): number => Math.round(degrees * 100) / 100 + 0

/** Nearby places share an answer. It has to fit all of them, so it is computed for the rounded place. */
const area = ({ lat, lon }: Place): Place => ({ lat: round(lat), lon: round(lon) })

/** The work that the cache saves: some milliseconds. */
export const computeNearest = (place: Place): Effect.Effect<Nearest> =>
  Effect.map(nearestCities(area(place), 5), (neighbours) => ({
    ...area(place),
    cities: neighbours.map(({ city: { country, name, population }, kilometers }) => ({
      name,
      country,
      population,
      kilometers: Math.round(kilometers * 10) / 10
    }))
  }))

/** The same, memoized. An answer's key in Redis is `nearest:("lat":48.86,"lon":2.35)`, after the layer's prefix. */
export const nearest = Memo.cached(computeNearest, {
  name: "nearest",
  key: area,
  schema: Nearest,
  timeToLive: "1 hour",
  // For a day after that, callers get the old answer at once, and a new one is computed in the background.
  staleWhileRevalidate: "1 day",
  // Without Redis every request computes: slower, but answered.
  onRedisError: "bypass",
  // One thread: two scans at a time would take twice as long each.
  maxConcurrentLoads: 1
})

const stats = Effect.map(Cache.stats(nearest.cache), ({ loadTime, ...counts }) => ({
  ...counts,
  meanLoadMillis: Duration.toMillis(loadTime.mean),
  maxLoadMillis: Duration.toMillis(loadTime.max)
}))

const CitiesLive = HttpApiBuilder.group(Api, "cities", (handlers) =>
  handlers
    .handle("nearest", ({ urlParams: { cache, ...place } }) =>
      cache === "off"
        ? computeNearest(place)
        // With "bypass" there is no RedisError left; the other one, that an answer cannot be stored, would be a bug.
        : nearest(place).pipe(Effect.catchTag("CodecError", Effect.die)))
    .handle("stats", () => stats))

/** The service, on any `Redis` and `HttpServer`. */
export const ServiceLive = HttpApiBuilder.serve().pipe(
  Layer.provide(HttpApiBuilder.api(Api)),
  Layer.provide(CitiesLive)
)

const redisUrl = Config.option(Config.redacted(Config.nonEmptyString("REDIS_URL")))

/** On the Redis that `REDIS_URL` names; in memory without it. */
export const redisFromEnv = (prefix: string) =>
  Layer.unwrapEffect(Effect.map(
    redisUrl,
    Option.match({
      onNone: () => RedisLayer.layerMemory,
      onSome: (url) => RedisLayer.layer({ url: Redacted.value(url), prefix })
    })
  ))

/** Where the entries are, in words. */
export const whereFromEnv = Effect.map(
  redisUrl,
  Option.match({ onNone: () => "in memory (REDIS_URL is not set)", onSome: () => "on the Redis of REDIS_URL" })
)
