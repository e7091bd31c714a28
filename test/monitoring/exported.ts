/** What a program that uses every kind of operation passes to the exporters of `@effect/opentelemetry`. */
import * as OtelMetrics from "@effect/opentelemetry/Metrics"
import * as OtelResource from "@effect/opentelemetry/Resource"
import * as OtelTracer from "@effect/opentelemetry/Tracer"
import { DataPointType, type MetricData, MetricReader } from "@opentelemetry/sdk-metrics"
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor
} from "@opentelemetry/sdk-trace-base"
import { Effect, Fiber, Layer, Logger, LogLevel, Schema } from "effect"
import { Cache, Codec, RedisLayer } from "effect-redis-cache"
import { until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

class Reader extends MetricReader {
  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
}

export interface Exported {
  readonly metrics: ReadonlyArray<MetricData>
  readonly spans: ReadonlyArray<ReadableSpan>
  /** The address of the Redis. */
  readonly port: number
}

const text = Codec.structural<string>()
const users = Cache.make({ name: "users", codec: text, timeToLive: "1 minute", near: { capacity: 2 } })
const pages = Cache.make({ name: "pages", codec: text, near: { maxBytes: 10_000 } })
const teams = Cache.make({ name: "teams", codec: text, tags: () => ["team"], onRedisError: "bypass" })

const prices = Cache.make({
  name: "prices",
  codec: text,
  timeToLive: "1 milli",
  staleWhileRevalidate: "1 minute",
  maxConcurrentRefreshes: 1
})

const use = Effect.gen(function*() {
  yield* Cache.setMany(users, { a: "1", b: "2", c: "3" })
  yield* Cache.set(pages, "a", "1")
  yield* until(
    Effect.map(Cache.stats(users), ({ nearHits }) => nearHits > 0).pipe(
      Effect.zipLeft(Effect.forEach(["a", "b", "c", "c"], (key) => Cache.get(users, key))),
      Effect.zipLeft(Cache.get(pages, "a"))
    )
  )
  yield* Cache.getOrSet(teams, "a", Effect.succeed("1"))
  yield* Effect.ignore(Cache.getOrSet(teams, "b", Effect.fail("no")))
  yield* Cache.getMany(teams, ["a", "b"])
  yield* Cache.invalidateTags(teams, ["team"])
  yield* Cache.delete(users, "a")
  // A load of another caller while an update holds its key.
  const held = yield* Effect.makeLatch()
  const other = yield* Effect.fork(held.whenOpen(Cache.getOrSet(users, "a", Effect.succeed("1"))))
  yield* Cache.invalidating(Effect.zipRight(held.open, Fiber.join(other)), users, ["a"])
  // Two callers of one load; a write in the middle of a load; an entry of another codec.
  yield* Effect.all([1, 2].map(() => Cache.getOrSet(users, "d", Effect.as(Effect.yieldNow(), "4"))), { concurrency: 2 })
  yield* Cache.getOrSet(users, "e", Effect.as(Cache.set(users, "e", "5"), "6"))
  yield* Cache.get(Cache.make({ name: "users", schema: Schema.Number }), "b")
  // Refreshes of two keys when only one may run at a time.
  yield* Cache.setMany(prices, { a: "1", b: "2" })
  yield* until(Effect.map(
    Effect.zipRight(
      Effect.forEach(["a", "b"], (key) => Cache.getOrSet(prices, key, Effect.delay(Effect.succeed("3"), "20 millis"))),
      Cache.stats(prices)
    ),
    ({ skippedRefreshes, staleServed }) => skippedRefreshes > 0 && staleServed > 0
  ))
})

/** An outage: unanswered commands, a circuit that opens, a lost connection. */
const outage = (server: RedisServer.RedisServer) =>
  Effect.gen(function*() {
    yield* Cache.invalidating(Effect.sync(() => server.pause()), users, ["a"])
    yield* Effect.forEach(Array.from({ length: 12 }), (_, i) => Cache.get(teams, String(i)), { concurrency: 12 })
    yield* until(Effect.map(Effect.either(Cache.get(users, "z")), (read) =>
      read._tag === "Left" && read.left._tag === "RedisError" && read.left.reason === "CircuitOpen"))
    yield* Effect.promise(() =>
      server.stop()
    )
  })

const metricsOf = (reader: Reader): Effect.Effect<ReadonlyArray<MetricData>> =>
  Effect.map(
    Effect.promise(() => reader.collect()),
    ({ resourceMetrics }) =>
      resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).filter(({ descriptor }) =>
        /^(cache|db)\./.test(descriptor.name)
      )
  )

/** A whole day in short: normal use, and an outage at its end. */
export const exported: Effect.Effect<Exported> = Effect.scoped(Effect.gen(function*() {
  const reader = new Reader()
  const spans = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const telemetry = Layer.merge(
    OtelMetrics.layer(() => reader),
    OtelTracer.layer.pipe(Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)))
  ).pipe(
    Layer.provide(OtelResource.layer({ serviceName: "test" })),
    Layer.merge(Logger.minimumLogLevel(LogLevel.None))
  )
  const server = yield* RedisServer.make()
  const redis = RedisLayer.layerTraced.pipe(
    Layer.provide(RedisLayer.layer({ url: server.url, commandTimeout: "200 millis" }))
  )
  const program = Effect.gen(function*() {
    yield* use
    yield* outage(server)
    yield* until(Effect.map(metricsOf(reader), (metrics) => valueOf(metrics, "cache.connection.down") === 1))
    return yield* metricsOf(reader)
  })
  const metrics = yield* Effect.orDie(Effect.provide(program, Layer.merge(redis, telemetry)))
  return { metrics, spans: spans.getFinishedSpans(), port: server.port }
}))

/** The sum of a metric's points; for a histogram, the count of its observations. */
export const valueOf = (metrics: ReadonlyArray<MetricData>, name: string): number | undefined => {
  const found = metrics.find(({ descriptor }) => descriptor.name === name)
  if (found === undefined) return undefined
  return found.dataPointType === DataPointType.HISTOGRAM
    ? found.dataPoints.reduce((sum, { value }) => sum + value.count, 0)
    : found.dataPoints.reduce((sum, { value }) => sum + Number(value), 0)
}

/** The names that Prometheus has for a metric, as OpenTelemetry's collector and its exporter produce them. */
export const prometheusNames = ({ dataPointType, descriptor, ...data }: MetricData): ReadonlyArray<string> => {
  const base = descriptor.name.replaceAll(".", "_") + (descriptor.unit === "s" ? "_seconds" : "")
  if (dataPointType === DataPointType.HISTOGRAM) return ["bucket", "sum", "count"].map((part) => `${base}_${part}`)
  return "isMonotonic" in data && data.isMonotonic ? [`${base}_total`] : [base]
}
