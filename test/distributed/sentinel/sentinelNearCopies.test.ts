/** Near copies behind sentinels: after a failover, the feed listens to another server. */
import { describe, it } from "@effect/vitest"
import { Effect, Logger, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { nearCopies, untilCopied, users } from "../../contract/nearCopies.js"
import { client, open, until } from "../../support/onRedis.js"
import { startSentinel } from "../../support/redisSentinel.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const sentinel = await startSentinel()
afterAll(() => sentinel.stop())

nearCopies(
  "layer with sentinels",
  (prefix) => RedisLayer.layer({ ...sentinel.options, prefix }),
  client(sentinel.servers[0]!.url)
)

describe("near copies behind sentinels", () => {
  it.scopedLive("follow the master", () =>
    Effect.gen(function*() {
      const layer = RedisLayer.layer({ ...sentinel.options, prefix: uniquePrefix(), commandTimeout: "300 millis" })
      const { run } = yield* open(layer)
      const writer = yield* open(layer)
      const write = (value: unknown) =>
        until(Effect.map(Effect.either(writer.run(Cache.set(users, "42", value))), (done) => done._tag === "Right"))
      const reads = (value: unknown) =>
        until(Effect.map(
          Effect.option(run(Cache.get(users, "42"))),
          (found) => Option.getOrUndefined(Option.flatten(found)) === value
        ))
      yield* write(1)
      yield* untilCopied(users, "42", run)
      yield* Effect.promise(() => sentinel.failover())
      yield* write(2)
      yield* reads(2)
      yield* untilCopied(users, "42", run)
      yield* write(3)
      yield* reads(3)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))), 30_000)
})
