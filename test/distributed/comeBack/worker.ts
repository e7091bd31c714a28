/** A process that drops its writes while Redis stands still. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as Cache from "../../../src/Cache.js"
import { Redis } from "../../../src/Redis.js"
import * as RedisLayer from "../../../src/RedisLayer.js"
import { answering } from "../../support/processes/answering.js"
import { now } from "../../support/processes/now.js"
import type { ComeBackProtocol } from "./protocol.js"

const users = Cache.make({ name: "users", timeToLive: "1 hour", onRedisError: "bypass" })
const page = 10_000

const scope = Effect.runSync(Scope.make())
let redis: Context.Context<Redis> | undefined

const run = <A, E>(effect: Effect.Effect<A, E, Redis>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(redis!), Logger.withMinimumLogLevel(LogLevel.None)))

const remembered = Effect.map(Cache.stats(users), (stats) => stats.remembered)

const madeGood = Effect.gen(function*() {
  let [longestRead, failures] = [0, 0]
  while ((yield* remembered) > 0) {
    const began = now()
    yield* Cache.get(users, "other")
    longestRead = Math.max(longestRead, now() - began)
    failures = (yield* Cache.stats(users)).bypassed
    yield* Effect.sleep("5 millis")
  }
  return { at: now(), longestRead, failures }
})

answering<ComeBackProtocol>(async (request) => {
  switch (request.op) {
    case "connect": {
      const layer = RedisLayer.layer({ url: request.url })
      redis = await Effect.runPromise(
        Layer.buildWithScope(layer, scope).pipe(Logger.withMinimumLogLevel(LogLevel.None))
      )
      Context.get(redis, Redis)
      return undefined
    }
    case "write": {
      const keys = Array.from({ length: request.count }, (_, i) => `k${request.from + i}`)
      // Until the circuit is open: from then on, writes are dropped at once.
      await run(Effect.forEach(Array.from({ length: 20 }), () => Cache.get(users, "other"), {
        concurrency: "unbounded",
        discard: true
      }))
      for (let at = 0; at < keys.length; at += page) {
        await run(Cache.setMany(users, keys.slice(at, at + page).map((key) => [key, "new"] as const)))
      }
      return run(remembered)
    }
    case "madeGood":
      return run(madeGood)
  }
})
