/** Credentials that are read for every connection, while passwords change and the effect that gives them fails. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Effect, Layer, Logger, Option, Redacted } from "effect"
import type { Redis } from "effect-redis-cache"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"
import { client, open, until } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"

const things = Cache.make({ name: "things" })
const copied = Cache.make({ name: "copied", near: { capacity: 10 } })

class TokenError extends Data.TaggedError("TokenError")<{ readonly message: string }> {}

/** A server with a user whose password can be changed, and an effect that knows the current one. */
const guarded = Effect.gen(function*() {
  const server = yield* RedisServer.make({
    acl: ["user default on nopass ~* &* +@all", "user app on >one ~* &* +@all"]
  })
  const beside = yield* client(server.url)
  const state = { password: "one", asked: 0 }
  return {
    state,
    address: { host: "127.0.0.1", port: server.port },
    credentials: Effect.sync((): RedisLayer.Credentials => {
      state.asked++
      return { username: "app", password: Redacted.make(state.password) }
    }),
    /** Existing connections stay. */
    change: (password: string) => Effect.promise(() => beside.acl("SETUSER", "app", "resetpass", `>${password}`)),
    cut: Effect.promise(async () => {
      for (const type of ["NORMAL", "PUBSUB"]) await beside.call("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes")
    }),
    users: Effect.map(
      Effect.promise(() => beside.client("LIST")),
      (list) => new Set(String(list).split("\n").flatMap((line) => /user=(\w+)/.exec(line)?.[1] ?? []))
    )
  }
})

const failing = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.flip(Effect.scoped(Layer.build(layer)))

const causeOf = (error: CacheError.RedisError): unknown => error.cause instanceof Error ? error.cause.cause : undefined

describe("credentials", () => {
  it.scopedLive("are read for every connection: a password may change while others live", () =>
    Effect.gen(function*() {
      const { address, change, credentials, cut, state } = yield* guarded
      const { run, service } = yield* open(RedisLayer.layer({ ...address, credentials }))
      yield* run(Cache.set(copied, "a", "1"))
      assert.deepStrictEqual(yield* run(Cache.get(copied, "a")), Option.some("1"))
      yield* service.runtime.near.feed.start
      assert.strictEqual(state.asked, 2)

      state.password = "two"
      yield* change("two")
      assert.deepStrictEqual(yield* run(Cache.get(copied, "a")), Option.some("1"))
      assert.strictEqual(state.asked, 2)
      yield* cut
      yield* until(Effect.map(Effect.option(run(Cache.set(copied, "a", "2"))), Option.isSome))
      yield* until(Effect.sync(() => service.runtime.near.feed.isLinked))
      assert.deepStrictEqual(yield* run(Cache.get(copied, "a")), Option.some("2"))
      assert.isAtLeast(state.asked, 4)
    }))

  it.scopedLive("that come late give callers an error, and later callers a connection", () =>
    Effect.gen(function*() {
      const { address, change, credentials, cut, state } = yield* guarded
      const { run } = yield* open(RedisLayer.layer({ ...address, credentials }))
      yield* run(Cache.set(things, "a", "1"))
      yield* change("two")
      yield* cut
      yield* until(Effect.map(Effect.flip(run(Cache.get(things, "a"))), ({ message }) => /WRONGPASS/.test(message)))
      state.password = "two"
      yield* until(Effect.map(Effect.option(run(Cache.get(things, "a"))), Option.isSome))
    }))

  it.scopedLive("that cannot be read fail the layer with their own error", () =>
    Effect.gen(function*() {
      const { address } = yield* guarded
      const expired = new TokenError({ message: "the role has no such secret" })
      const error = yield* failing(RedisLayer.layer({ ...address, credentials: Effect.fail(expired) }))
      assert.strictEqual(error.reason, "Auth")
      assert.match(error.message, /no credentials: the role has no such secret/)
      assert.strictEqual(causeOf(error), expired)
      const died = yield* failing(RedisLayer.layer({ ...address, credentials: Effect.die(new Error("oh")) }))
      assert.match(died.message, /no credentials: oh/)
      assert.strictEqual(died.reason, "Auth")
    }))

  it.scopedLive("that cannot be read at a reconnection are reported, once in the log, and read again", () =>
    Effect.gen(function*() {
      const { address, credentials, cut } = yield* guarded
      let broken = false
      const lines: Array<string> = []
      const logging = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void lines.push(String(message)))
      )
      const { run } = yield* Effect.provide(
        open(RedisLayer.layer({
          ...address,
          credentials: Effect.suspend(() => broken ? Effect.fail(new TokenError({ message: "no token" })) : credentials)
        })),
        logging
      )
      yield* run(Cache.set(things, "a", "1"))
      broken = true
      yield* cut
      yield* until(Effect.map(Effect.flip(run(Cache.get(things, "a"))), ({ message }) => /no token/.test(message)))
      broken = false
      yield* until(Effect.map(Effect.option(run(Cache.get(things, "a"))), Option.isSome))
      assert.lengthOf(lines.filter((line) => /not connected/.test(line)), 1)
      assert.lengthOf(lines.filter((line) => /connected again/.test(line)), 1)
    }))

  it.scopedLive("that never come fail the layer within connectTimeout, and end when the layer closes", () =>
    Effect.gen(function*() {
      const { address } = yield* guarded
      let interrupted = 0
      const credentials = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const error = yield* failing(RedisLayer.layer({ ...address, credentials, connectTimeout: "200 millis" }))
      assert.match(error.message, /no answer within 200 ms/)
      const patient = RedisLayer.layer({
        ...address,
        credentials,
        lazy: true,
        connectTimeout: "1 minute",
        commandTimeout: 50
      })
      yield* Effect.scoped(Effect.flatMap(open(patient), ({ run }) => Effect.flip(run(Cache.get(things, "a")))))
      yield* until(Effect.sync(() => interrupted >= 2))
    }))

  it.scopedLive("may need services, and are read by a lazy layer when it is first used", () =>
    Effect.gen(function*() {
      class Vault extends Context.Tag("Vault")<Vault, RedisLayer.Credentials>() {}
      const { address, state, users } = yield* guarded
      const layer = RedisLayer.layer({ ...address, credentials: Vault, lazy: true })
      const { run } = yield* open(Layer.provide(layer, Layer.succeed(Vault, { username: "app", password: "one" })))
      yield* run(Cache.set(things, "a", "1"))
      assert.isTrue((yield* users).has("app"))
      assert.strictEqual(state.asked, 0)
    }))

  it.scopedLive("are those of the default user if there is no username", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "s3cret" })
      const { run } = yield* open(
        RedisLayer.layer({ host: "127.0.0.1", port: server.port, credentials: Effect.succeed({ password: "s3cret" }) })
      )
      yield* run(Cache.set(things, "a", "1"))
    }))

  it.live("that are empty, or given twice, are refused", () =>
    Effect.gen(function*() {
      const good = Effect.succeed({ username: "app", password: "one" })
      const cases: ReadonlyArray<readonly [RegExp, RedisLayer.Options]> = [
        [/must have a password/, { credentials: Effect.succeed({ username: "app" } as never) }],
        [/must have a password/, { credentials: Effect.succeed({ password: "" }) }],
        [/must have a password/, { credentials: Effect.succeed(undefined as never) }],
        [/their username must be a non-empty string/, {
          credentials: Effect.succeed({ username: "", password: "one" })
        }],
        [/credentials must be an Effect/, { credentials: { username: "app", password: "one" } as never }],
        [/leave these out of the other options/, { credentials: good, password: "one" }],
        [/leave these out of the other options/, { credentials: good, url: "redis://app:one@127.0.0.1" }]
      ]
      for (const [message, options] of cases) {
        const error = yield* failing(
          RedisLayer.layer({ ...(options.url === undefined && { host: "127.0.0.1" }), ...options })
        )
        assert.match(error.message, message)
      }
    }))
})
