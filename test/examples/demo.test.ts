/** The example service and its tour, in this process and in memory. Their output is for people: see `npm run demo`. */
import { HttpApiError, HttpClient, HttpClientResponse, HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { cities, nearestCities } from "../../examples/cities.js"
import { nearest, ServiceLive } from "../../examples/service.js"
import { tour } from "../../examples/tour.js"
import { connect, findDifference, LoopbackLive, measure, requests, uncached } from "../../examples/traffic.js"

const Live = Layer.provideMerge(ServiceLive, LoopbackLive)

/** A service of its own for each test, under the live clock: requests go through sockets. */
const withService = Effect.provide(Layer.provideMerge(Live, RedisLayer.layerMemory))

const get = (path: string) => HttpServer.addressFormattedWith((url) => HttpClient.get(url + path))

const paris = { lat: 48.8566, lon: 2.3522 }

const loads = Effect.map(Cache.stats(nearest.cache), (stats) => stats.loads)

describe("the example service", () => {
  it.effect("finds the same cities as a sort of all distances", () =>
    Effect.gen(function*() {
      // Another formula than the example's: the angle between two vectors.
      const vector = ({ lat, lon }: { readonly lat: number; readonly lon: number }) => {
        const [phi, lambda] = [lat * Math.PI / 180, lon * Math.PI / 180]
        return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)] as const
      }
      for (const place of [paris, { lat: -17.8, lon: 179.99 }, { lat: 89.9, lon: 0 }, { lat: 0, lon: 0 }]) {
        const [x, y, z] = vector(place)
        const expected = cities
          .map((city) => {
            const [x2, y2, z2] = vector(city)
            return 2 * 6371 * Math.asin(Math.min(1, Math.hypot(x - x2, y - y2, z - z2) / 2))
          })
          .sort((a, b) => a - b)
          .slice(0, 5)
        const found = yield* nearestCities(place, 5)
        assert.strictEqual(found.length, 5)
        found.forEach(({ kilometers }, i) => assert.closeTo(kilometers, expected[i]!, 1e-6))
      }
    }))

  it.live("answers with the nearest cities", () =>
    withService(Effect.gen(function*() {
      const client = yield* connect
      const answer = yield* client.nearest({ urlParams: paris })
      assert.deepStrictEqual(answer.cities[0], { name: "Paris", country: "FR", population: 2138551, kilometers: 0.7 })
      assert.strictEqual(answer.cities.length, 5)
      assert.deepStrictEqual(answer, yield* client.nearest({ urlParams: uncached(paris) }))
    })))

  it.live("loads once for repeated requests, for nearby places, and for concurrent requests", () =>
    withService(Effect.gen(function*() {
      const client = yield* connect
      const first = yield* client.nearest({ urlParams: paris })
      assert.deepStrictEqual(yield* client.nearest({ urlParams: paris }), first)
      assert.deepStrictEqual(yield* client.nearest({ urlParams: { lat: 48.8571, lon: 2.3541 } }), first)
      assert.strictEqual(yield* loads, 1)

      yield* Effect.replicateEffect(client.nearest({ urlParams: { lat: -77.85, lon: 166.67 } }), 30, {
        concurrency: "unbounded"
      })
      assert.strictEqual(yield* loads, 2)

      const stats = yield* client.stats()
      assert.strictEqual(stats.loads, 2)
      assert.strictEqual(stats.failures, 0)
      assert.isAbove(stats.hits, 1)
    })))

  it.live("computes without the cache if the request says so", () =>
    withService(Effect.gen(function*() {
      const client = yield* connect
      yield* client.nearest({ urlParams: uncached(paris) })
      yield* client.nearest({ urlParams: uncached(paris) })
      const { hits, loads, misses } = yield* client.stats()
      assert.deepStrictEqual({ hits, loads, misses }, { hits: 0, loads: 0, misses: 0 })
    })))

  it.live("shares the key of places that round alike, minus zero included", () =>
    withService(Effect.gen(function*() {
      assert.strictEqual(
        yield* nearest.key({ lat: -0.001, lon: 0.001 }),
        yield* nearest.key({ lat: 0.001, lon: -0.001 })
      )
      assert.notStrictEqual(yield* nearest.key(paris), yield* nearest.key({ ...paris, lat: 48.8666 }))
    })))

  it.live("refuses bad requests with 400, and says what is wrong", () =>
    withService(Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [path: string, wrong: ReadonlyArray<string>]> = [
        ["/nearest", ["lat", "lon"]],
        ["/nearest?lat=48.85", ["lon"]],
        ["/nearest?lat=north&lon=2", ["lat"]],
        ["/nearest?lat=&lon=2", ["lat"]],
        ["/nearest?lat=90.1&lon=-180.1", ["lat", "lon"]],
        ["/nearest?lat=NaN&lon=Infinity", ["lat", "lon"]],
        ["/nearest?lat=1&lat=2&lon=3", ["lat"]],
        ["/nearest?lat=1&lon=2&cache=maybe", ["cache"]]
      ]
      for (const [path, wrong] of bad) {
        const response = yield* get(path)
        assert.strictEqual(response.status, 400, path)
        assert.include(response.headers["content-type"], "application/json")
        const { issues, message } = yield* HttpClientResponse.schemaBodyJson(HttpApiError.HttpApiDecodeError)(response)
        assert.deepStrictEqual([...new Set(issues.map((issue) => String(issue.path[0])))], wrong, path)
        for (const name of wrong) assert.include(message, `["${name}"]`)
      }
      assert.strictEqual(yield* loads, 0)
      assert.strictEqual((yield* get("/elsewhere")).status, 404)
    })))

  it.live("answers without Redis", () =>
    Effect.gen(function*() {
      const client = yield* connect
      assert.strictEqual((yield* client.nearest({ urlParams: paris })).cities[0]?.name, "Paris")
    }).pipe(
      // No server listens on port 1.
      Effect.provide(Layer.provideMerge(Live, RedisLayer.layer({ host: "127.0.0.1", port: 1, lazy: true })))
    ))
})

describe("the traffic of the demonstration", () => {
  it.effect("is the same for the same seed, and follows Zipf's law", () =>
    Effect.gen(function*() {
      const some = yield* requests(2_000, "seed")
      assert.deepStrictEqual(some, yield* requests(2_000, "seed"))
      assert.notDeepEqual(some, yield* requests(2_000, "another"))

      const perCity = new Map<string, number>()
      for (const { lat, lon } of some) {
        const around = `${lat.toFixed(1)} ${lon.toFixed(1)}`
        perCity.set(around, (perCity.get(around) ?? 0) + 1)
      }
      const [first = 0, second = 0, third = 0] = [...perCity.values()].sort((a, b) => b - a)
      // A city is requested 2000 / (rank × 7.49) times: 267, 134, 89. These bounds are more than four deviations away.
      assert.isTrue(first > 200 && first < 340, `${first}`)
      assert.isTrue(second > 85 && second < 185, `${second}`)
      assert.isTrue(third > 50 && third < 135, `${third}`)
    }))

  it.live("is measured: fewer loads than requests, and the same answers", () =>
    withService(Effect.gen(function*() {
      const client = yield* connect
      const queries = yield* requests(200, "test")
      const { counts, p50, p99, requests: sent } = yield* measure(client, queries, 8)
      assert.strictEqual(sent, 200)
      assert.isTrue(Duration.lessThanOrEqualTo(p50, p99))
      assert.strictEqual(counts.hits + counts.loads + counts.coalesced, 200)
      const keys = yield* Effect.forEach(queries, (query) => nearest.key(query))
      assert.strictEqual(counts.loads, new Set(keys).size)
      assert.isBelow(counts.loads, 150)
      const again = yield* measure(client, queries, 8)
      assert.deepStrictEqual(again.counts, { hits: 200, misses: 0, loads: 0, coalesced: 0 })
      assert.isTrue(Option.isNone(yield* findDifference(client, queries.slice(0, 20))))
    })))

  it.live("is checked: a wrong answer in the cache is detected", () =>
    withService(Effect.gen(function*() {
      const client = yield* connect
      const right = yield* client.nearest({ urlParams: paris })
      yield* Cache.set(nearest.cache, [paris], { ...right, cities: right.cities.slice(1) })
      const found = yield* findDifference(client, [{ lat: 0, lon: 0 }, paris])
      assert.deepStrictEqual(found, Option.some(paris))
    })))
})

describe("the walrus tour", () => {
  it.live("behaves as walrus's documentation says", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      yield* tour.pipe(
        Effect.withConsole({
          ...(yield* Effect.console),
          log: (line: string) => Effect.sync(() => lines.push(line.trim()))
        }),
        Effect.provide(RedisLayer.layerMemory)
      )
      /** The lines printed beside a call, for each time that it was made. */
      const results = (call: string) =>
        lines.filter((line) => line.startsWith(`${call} `)).map((line) => line.slice(call.length).trim())
      const runs = (name: string) => lines.filter((line) => line === `· the body of ${name} runs`).length
      const times = (call: string) => results(call).map((result) => result.slice(0, 12))

      assert.deepStrictEqual(results(`Cache.get(greetings, "foo")`), ["bar", "nothing"])
      assert.deepStrictEqual(results(`Cache.getMany(greetings, ["k1", "k3", "kx"])`), ["k1 = v1, k3 = v3"])
      assert.deepStrictEqual(results(`Cache.deleteMany(greetings, ["k1", "kx"])`), ["1 deleted"])
      assert.deepStrictEqual(results(`Cache.keys(greetings)`), ["k2, k3"])
      assert.deepStrictEqual(results(`Cache.increment(visits, "home", 10)`), ["11"])

      const [first, second, anew] = times(`getTime("foo")`)
      assert.strictEqual(first, second)
      assert.notStrictEqual(first, anew)
      assert.deepStrictEqual(results(`getTime.bust("foo")`), ["true"])
      assert.strictEqual(runs("getTime"), 3)

      const [one, other] = times(`new WorldClock("Lima").now`)
      assert.strictEqual(one, other)
      assert.strictEqual(runs("WorldClock.now"), 3)

      assert.deepStrictEqual(results(`Pending.poll(pending)`), ["Empty: NotReady"])
      assert.deepStrictEqual(results(`Pending.within(pending, "200 millis")`), ["Empty: TimedOut"])
      const [now] = times(`Pending.within(pending, "2 seconds")`)
      assert.deepStrictEqual(times("yield* pending"), [now])
      assert.deepStrictEqual(times(`yield* (yield* getNow("foo"))`), [now])
      assert.strictEqual(runs("getNow"), 1)
    }))
})
