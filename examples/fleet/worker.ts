/**
 * A process of the service, with visitors of its own that send their next request shortly after each answer. On
 * request, it reports how long answers took. It ends with the process that started it.
 */
import { Cause, Duration, Effect, Exit, Layer, Logger, LogLevel, Random } from "effect"
import { RedisLayer } from "effect-redis-cache"
import { ServiceLive } from "../service.js"
import { connect, LoopbackLive, requests } from "../traffic.js"

/** How long each request took in ms since the last report, and how many failed. */
export interface Told {
  readonly millis: ReadonlyArray<number>
  readonly failed: number
}

const visitors = 4

/** Between an answer and the next request. */
const pause = "50 millis"

const { REDIS_URL: url = "", WORKER: name = "" } = process.env

const work = Effect.gen(function*() {
  const client = yield* connect
  // All processes are asked for the same places.
  const queries = yield* requests(400, "fleet")
  let millis: Array<number> = []
  let failed = 0
  process.on("message", () => {
    process.send?.({ millis, failed } satisfies Told)
    millis = []
    failed = 0
  })
  let next = yield* Random.nextIntBetween(0, queries.length)
  const ask = Effect.suspend(() => client.nearest({ urlParams: queries[next++ % queries.length]! })).pipe(
    Effect.timed,
    Effect.exit,
    Effect.map((exit) => {
      if (Exit.isSuccess(exit)) millis.push(Duration.toMillis(exit.value[0]))
      else if (!Cause.isInterrupted(exit.cause)) failed++
    })
  )
  yield* Effect.replicateEffect(Effect.forever(Effect.zipRight(ask, Effect.sleep(pause))), visitors, {
    concurrency: "unbounded"
  })
})

const Main = ServiceLive.pipe(
  Layer.provideMerge(LoopbackLive),
  Layer.provideMerge(RedisLayer.layer({
    url,
    prefix: "fleet:",
    commandTimeout: "250 millis",
    publish: { every: "1 second", name }
  }))
)

process.once("disconnect", () => process.exit(0))

// The demo says that Redis is unreachable beside `top`, instead of three processes at a time.
Effect.runFork(work.pipe(Effect.provide(Main), Logger.withMinimumLogLevel(LogLevel.None)))
