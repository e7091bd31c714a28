/** The figures of a process that is killed, which cannot remove them itself. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Fleet as FleetOf, RedisLayer } from "effect-redis-cache"
import { until } from "../../support/onRedis.js"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import * as Fleet from "./fleet.js"

layer(Fleet.layer, { excludeTestServices: true })("a process that publishes and is killed", (it) => {
  it.scoped("is not counted any more once its report has expired; the other processes are", () =>
    Effect.gen(function*() {
      const fleet = yield* Fleet.Fleet
      const prefix = uniquePrefix()
      const on = { url: sharedRedisUrl(), prefix }
      const workers = yield* fleet.connect(3, {
        ...on,
        publish: { every: 300 },
        cache: { name: "users", timeToLive: 60_000 }
      })
      const stats = Effect.provide(FleetOf.stats, RedisLayer.layer(on))
      const misses = Effect.map(stats, ({ caches }) => caches.get("users")?.misses)
      yield* Fleet.everyone(workers, () => ({ op: "get", key: "absent" }))
      yield* until(Effect.map(misses, (found) => found === 3))
      yield* workers[0]!.kill
      yield* until(Effect.map(misses, (found) => found === 2))
      assert.strictEqual((yield* stats).processes.length, 2)
      // The live processes go on publishing: what they count later shows, too.
      yield* workers[1]!.ask({ op: "get", key: "absent" })
      yield* until(Effect.map(misses, (found) => found === 3))
    }))
})
