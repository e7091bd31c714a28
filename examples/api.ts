/** The service's API, as a value: the server implements it, and the demonstration derives its client from it. */
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
import { Schema } from "effect"

const degrees = (name: string, limit: number) =>
  Schema.NumberFromString.pipe(
    Schema.between(-limit, limit),
    Schema.annotations({
      message: () => ({ message: `${name} must be a number of degrees from -${limit} to ${limit}`, override: true })
    })
  )

export const Query = Schema.Struct({
  lat: degrees("lat", 90),
  lon: degrees("lon", 180),
  cache: Schema.optionalWith(Schema.Literal("on", "off"), { exact: true })
}).annotations({ identifier: "Query", parseOptions: { errors: "all" } })

export type Query = typeof Query.Type

export const Nearest = Schema.Struct({
  lat: Schema.Number,
  lon: Schema.Number,
  cities: Schema.Array(Schema.Struct({
    name: Schema.String,
    country: Schema.String,
    population: Schema.Number,
    kilometers: Schema.Number
  }))
})

export type Nearest = typeof Nearest.Type

export const Stats = Schema.Struct({
  hits: Schema.Number,
  misses: Schema.Number,
  loads: Schema.Number,
  coalesced: Schema.Number,
  staleServed: Schema.Number,
  failures: Schema.Number,
  meanLoadMillis: Schema.Number,
  maxLoadMillis: Schema.Number
})

export type Stats = typeof Stats.Type

/** Invalid requests are answered with 400, and JSON that says what was wrong. */
export const Api = HttpApi.make("Cities").add(
  HttpApiGroup.make("cities", { topLevel: true })
    .add(
      HttpApiEndpoint.get("nearest", "/nearest")
        .setUrlParams(Query)
        .addSuccess(Nearest)
    )
    .add(HttpApiEndpoint.get("stats", "/stats").addSuccess(Stats))
)
