/** Credentials that are read for every connection to the master that sentinels name. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { client, open, until } from "../../support/onRedis.js"
import { startSentinel } from "../../support/redisSentinel.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const sentinel = await startSentinel(1)
afterAll(() => sentinel.stop())

const things = Cache.make({ name: "things" })

describe("credentials behind sentinels", () => {
  it.scopedLive("are read again after the master was replaced", () =>
    Effect.gen(function*() {
      const clients = yield* Effect.forEach(sentinel.servers, ({ url }) => client(url))
      const onAll = (...rule: ReadonlyArray<string>) =>
        Effect.promise(() => Promise.all(clients.map((each) => each.acl("SETUSER", "app", ...rule))))
      yield* onAll("on", ">one", "~*", "&*", "+@all")
      let password = "one"
      let asked = 0
      const credentials = Effect.sync(() => (asked++, { username: "app", password }))
      const { run } = yield* open(RedisLayer.layer({ ...sentinel.options, prefix: uniquePrefix(), credentials }))
      yield* run(Cache.set(things, "a", "1"))
      assert.strictEqual(asked, 1)
      password = "two"
      yield* onAll("resetpass", ">two")
      yield* Effect.promise(() => sentinel.settled())
      yield* Effect.promise(() => sentinel.failover())
      yield* until(Effect.map(Effect.option(run(Cache.set(things, "a", "2"))), Option.isSome))
      yield* until(
        Effect.map(
          Effect.option(run(Cache.get(things, "a"))),
          (got) => Option.isSome(Option.flatten(got)) && asked >= 2
        )
      )
    }), 60_000)
})
