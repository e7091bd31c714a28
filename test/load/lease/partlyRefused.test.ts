/**
 * A batch of keys on several servers, one of which is skipped because it fails: the leases that the others granted are
 * released.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer } from "effect"
import { Cache, Redis, RedisLayer } from "effect-redis-cache"
import { makeService } from "../../../src/internal/cache/runtime.js"
import { partialRefusal, refusal } from "../../../src/internal/driver/breaker.js"
import { clean, nothingLeft } from "../memoryInstances.js"

describe("a batch whose keys lie on several servers", () => {
  for (const onRedisError of ["fail", "bypass"] as const) {
    it.scoped(`${onRedisError}: no lease remains if one server is skipped because its breaker is open`, () =>
      Effect.gen(function*() {
        const users = Cache.make({ name: "users", onRedisError })
        const memory = Context.get(yield* Layer.build(RedisLayer.layerMemory), Redis.Redis)
        const { driver } = memory
        const isAway = ({ key }: { readonly key: string }) => key === "users:away"
        const refused = partialRefusal(refusal("lease"))
        const service = yield* makeService({
          ...driver,
          lease: (requests, kind) =>
            requests.some(isAway)
              ? Effect.zipRight(
                driver.lease(requests.filter((request) => !isAway(request)), kind),
                Effect.fail(refused)
              )
              : driver.lease(requests, kind)
        })
        const loaded = yield* Effect.exit(
          Cache.getOrSetMany(users, ["42", "away"], (keys) => Effect.succeed(keys.map((key) => [key, 1] as const)))
        ).pipe(Effect.provideService(Redis.Redis, service))
        assert.strictEqual(Exit.isSuccess(loaded), onRedisError === "bypass")
        assert.deepStrictEqual(yield* nothingLeft(service, "users:42"), clean)
      }))
  }
})
