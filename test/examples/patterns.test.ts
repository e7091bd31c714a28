/** What docs/guides/effect.md says about services, runtimes and layers. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Layer, ManagedRuntime, Option } from "effect"
import { Cache, Memo, Redis, RedisLayer } from "effect-redis-cache"
import { client, until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

class Database extends Effect.Service<Database>()("Database", {
  sync: () => {
    let queries = 0
    return { find: (id: string) => Effect.sync(() => `${id} ${++queries}`) }
  }
}) {}

const makeService = (captures: ReadonlyArray<unknown> | undefined) =>
  Effect.map(Database, (database) => ({
    find: Memo.cached((id: string) => database.find(id), { name: "Users.find", timeToLive: "1 minute", captures })
  }))

class Unsaid extends Effect.Service<Unsaid>()("Unsaid", {
  effect: makeService(undefined),
  dependencies: [Database.Default]
}) {}

class Said extends Effect.Service<Said>()("Said", {
  effect: makeService([]),
  dependencies: [Database.Default]
}) {}

class OfTenant extends Effect.Service<OfTenant>()("OfTenant", {
  effect: (tenant: string) =>
    Effect.map(Database, (database) => ({
      find: Memo.cached((id: string) => Effect.map(database.find(id), (found) => `${found} of ${tenant}`), {
        name: "OfTenant.find",
        captures: [tenant],
        timeToLive: "1 minute"
      })
    })),
  dependencies: [Database.Default]
}) {}

describe("a service that memoizes a method when it is built", () => {
  it.effect("shares its results with all its users, because a layer is built once", () =>
    Effect.gen(function*() {
      const both = Effect.all([
        Effect.flatMap(Unsaid, (users) => users.find("42")),
        Effect.flatMap(Unsaid, (users) => users.find("42"))
      ])
      assert.deepStrictEqual(yield* Effect.provide(both, Unsaid.Default), ["42 1", "42 1"])
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("built a second time, dies at its first call and says what to do", () =>
    Effect.gen(function*() {
      const ask = Effect.flatMap(Unsaid, (users) => users.find("42"))
      yield* Effect.provide(ask, Unsaid.Default)
      const exit = yield* Effect.exit(Effect.provide(ask, Layer.fresh(Unsaid.Default)))
      const defect = Exit.isFailure(exit) ? Option.getOrNull(Cause.dieOption(exit.cause)) : undefined
      assert.match(String(defect), /"Users.find".*captures: \[\]/s)
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("built a second time with captures, shares its results; other captures are other keys", () =>
    Effect.gen(function*() {
      const ask = Effect.flatMap(Said, (users) => users.find("42"))
      assert.strictEqual(yield* Effect.provide(ask, Said.Default), "42 1")
      // Its database is a different one, and is not queried.
      assert.strictEqual(yield* Effect.provide(ask, Layer.fresh(Said.Default)), "42 1")
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("for two tenants: each has its own results", () =>
    Effect.gen(function*() {
      const find = (tenant: string) =>
        Effect.flatMap(OfTenant, (users) => users.find("42")).pipe(
          Effect.provide(Layer.fresh(OfTenant.Default(tenant)))
        )
      const found = yield* Effect.forEach(["a", "b", "a"], find)
      assert.deepStrictEqual(found, ["42 1 of a", "42 1 of b", "42 1 of a"])
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})

describe("a memoized function outside of any service", () => {
  const findUser = Memo.cached(
    (id: string) => Effect.flatMap(Database, (database) => database.find(id)),
    { name: "findUser", timeToLive: "1 minute" }
  )

  it.effect("loads with its caller's services", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.provide(findUser("42"), Database.Default), "42 1")
      const broken = Layer.succeed(Database, Database.make({ find: () => Effect.die("asked again") }))
      assert.strictEqual(yield* Effect.provide(findUser("42"), broken), "42 1")
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})

describe("a ManagedRuntime", () => {
  it.live("shares loads between its runs, and ends the remaining ones when it is disposed of", () =>
    Effect.promise(async () => {
      const runtime = ManagedRuntime.make(RedisLayer.layerMemory)
      const cache = Cache.of<number>()({ name: "n" })
      let loads = 0
      const gate = Deferred.unsafeMake<number>(runtime.runSync(Effect.fiberId))
      const load = Effect.suspend(() => {
        loads++
        return Deferred.await(gate)
      })
      const runs = [1, 2, 3].map(() => runtime.runPromise(Cache.getOrSet(cache, "a", load)))
      await runtime.runPromise(Effect.yieldNow())
      runtime.runSync(Deferred.succeed(gate, 7))
      assert.deepStrictEqual(await Promise.all(runs), [7, 7, 7])
      assert.strictEqual(loads, 1)
      const ended = runtime.runPromise(Effect.exit(Cache.getOrSet(cache, "b", Effect.never)))
      await runtime.runPromise(Effect.yieldNow())
      await runtime.dispose()
      assert.isTrue(Exit.isFailure(await ended))
    }))
})

describe("a RedisLayer", () => {
  it.scopedLive("with a name is one connection, however many services need it; each call makes another", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const outside = yield* client(server.url)
      const connections = Effect.map(
        Effect.promise(() => outside.client("LIST")),
        (list) => String(list).trim().split("\n").length - 1
      )
      const services = ["A", "B", "C"].map((name) => (redis: Layer.Layer<Redis.Redis, unknown>) =>
        Layer.effect(Context.GenericTag<string, Redis.Redis["Type"]>(name), Redis.Redis).pipe(Layer.provide(redis))
      )
      const [a, b, c] = services
      const RedisLive = RedisLayer.layer(server.url)
      yield* Effect.provide(
        Effect.map(connections, (count) => assert.strictEqual(count, 1)),
        Layer.mergeAll(a!(RedisLive), b!(RedisLive), c!(RedisLive))
      )
      yield* until(Effect.map(connections, (count) => count === 0))
      yield* Effect.provide(
        Effect.map(connections, (count) => assert.strictEqual(count, 3)),
        Layer.mergeAll(...[a!, b!, c!].map((service) => service(RedisLayer.layer(server.url))) as [Layer.Layer<any>])
      )
    }))
})
