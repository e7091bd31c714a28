/**
 * `npm run example`: runs the service until Ctrl-C ends it. `PORT` sets its port (by default a free one), `REDIS_URL`
 * its Redis (by default it caches in memory).
 */
import { HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { createServer } from "node:http"
import { redisFromEnv, ServiceLive, whereFromEnv } from "./service.js"

const Greeting = Layer.effectDiscard(
  HttpServer.addressFormattedWith((url) =>
    Effect.flatMap(whereFromEnv, (where) =>
      Console.log(
        `The nearest cities are at ${url} and cached ${where}. Try:

  curl '${url}/nearest?lat=48.8566&lon=2.3522'             the five cities nearest to the middle of Paris
  curl '${url}/nearest?lat=48.8571&lon=2.3541'             a neighbour: the same answer, from the cache
  curl '${url}/nearest?lat=48.8566&lon=2.3522&cache=off'   the same answer, computed
  curl '${url}/nearest?lat=north&lon=2.3522'               a bad request, and why it is one
  curl '${url}/stats'                                      hits, misses, loads

Ctrl-C ends it.`
      ))
  )
)

const Main = Greeting.pipe(
  Layer.provideMerge(ServiceLive),
  Layer.provide(NodeHttpServer.layerConfig(createServer, {
    host: Config.succeed("127.0.0.1"),
    port: Config.withDefault(Config.port("PORT"), 0)
  })),
  Layer.provide(redisFromEnv("cities:"))
)

NodeRuntime.runMain(Layer.launch(Main))
