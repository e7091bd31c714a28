/** Credentials that are read for every connection: to each master, and to the nodes that are asked for the map. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Option } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { open, until } from "../../support/onRedis.js"
import { patientTimeout, startCluster } from "../../support/redisCluster.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const cluster = await startCluster(patientTimeout)
afterAll(() => cluster.stop())

const things = Cache.make({ name: "things" })
const pairs = Array.from({ length: 30 }, (_, i) => [`${i}`, `${i}`] as const)

const onAll = (...command: readonly [string, ...ReadonlyArray<string>]) =>
  Effect.promise(() =>
    Promise.all(cluster.nodes.map(({ client }) => client.call(...command as [string, ...Array<string>])))
  )

describe("credentials on a cluster", () => {
  it.scopedLive("are read for every connection, whatever the password was before", () =>
    Effect.gen(function*() {
      yield* onAll("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
      let password = "one"
      let asked = 0
      const credentials = Effect.sync(() => (asked++, { username: "app", password }))
      const layer = RedisLayer.layerCluster(cluster.addresses, { prefix: uniquePrefix(), credentials })
      const { run } = yield* open(layer)
      yield* run(Cache.setMany(things, pairs))
      const before = asked
      assert.isAtLeast(before, 3)

      password = "two"
      yield* onAll("ACL", "SETUSER", "app", "resetpass", ">two")
      yield* onAll("CLIENT", "KILL", "USER", "app")
      yield* until(Effect.map(Effect.option(run(Cache.setMany(things, pairs))), Option.isSome))
      assert.isAtLeast(asked, before + 3)
      assert.strictEqual((yield* run(Cache.getMany(things, pairs.map(([key]) => key)))).size, pairs.length)
    }))

  it.scopedLive("that cannot be read fail the layer", () =>
    Effect.gen(function*() {
      const lost = new Error("no token")
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(
        RedisLayer.layerCluster(cluster.addresses, { credentials: Effect.fail(lost) })
      )))
      const error = Cause.squash(exit._tag === "Failure" ? exit.cause : Cause.empty) as CacheError.RedisError
      assert.strictEqual(error.reason, "Auth")
      assert.match(error.message, /no credentials: no token/)
    }))
})
